"""Memory and processor time of the processes in a container, from the text of /proc. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: Prints what ``parse`` reads. Processes that end meanwhile are left out.
SCRIPT = (
    "cat /proc/uptime; for p in /proc/[0-9]*; do "
    'cat "$p/stat" 2>/dev/null && grep -E "^Vm(RSS|HWM):" "$p/status" 2>/dev/null; done; true'
)
#: Positions among the words after the name, as in proc(5): its fields 14, 15 and 22.
_USER, _SYSTEM, _STARTED = 11, 12, 19
_KIB_PER_MIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """``ticks`` of processor time so far; KiB of memory now and at the most."""

    ticks: int
    rss_kib: int = 0
    peak_kib: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look. Processes by their number and the time they started: numbers are used again."""

    uptime: float
    processes: Mapping[tuple[int, int], Process]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Between two looks. ``cpu_percent``: of one core."""

    seconds: float
    cpu_percent: float
    rss_mib: float
    peak_mib: float


def parse(text: str) -> Sample:
    """What ``SCRIPT`` printed.

    Raises:
        ValueError: it is cut short.
    """
    uptime, *lines = text.splitlines() or [""]
    processes: dict[tuple[int, int], Process] = {}
    key, memory = (0, 0), {"VmRSS": 0, "VmHWM": 0}
    for line in lines:
        name, _, rest = line.partition(":")
        if name in memory:
            memory[name] = int(rest.split()[0])
            known = processes[key]
            processes[key] = Process(
                ticks=known.ticks, rss_kib=memory["VmRSS"], peak_kib=memory["VmHWM"]
            )
            continue
        key, ticks = _stat(line)
        processes[key], memory = Process(ticks=ticks), {"VmRSS": 0, "VmHWM": 0}
    return Sample(uptime=float(uptime.split()[0]) if uptime else 0.0, processes=processes)


def _stat(line: str) -> tuple[tuple[int, int], int]:
    """The name may hold blanks and parentheses, so what follows its last one is split."""
    head, _, tail = line.rpartition(")")
    words = tail.split()
    if len(words) <= _STARTED:
        raise ValueError(f"not a line of /proc/<pid>/stat: {line!r}")
    key = (int(head.split()[0]), int(words[_STARTED]))
    return key, int(words[_USER]) + int(words[_SYSTEM])


def usage(before: Sample, after: Sample, ticks_per_second: int) -> Usage:
    """Summed over the processes that both looks saw: the one that looked is not among them.

    Raises:
        ValueError: there are none, or no time passed.
    """
    both = sorted(before.processes.keys() & after.processes.keys())
    seconds = after.uptime - before.uptime
    if not both or seconds <= 0:
        raise ValueError("the processes are not the same any more: was the container restarted?")
    ticks = sum(after.processes[key].ticks - before.processes[key].ticks for key in both)
    return Usage(
        seconds=seconds,
        cpu_percent=100 * ticks / ticks_per_second / seconds,
        rss_mib=sum(after.processes[key].rss_kib for key in both) / _KIB_PER_MIB,
        peak_mib=sum(after.processes[key].peak_kib for key in both) / _KIB_PER_MIB,
    )
