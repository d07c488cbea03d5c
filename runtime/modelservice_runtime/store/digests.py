"""SHA-256 of files and of folders.

The digest of a folder can be said again with ordinary tools, so that a user may pin it::

    cd FOLDER && find * -type f -not -path '*__pycache__*' -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

_CHUNK_BYTES = 1 << 20
IGNORED_FOLDER = "__pycache__"


def sha256_of(path: Path) -> str:
    """64 hex digits over the bytes of the file at ``path``."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def files_under(folder: Path) -> list[str]:
    """Relative POSIX paths of the regular files under ``folder``, without Python's caches."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if IGNORED_FOLDER not in path.parts)


def tree_digest(folder: Path) -> str:
    """``sha256:<hex>`` over the sorted (path, sha256) of every file under ``folder``."""
    return listing_digest((name, sha256_of(folder / name)) for name in files_under(folder))


def listing_digest(entries: Iterable[tuple[str, str]]) -> str:
    """``sha256:<hex>`` over (path, sha256 hex) pairs, whatever their order."""
    ordered = sorted(entries, key=lambda entry: entry[0].encode())
    text = "".join(f"{sha256}  {name}\n" for name, sha256 in ordered)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
