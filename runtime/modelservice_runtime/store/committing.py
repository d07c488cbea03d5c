"""Writing to a store: durable files, and one that is created only if nobody did before.

On a volume the conditional file is written whole to a temporary name, synced, and linked to
its name (``link`` fails if the name exists, on NFS too). On S3 it is a put with
``If-None-Match: *``. In both the second writer loses.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from .explaining import explained, is_precondition_failure
from .opening import Store

_COPY_BYTES: Final = 1 << 20
_PROBE: Final = ".writable"


def upload(store: Store, source: Path, name: str) -> None:
    """Copy the local file ``source`` to ``name`` in ``store``; on a volume also to the disk.

    Raises:
        StoreError: full, read-only, unreachable …, in words.
    """
    with explained(store.uri, writing=True):
        local = store.local
        if local is None:
            store.filesystem.put_file(str(source), store.at(name))
        else:
            _copy_synced(source, local / name)


def create_if_absent(store: Store, name: str, data: bytes, *, writer: str) -> bool:
    """Create ``name`` with ``data`` unless it exists; whether this call created it.

    ``writer``: a word unique to this process, for the temporary name.

    Raises:
        StoreError: full, read-only, unreachable …, in words.
    """
    with explained(store.uri, writing=True):
        if store.local is None:
            return _put_if_absent(store, name, data)
        return _link_if_absent(store.local / name, data, writer)


def check_writable(store: Store) -> None:
    """Write and drop an empty file: a store that refuses is known before the work is done.

    Raises:
        StoreError: read-only, unreachable, no such bucket …, in words.
    """
    with explained(store.uri, writing=True):
        local = store.local
        if local is None:
            store.filesystem.pipe_file(store.at(_PROBE), b"")
        else:
            local.mkdir(parents=True, exist_ok=True)
            (local / _PROBE).write_bytes(b"")
    with suppress(Exception):
        store.filesystem.rm_file(store.at(_PROBE))


def remove_folder(store: Store, name: str) -> None:
    """Best effort: drop the files under ``name``; what stays is harmless without a manifest."""
    with suppress(Exception):
        store.filesystem.rm(store.at(name), recursive=True)


def _put_if_absent(store: Store, name: str, data: bytes) -> bool:
    try:
        store.filesystem.pipe_file(store.at(name), data, mode="create")
    except OSError as error:
        if is_precondition_failure(error):
            return False
        raise
    return True


def _link_if_absent(path: Path, data: bytes, writer: str) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{writer}")
    try:
        with temporary.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return False
        _sync_folder(path.parent)
        return True
    finally:
        temporary.unlink(missing_ok=True)


def _copy_synced(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as reading, target.open("wb") as writing:
        shutil.copyfileobj(reading, writing, _COPY_BYTES)
        writing.flush()
        os.fsync(writing.fileno())
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
