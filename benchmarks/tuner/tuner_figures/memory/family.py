"""Memory of a Triton and of its models' processes, while something else is going on."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bench_figures.family import family

#: The Python backend runs each instance in a process of this name, of which the kernel shows 15.
_STUB = "triton_python_backend_stub"[:15]
_PROC = Path("/proc")
_INTERVAL_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytes:
    """``server``: Triton itself; ``instances``: all its models' processes together.

    ``files``: of the instances' what is mapped from files.
    """

    server: int
    instances: int
    files: int = 0

    @property
    def total(self) -> int:
        """Of the replica."""
        return self.server + self.instances


def now(pid: int, proc: Path = _PROC) -> Bytes:
    """Of the process ``pid`` and its descendants, what they share divided among them (PSS).

    That is what a container is charged with; what was just read from files counts too.
    """
    server = instances = files = 0
    for member in family(pid, proc):
        size, mapped = _own(member, proc)
        if _name(member, proc) == _STUB:
            instances += size
            files += mapped
        else:
            server += size
    return Bytes(server=server, instances=instances, files=files)


def _own(pid: int, proc: Path) -> tuple[int, int]:
    """Its part of all pages, and of those that are mapped from files."""
    try:
        lines = (proc / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0, 0  # it ended meanwhile
    sizes = {line.split()[0]: int(line.split()[1]) * 1024 for line in lines[1:]}
    return sizes.get("Pss:", 0), sizes.get("Pss_File:", 0)


def _name(pid: int, proc: Path) -> str:
    try:
        return (proc / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""


class Peak:
    """Context manager: ``most`` is the largest total that was seen inside."""

    def __init__(self, pid: int) -> None:
        self.most = Bytes(server=0, instances=0)
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._stop.wait(_INTERVAL_SECONDS):
            self._look()

    def _look(self) -> None:
        seen = now(self._pid)
        if seen.total > self.most.total:
            self.most = seen
