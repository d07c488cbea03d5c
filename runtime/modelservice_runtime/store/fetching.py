"""Store → local folder, every byte checked against the manifest.

``fetch_artifact`` is what the serving side and the tuner call.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import BinaryIO

from modelservice_runtime.contract.codec import ContractError, loads
from modelservice_runtime.contract.manifest import FileEntry, Manifest, files_digest
from modelservice_runtime.contract.store_layout import MANIFEST

from .digests import sha256_of
from .errors import ArtifactDamaged, NotInStore
from .explaining import explained
from .opening import Store, open_store

_PART = ".part"
_CHUNK_BYTES = 1 << 20


def fetch_artifact(uri: str, digest: str, target: Path) -> Manifest:
    """Bring the artifact at ``uri`` into the folder ``target`` and check all of it.

    ``digest``: ``sha256:<hex>`` that the artifact must have; empty accepts any (the files are
    still checked against the manifest). Files that are there already and right are kept, so a
    restarted init container fetches only what is missing. The files lie at ``target`` under
    their manifest paths (``samples.safetensors``, ``variants/…``, ``warmup/…``), beside
    ``manifest.json``.

    Raises:
        ArtifactDamaged: a file is missing, has other bytes, or the digest is another one.
        NotInStore: there is no manifest at ``uri``.
        StoreUnavailable: the store cannot be used.
        OSError: ``target`` cannot be written.
    """
    store = open_store(uri)
    manifest = inspect_artifact(uri, digest)
    target.mkdir(parents=True, exist_ok=True)
    for entry in manifest.files:
        if not _is_right(entry, target / entry.path):
            _fetch(store, _address(manifest, entry), target / entry.path, entry)
    verify(manifest, target)
    with explained(uri):
        text = store.filesystem.cat_file(store.at(MANIFEST))
    (target / MANIFEST).write_bytes(text)
    return manifest


def inspect_artifact(uri: str, digest: str) -> Manifest:
    """What the artifact at ``uri`` says of itself, before any of it is brought.

    ``digest``: as for ``fetch_artifact``.

    Raises:
        ArtifactDamaged: the manifest cannot be read, or has another digest.
        NotInStore: there is none at ``uri``.
        StoreUnavailable: the store cannot be used.
    """
    manifest = read_manifest(open_store(uri))
    check_digest(manifest, digest, uri)
    return manifest


def read_manifest(store: Store) -> Manifest:
    """The manifest of the artifact at ``store``.

    Raises:
        NotInStore: there is none.
        ArtifactDamaged: it cannot be read as a manifest, or lists a path outside its folder.
        StoreUnavailable: the store cannot be used.
    """
    with explained(f"{store.uri}/{MANIFEST}"):
        text = store.filesystem.cat_file(store.at(MANIFEST))
    try:
        manifest = loads(Manifest, text)
    except ContractError as error:
        raise ArtifactDamaged(f"{store.uri}/{MANIFEST}: damaged: {error}") from error
    for entry in manifest.files:
        path = PurePosixPath(entry.path)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise ArtifactDamaged(f"{store.uri}/{MANIFEST}: lists the unsafe path {entry.path!r}")
    return manifest


def check_digest(manifest: Manifest, digest: str, uri: str) -> None:
    """Compare the manifest with itself and with the wanted ``digest`` (empty: any).

    Raises:
        ArtifactDamaged: they differ; the message names both.
    """
    computed = files_digest(manifest.files)
    if computed != manifest.digest:
        raise ArtifactDamaged(
            f"{uri}: the manifest's file list has digest {computed}, it says {manifest.digest}"
        )
    if digest and digest != manifest.digest:
        raise ArtifactDamaged(f"{uri}: wanted {digest}, the store holds {manifest.digest}")


def verify(manifest: Manifest, folder: Path) -> None:
    """Check size and SHA-256 of every file of ``manifest`` under ``folder``.

    Raises:
        ArtifactDamaged: naming the first file that is missing or differs.
    """
    for entry in manifest.files:
        check_file(entry, folder / entry.path)


def check_file(entry: FileEntry, path: Path) -> None:
    """Check one local file against its entry.

    Raises:
        ArtifactDamaged: it is missing, too short or long, or has other bytes.
    """
    if not path.is_file():
        raise ArtifactDamaged(f"{entry.path}: missing from the artifact")
    size = path.stat().st_size
    if size != entry.size_bytes:
        raise ArtifactDamaged(
            f"{entry.path}: {size} bytes, the manifest says {entry.size_bytes};"
            " the artifact was damaged in the store, build it again"
        )
    found = sha256_of(path)
    if found != entry.sha256:
        raise ArtifactDamaged(
            f"{entry.path}: sha256 {found[:12]}…, the manifest says {entry.sha256[:12]}…;"
            " the artifact was damaged in the store, build it again"
        )


def download(store: Store, name: str, target: Path) -> None:
    """Copy one file of ``store`` to ``target``; it appears there whole or not at all.

    Raises:
        StoreError: the store's side failed, in words.
        OSError: ``target`` cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + _PART)
    address = f"{store.uri}/{name}".rstrip("/")
    with explained(address):
        source = store.filesystem.open(store.at(name), "rb")
    with source, part.open("wb") as sink:
        # Only the reading is the store's: a full target is the pod's own volume.
        while chunk := _read(source, address):
            sink.write(chunk)
    part.replace(target)


def _read(source: BinaryIO, address: str) -> bytes:
    with explained(address):
        return source.read(_CHUNK_BYTES)


def _fetch(store: Store, name: str, target: Path, entry: FileEntry) -> None:
    try:
        download(store, name, target)
    except NotInStore as error:
        raise ArtifactDamaged(
            f"{entry.path}: missing from {store.uri}; build the artifact again"
        ) from error


def _is_right(entry: FileEntry, path: Path) -> bool:
    try:
        check_file(entry, path)
    except ArtifactDamaged:
        return False
    return True


def _address(manifest: Manifest, entry: FileEntry) -> str:
    return f"{manifest.folder}/{entry.path}" if manifest.folder else entry.path
