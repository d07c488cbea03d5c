"""Unpacking a source archive: only regular files and folders, only inside the target."""

from __future__ import annotations

import gzip
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from .errors import SOURCE_NOT_FOUND, SOURCE_UNSAFE, UserError

SUFFIXES = (".zip", ".tar.gz", ".tgz", ".tar")
#: What the standard library raises of bytes that are none of these, or of two entries of which
#: one is a file where the other needs a folder. RuntimeError: encrypted, or packed in a rare way.
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.ReadError,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
)


def is_archive(name: str) -> bool:
    """Whether ``name`` (a path or an address) ends like an archive that is understood."""
    return name.lower().endswith(SUFFIXES)


def unpack(archive: Path, target: Path, uri: str) -> None:
    """Extract ``archive`` into ``target``. An archive of one folder gives that folder's content.

    Raises:
        UserError: it is damaged or encrypted, or holds links or paths that reach outside.
        OSError: ``target`` cannot be written.
    """
    try:
        if archive.name.lower().endswith(".zip"):
            _unzip(archive, target, uri)
        else:
            _untar(archive, target)
    except _DAMAGED as error:
        raise UserError(
            SOURCE_NOT_FOUND, f"{uri}: the archive is damaged or of another kind: {error}"
        ) from error
    except tarfile.FilterError as error:
        raise _unsafe(uri, str(error)) from error
    _lift_single_folder(target)


def _untar(archive: Path, target: Path) -> None:
    with tarfile.open(archive) as opened:
        # The data filter refuses absolute paths, "..", links to the outside and devices.
        opened.extractall(target, filter="data")


def _unzip(archive: Path, target: Path, uri: str) -> None:
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            path = PurePosixPath(entry.filename)
            if path.is_absolute() or ".." in path.parts:
                raise _unsafe(uri, f"{entry.filename!r} lies outside of the archive")
            if stat.S_ISLNK(entry.external_attr >> 16):
                raise _unsafe(uri, f"{entry.filename!r} is a link")
        opened.extractall(target)  # noqa: S202 - every entry was looked at above


def _lift_single_folder(target: Path) -> None:
    entries = list(target.iterdir())
    if len(entries) != 1 or not entries[0].is_dir():
        return
    single = entries[0].rename(target.with_name(target.name + ".single"))
    target.rmdir()
    single.rename(target)


def _unsafe(uri: str, detail: str) -> UserError:
    return UserError(
        SOURCE_UNSAFE,
        f"{uri}: the archive is refused: {detail}; pack plain files with relative paths",
    )
