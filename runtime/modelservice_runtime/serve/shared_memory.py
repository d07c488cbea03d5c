"""The Python backend's regions in /dev/shm: a name of our own, so that leftovers can go.

A Triton that was killed leaves its regions; in a pod they would count against the memory limit
until the pod goes.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

FOLDER = Path("/dev/shm")  # noqa: S108 - where POSIX shared memory is
_DIGITS = 12
#: ``st_blocks`` counts in these, whatever the file system's own are.
_BLOCK_BYTES = 512


def region_prefix(repository: Path, model: str) -> str:
    """A prefix that no other repository on this machine has."""
    words = f"{repository.resolve()}\n{model}"
    return f"modelservice_{hashlib.sha256(words.encode()).hexdigest()[:_DIGITS]}_"


def remove_regions(prefix: str, folder: Path = FOLDER) -> int:
    """Remove the regions whose name begins with ``prefix``; how many there were.

    Only to be called while no Triton uses them.
    """
    found = list(folder.glob(f"{prefix}*"))
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def used_bytes(prefix: str, folder: Path = FOLDER) -> int:
    """What the regions with this prefix take now; those that go meanwhile are left out."""
    total = 0
    for path in folder.glob(f"{prefix}*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_blocks * _BLOCK_BYTES
    return total
