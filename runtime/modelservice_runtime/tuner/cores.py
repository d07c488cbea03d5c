"""Which cores Triton gets while it is measured: as many as a serving pod may use.

A pod's CPU limit cannot be set from within a pod. A Triton that is held to as many cores as
the limit allows is the nearest thing; left alone it would use all, and promise a rate that no
pod reaches. The quietest cores are taken, so that two tunings on a node share none if they can.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STAT_FILE = Path("/proc/stat")
SAMPLE_SECONDS = 0.3
#: Position of idle and iowait among the numbers of a line of /proc/stat.
_IDLE = slice(3, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """``server``: for Triton; ``client``: for the load generator, all of them if none is left."""

    server: frozenset[int]
    client: frozenset[int]


def parse_stat(text: str) -> dict[int, tuple[int, int]]:
    """Core → (busy, idle) ticks, from the text of /proc/stat."""
    ticks = {}
    for line in text.splitlines():
        name, *numbers = line.split() or [""]
        if name.startswith("cpu") and name[3:].isdigit():
            values = [int(number) for number in numbers[:8]]
            idle = sum(values[_IDLE])
            ticks[int(name[3:])] = (sum(values) - idle, idle)
    return ticks


def choose(
    allowed: frozenset[int],
    cpu: float,
    before: Mapping[int, tuple[int, int]],
    after: Mapping[int, tuple[int, int]],
) -> Cores:
    """The quietest of the ``allowed`` cores between two readings, ``cpu`` of them rounded up."""
    wanted = max(1, math.ceil(cpu))
    if wanted >= len(allowed):
        return Cores(server=allowed, client=allowed)
    busy = {core: after.get(core, (0, 0))[0] - before.get(core, (0, 0))[0] for core in allowed}
    server = frozenset(sorted(allowed, key=lambda core: (busy[core], core))[:wanted])
    return Cores(server=server, client=allowed - server)


def quiet_cores(cpu: float) -> Cores:
    """Look at this machine for a moment and choose."""
    allowed = frozenset(os.sched_getaffinity(0))
    before = parse_stat(STAT_FILE.read_text())
    time.sleep(SAMPLE_SECONDS)
    return choose(allowed, cpu, before, parse_stat(STAT_FILE.read_text()))


@contextmanager
def children_on(cores: frozenset[int]) -> Iterator[None]:
    """Processes started inside run on ``cores``; this thread itself goes back afterwards."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)
