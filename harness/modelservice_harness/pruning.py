"""Keeps the cache from growing: old builds go, what a cluster or a recent run uses stays."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .layout import Layout
from .workshop import MARKER, is_complete

#: Per name: enough to go back and forth between a few states of the sources.
KEEP = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A finished folder of the cache. ``used``: when it was last asked for, seconds."""

    path: Path
    name: str
    used: float


def superfluous(built: Iterable[Built], referenced: str, keep: int = KEEP) -> list[Path]:
    """All but the ``keep`` most recently used of each name, without what ``referenced`` names.

    ``referenced``: the text of the image maps of all clusters.
    """
    by_name: dict[str, list[Built]] = defaultdict(list)
    for item in built:
        by_name[item.name].append(item)
    found: list[Path] = []
    for items in by_name.values():
        old = sorted(items, key=lambda item: -item.used)[keep:]
        found += [item.path for item in old if str(item.path) not in referenced]
    return found


def prune(layout: Layout) -> list[Path]:
    """Remove what is superfluous; returns what was removed."""
    maps = "\n".join(path.read_text() for path in layout.image_maps.glob("*.json"))
    gone = superfluous(_built(layout), maps)
    for path in gone:
        # Without the marker first: a run that is killed here leaves nothing that looks whole.
        (path / MARKER).unlink(missing_ok=True)
        shutil.rmtree(path, ignore_errors=True)
    return gone


def _built(layout: Layout) -> list[Built]:
    folders = [layout.projects, layout.environments, layout.binaries]
    return [
        Built(path=path, name=_name(folder, path), used=(path / MARKER).stat().st_mtime)
        for folder in folders
        for path in folder.glob("*")
        if path.is_dir() and is_complete(path)
    ]


def _name(folder: Path, path: Path) -> str:
    """``environments/builder`` of ``builder-0123456789abcdef``; projects have no name before."""
    stem, _, _ = path.name.rpartition("-")
    return f"{folder.name}/{stem}"
