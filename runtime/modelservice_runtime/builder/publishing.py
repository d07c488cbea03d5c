"""Scratch → store: the files first, the manifest last and only if there is none yet.

Every writer uploads into a folder of its own, so that a second writer (a pod on a node that
was lost and came back) cannot overwrite what the first one committed.
"""

from __future__ import annotations

from pathlib import Path

from modelservice_runtime.contract.codec import dumps
from modelservice_runtime.contract.manifest import FileEntry, Manifest
from modelservice_runtime.contract.requests import BuildRequest
from modelservice_runtime.contract.store_layout import MANIFEST
from modelservice_runtime.store import errors as store_errors
from modelservice_runtime.store.committing import create_if_absent, remove_folder, upload
from modelservice_runtime.store.digests import files_under, sha256_of
from modelservice_runtime.store.explaining import explained
from modelservice_runtime.store.fetching import check_digest, read_manifest
from modelservice_runtime.store.opening import Store

from .errors import STORE_CONFLICT, Infrastructure


def list_files(folder: Path) -> tuple[FileEntry, ...]:
    """Every file under ``folder`` with its size and digest."""
    return tuple(
        FileEntry(
            path=name,
            size_bytes=(folder / name).stat().st_size,
            sha256=sha256_of(folder / name),
        )
        for name in files_under(folder)
    )


def find_published(store: Store, request: BuildRequest) -> Manifest | None:
    """The manifest that an earlier run of this very attempt committed, or None.

    Raises:
        Infrastructure: the address holds another build's artifact.
        StoreError: the store cannot be used, or the artifact is damaged.
    """
    try:
        manifest = read_manifest(store)
    except store_errors.NotInStore:
        return None
    if (manifest.build_key, manifest.attempt) != (request.build_key, request.attempt):
        raise Infrastructure(
            STORE_CONFLICT,
            f"{store.uri} holds build {manifest.build_key} attempt {manifest.attempt}, not"
            f" {request.build_key} attempt {request.attempt}; give each operator its own store",
        )
    check_digest(manifest, "", store.uri)
    _check_sizes(store, manifest)
    return manifest


def publish(store: Store, manifest: Manifest, folder: Path) -> bool:
    """Upload and commit; whether this call committed (False: another writer was first).

    ``manifest.folder`` names the writer's own folder.

    Raises:
        StoreError: full, read-only, unreachable …; nothing is committed then.
    """
    committed = False
    try:
        for entry in manifest.files:
            upload(store, folder / entry.path, f"{manifest.folder}/{entry.path}")
        data = dumps(manifest).encode()
        committed = create_if_absent(store, MANIFEST, data, writer=manifest.folder)
    finally:
        if not committed:
            _withdraw(store, manifest)
    return committed


def _withdraw(store: Store, manifest: Manifest) -> None:
    """Drop the upload, unless the commit took effect although its answer was lost."""
    try:
        mine = read_manifest(store).folder == manifest.folder
    except store_errors.NotInStore:
        mine = False
    except store_errors.StoreError:
        return
    if not mine:
        remove_folder(store, manifest.folder)


def _check_sizes(store: Store, manifest: Manifest) -> None:
    """A cheap look that the committed files are still there; pods check every byte."""
    for entry in manifest.files:
        name = f"{manifest.folder}/{entry.path}" if manifest.folder else entry.path
        try:
            with explained(f"{store.uri}/{name}"):
                size = int(store.filesystem.size(store.at(name)))
        except store_errors.NotInStore as error:
            raise _damaged(store, entry.path, "is missing") from error
        if size != entry.size_bytes:
            raise _damaged(store, entry.path, f"has {size} bytes, not {entry.size_bytes}")


def _damaged(store: Store, path: str, what: str) -> store_errors.ArtifactDamaged:
    return store_errors.ArtifactDamaged(
        f"{store.uri}: {path} {what}: the artifact was damaged in the store; build again by"
        " setting the annotation modelservice.dev/rebuild"
    )
