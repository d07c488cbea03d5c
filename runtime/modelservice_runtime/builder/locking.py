"""Timing is done alone: one lock for all builds on this machine that share a temporary folder."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(folder: Path | None = None) -> Iterator[None]:
    """Wait until no other build here is timing, then keep the others waiting."""
    # Another user's file could not be opened.
    name = f"modelservice-builder-timing-{os.getuid()}.lock"
    path = (folder or Path(tempfile.gettempdir())) / name
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
