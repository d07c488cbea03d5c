"""How much memory and how many cores the build may use; read from the kernel."""

from __future__ import annotations

import os
from pathlib import Path

LIMIT_FILES = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
QUOTA_FILES = (Path("/sys/fs/cgroup/cpu.max"),)
#: cgroup v1 says "no limit" with a number near 2**63.
_NO_LIMIT_BYTES = 1 << 60


def memory_limit(texts: list[str]) -> int:
    """The smallest limit that the cgroup files' texts name, bytes; 0 for none."""
    limits = [int(text) for text in texts if text.strip().isdigit()]
    return min((limit for limit in limits if limit < _NO_LIMIT_BYTES), default=0)


def read_memory_limit() -> int:
    """This container's memory limit in bytes, 0 for none."""
    return memory_limit([path.read_text() for path in LIMIT_FILES if path.is_file()])


def read_cores() -> int:
    """How many cores this process may use: its affinity, and the container's quota."""
    cores = len(os.sched_getaffinity(0))
    texts = [path.read_text() for path in QUOTA_FILES if path.is_file()]
    return max(1, min(cores, int(core_quota(texts) or cores)))


def core_quota(texts: list[str]) -> float:
    """Cores that the texts of ``cpu.max`` allow (``quota period`` in µs); 0 for no limit."""
    pairs = [text.split() for text in texts]
    quotas = [int(pair[0]) / int(pair[1]) for pair in pairs if pair and pair[0].isdigit()]
    return min(quotas, default=0.0)
