"""``spec.evaluation.dataUri`` → one local file and its digest."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from modelservice_runtime.builder.errors import from_store
from modelservice_runtime.contract.requests import EvaluationRequest
from modelservice_runtime.store import errors as store_errors
from modelservice_runtime.store.digests import sha256_of
from modelservice_runtime.store.explaining import explained
from modelservice_runtime.store.fetching import download
from modelservice_runtime.store.opening import Store, open_store

from .invalid import invalid
from .tables import SUFFIXES


def fetch_data(request: EvaluationRequest, target: Path) -> tuple[Path, str]:
    """Bring the evaluation data into the folder ``target``; the file and its digest.

    The address names the file, or a folder that holds exactly one. The digest is the file's
    own, ``sha256:<hex>`` as ``sha256sum`` says it.

    Raises:
        UserError: nothing usable lies there, or the pin does not match.
        Infrastructure: the store cannot be used.
        OSError: ``target`` cannot be written.
    """
    try:
        path = _fetch(request.data_uri, target)
    except store_errors.NotInStore as error:
        raise invalid(f"spec.evaluation.dataUri: {error}") from error
    except store_errors.StoreError as error:
        raise from_store(error) from error
    digest = f"sha256:{sha256_of(path)}"
    if request.data_digest and request.data_digest != digest:
        raise invalid(
            f"{request.data_uri}: the evaluation data have digest {digest},"
            f" spec.evaluation.dataDigest pins {request.data_digest}; upload the pinned bytes or"
            " change the pin"
        )
    return path, digest


def _fetch(uri: str, target: Path) -> Path:
    store = open_store(uri, public=True)
    name = PurePosixPath(urlsplit(uri).path).name
    if _is_file(store, name):
        _check_ending(uri, name)
        download(store, "", target / name)
        return target / name
    inside = _only_file(store)
    path = target / PurePosixPath(inside).name
    download(store, inside, path)
    return path


def _is_file(store: Store, name: str) -> bool:
    if store.scheme in {"http", "https"}:
        _check_ending(store.uri, name)
        return True
    with explained(store.uri):
        return bool(store.filesystem.isfile(store.root))


def _check_ending(uri: str, name: str) -> None:
    if not name.endswith(SUFFIXES):
        raise invalid(
            f"spec.evaluation.dataUri: {uri} must end in one of {', '.join(SUFFIXES)}, or be a"
            " folder on a claim or in a bucket that holds one such file"
        )


def _only_file(store: Store) -> str:
    with explained(store.uri):
        found = sorted(store.filesystem.find(store.root))
    names: list[str] = [path.removeprefix(store.root).lstrip("/") for path in found]
    usable = [name for name in names if name.endswith(SUFFIXES)]
    if not names:
        raise store_errors.NotInStore(f"{store.uri}: nothing lies there; check the address")
    if len(usable) != 1:
        words = ", ".join(usable[:4]) or "none"
        raise invalid(
            f"spec.evaluation.dataUri: the folder {store.uri} must hold exactly one file that ends"
            f" in {', '.join(SUFFIXES)}; it holds {words}; give the address of the file itself"
        )
    _check_inside(store, usable[0])
    return usable[0]


def _check_inside(store: Store, name: str) -> None:
    """A link on a volume may not reach outside of the folder (say, to the pod's own files)."""
    if store.local is None:
        return
    if not (store.local / name).resolve().is_relative_to(store.local.resolve()):
        raise invalid(
            f"spec.evaluation.dataUri: {store.uri}: {name} is a link to the outside; copy the file"
            " instead"
        )
