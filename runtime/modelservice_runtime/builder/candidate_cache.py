"""Produced candidates in the store, for later builds, restarted ones and other pods.

``<store>/<namespace>/<name>/candidates/<key>/made.json`` is the commit of one of them, created
conditionally and last, beside the files in a folder of the writer's own; ``claim`` beside it
says who is at it. The whole folder may be deleted at any time: it is made again.
"""

from __future__ import annotations

import json
import logging
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelservice_runtime.contract.codec import ContractError, dumps, loads
from modelservice_runtime.contract.manifest import FileEntry
from modelservice_runtime.contract.requests import BuildRequest
from modelservice_runtime.contract.store_layout import CANDIDATES_FOLDER
from modelservice_runtime.store.committing import create_if_absent, remove_folder, upload
from modelservice_runtime.store.errors import ArtifactDamaged, NotInStore, StoreError
from modelservice_runtime.store.explaining import explained
from modelservice_runtime.store.fetching import check_file, download
from modelservice_runtime.store.opening import Store, open_store

from .publishing import list_files
from .techniques.base import Made

_COMMIT = "made.json"
_CLAIM = "claim"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the store knows of a candidate. ``seconds``: that it took; ``folder``: of the files."""

    model_file: str
    seconds: float
    files: tuple[FileEntry, ...]
    folder: str
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def made(self) -> Made:
        """As the technique said it."""
        return Made(
            model_file=self.model_file,
            notes=self.notes,
            versions=self.versions,
            figures=self.figures,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateCache:
    """One service's candidates. What the store refuses costs time, never the build."""

    store: Store

    def has(self, key: str) -> bool:
        """Whether somebody committed the candidate."""
        try:
            with explained(self.store.uri):
                return bool(self.store.filesystem.exists(self.store.at(f"{key}/{_COMMIT}")))
        except StoreError as error:
            _log.warning("the candidates in the store cannot be looked at: %s", error)
            return False

    def get(self, key: str, target: Path) -> Entry | None:
        """Bring the candidate into the folder ``target``; None if there is none (left).

        Raises:
            OSError: ``target`` cannot be written.
        """
        if not self.has(key):
            return None
        try:
            entry = self._entry(key)
            for file in entry.files:
                download(self.store, f"{key}/{entry.folder}/{file.path}", target / file.path)
                check_file(file, target / file.path)
        except (ArtifactDamaged, ContractError, NotInStore) as error:
            _log.warning("candidate %s is damaged and made again: %s", key, error)
            remove_folder(self.store, key)
        except StoreError as error:
            _log.warning("candidate %s cannot be read and is made again: %s", key, error)
        else:
            return entry
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        return None

    def put(self, key: str, folder: Path, made: Made, seconds: float) -> None:
        """Keep what lies in ``folder``; another writer's copy stays if it was first."""
        writer = f"files-{uuid.uuid4().hex[:12]}"
        entry = Entry(
            model_file=made.model_file,
            seconds=seconds,
            files=list_files(folder),
            folder=writer,
            notes=made.notes,
            versions=made.versions,
            figures=made.figures,
        )
        committed = False
        try:
            for file in entry.files:
                upload(self.store, folder / file.path, f"{key}/{writer}/{file.path}")
            data = dumps(entry).encode()
            committed = create_if_absent(self.store, f"{key}/{_COMMIT}", data, writer=writer)
        except StoreError as error:
            _log.warning("candidate %s is not kept for later builds: %s", key, error)
        finally:
            if not committed:
                remove_folder(self.store, f"{key}/{writer}")

    def claim(self, key: str, build: str, index: int) -> bool:
        """Whether pod ``index`` of the build ``build`` may make this candidate.

        False only where another pod of the same build said so before; what an earlier build
        left behind counts for nothing.
        """
        try:
            data = json.dumps({"build": build, "index": index}).encode()
            if create_if_absent(self.store, f"{key}/{_CLAIM}", data, writer=uuid.uuid4().hex[:12]):
                return True
            with explained(self.store.uri):
                text = self.store.filesystem.cat_file(self.store.at(f"{key}/{_CLAIM}"))
            claimed = json.loads(text)
            return bool(claimed["build"] != build or claimed["index"] == index)
        except (StoreError, ValueError, KeyError) as error:
            _log.warning("candidate %s cannot be claimed: %s", key, error)
            return True

    def _entry(self, key: str) -> Entry:
        with explained(f"{self.store.uri}/{key}/{_COMMIT}"):
            text = self.store.filesystem.cat_file(self.store.at(f"{key}/{_COMMIT}"))
        return loads(Entry, text)


def open_cache(request: BuildRequest) -> CandidateCache:
    """The candidates of the request's service.

    Raises:
        StoreError: the address is unknown or its volume is not mounted.
    """
    uri = request.store_uri.rstrip("/")
    return CandidateCache(
        store=open_store(f"{uri}/{request.namespace}/{request.name}/{CANDIDATES_FOLDER}")
    )
