"""Digests of source trees: the names under which built things are cached."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

DIGEST_DIGITS = 16
_IGNORED_FOLDERS = {"__pycache__", ".git", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


def digest_of_text(text: str) -> str:
    """The first digits of the SHA-256 of ``text``."""
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_DIGITS]


def files_of(roots: Iterable[Path]) -> Iterator[Path]:
    """Every file below ``roots`` (or a root that is a file), sorted, without caches."""
    for root in sorted(roots):
        if root.is_file():
            yield root
            continue
        for path in sorted(root.rglob("*")):
            if path.is_file() and not _IGNORED_FOLDERS.intersection(path.parts):
                yield path


def digest_of_files(base: Path, roots: Iterable[Path]) -> str:
    """One digest over names (relative to ``base``), execute bits and bytes of all files."""
    total = hashlib.sha256()
    for path in files_of(roots):
        executable = "x" if path.stat().st_mode & 0o100 else "-"
        inner = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(base).as_posix()} {executable} {inner}\n".encode())
    return total.hexdigest()[:DIGEST_DIGITS]
