"""A process and all that it started, from /proc."""

from __future__ import annotations

import contextlib
from pathlib import Path


def family(pid: int, proc: Path) -> list[int]:
    """The process ``pid`` and its descendants; those that end meanwhile may be among them."""
    members, waiting = [], [pid]
    while waiting:
        member = waiting.pop()
        members.append(member)
        # A process is the child of the thread that started it.
        for path in (proc / str(member)).glob("task/*/children"):
            with contextlib.suppress(OSError):
                waiting += map(int, path.read_text().split())
    return members
