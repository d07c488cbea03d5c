"""The source's address → a local folder and its digest."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from modelservice_runtime.contract.requests import SourceRequest
from modelservice_runtime.store import errors as store_errors
from modelservice_runtime.store.digests import IGNORED_FOLDER, tree_digest
from modelservice_runtime.store.explaining import explained
from modelservice_runtime.store.fetching import download
from modelservice_runtime.store.opening import Store, open_store

from .archives import SUFFIXES, is_archive, unpack
from .errors import SOURCE_DIGEST_MISMATCH, SOURCE_NOT_FOUND, SOURCE_UNSAFE, UserError, from_store

#: One file can be a whole source.
MODEL_SUFFIXES = (".keras", ".onnx", ".pt2")


def fetch_source(request: SourceRequest, target: Path) -> str:
    """Bring the source into the folder ``target``; returns its digest (``sha256:<hex>``).

    Raises:
        UserError: nothing usable lies there, it is unsafe, or the pin does not match.
        Infrastructure: the store cannot be used.
        OSError: ``target`` cannot be written.
    """
    try:
        _fetch(request.uri, target)
    except store_errors.NotInStore as error:
        raise UserError(SOURCE_NOT_FOUND, f"source {error}") from error
    except store_errors.StoreError as error:
        raise from_store(error) from error
    digest = tree_digest(target)
    check_pin(request, digest)
    return digest


def check_pin(request: SourceRequest, digest: str) -> None:
    """Compare with the pin, where there is one.

    Raises:
        UserError: they differ; the message names both.
    """
    if request.digest and request.digest != digest:
        raise UserError(
            SOURCE_DIGEST_MISMATCH,
            f"{request.uri}: the source has digest {digest}, spec.model.source.{request.kind}"
            f".digest pins {request.digest}; upload the pinned bytes or change the pin",
        )


def _fetch(uri: str, target: Path) -> None:
    store = open_store(uri, public=True)
    name = PurePosixPath(urlsplit(uri).path).name
    if _is_file(store, name):
        _fetch_file(store, name, target)
    else:
        _fetch_folder(store, target)


def _is_file(store: Store, name: str) -> bool:
    if store.scheme in {"http", "https"}:
        if is_archive(name) or name.endswith(MODEL_SUFFIXES):
            return True
        raise UserError(
            SOURCE_NOT_FOUND,
            f"{store.uri}: over {store.scheme} the source must be one file: an archive"
            f" ({', '.join(SUFFIXES)}) or a model ({', '.join(MODEL_SUFFIXES)})",
        )
    with explained(store.uri):
        return bool(store.filesystem.isfile(store.root))


def _fetch_file(store: Store, name: str, target: Path) -> None:
    if not is_archive(name):
        download(store, "", target / name)
        return
    archive = target.with_name(f"archive-{name}")
    download(store, "", archive)
    unpack(archive, target, store.uri)
    archive.unlink()


def _fetch_folder(store: Store, target: Path) -> None:
    with explained(store.uri):
        found = sorted(store.filesystem.find(store.root))
    names = [path.removeprefix(store.root).lstrip("/") for path in found]
    names = [n for n in names if n and IGNORED_FOLDER not in PurePosixPath(n).parts]
    if not names:
        raise store_errors.NotInStore(f"{store.uri}: nothing lies there; check the address")
    for name in names:
        _check_inside(store, name)
        download(store, name, target / name)


def _check_inside(store: Store, name: str) -> None:
    """A link on a volume may not reach outside of the source (say, to the pod's own files)."""
    if store.local is None:
        return
    root = store.local.resolve()
    if not (store.local / name).resolve().is_relative_to(root):
        raise UserError(
            SOURCE_UNSAFE, f"{store.uri}: {name} is a link to the outside; copy the file instead"
        )
