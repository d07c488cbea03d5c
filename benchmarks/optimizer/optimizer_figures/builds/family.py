"""Memory of a process and of all that it started, from /proc."""

from __future__ import annotations

from pathlib import Path

from bench_figures.family import family

_PROC = Path("/proc")
#: What counts against a container's limit: pages that no file backs.
_COUNTED = ("RssAnon:", "RssShmem:")


def private_bytes(pid: int, proc: Path = _PROC) -> int:
    """Resident bytes of the process ``pid`` and its descendants that no file backs."""
    return sum(_own_bytes(member, proc) for member in family(pid, proc))


def _own_bytes(pid: int, proc: Path) -> int:
    try:
        lines = (proc / str(pid) / "status").read_text().splitlines()
    except OSError:
        return 0  # it ended meanwhile
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(_COUNTED))
