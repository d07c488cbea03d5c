"""How much memory the build may use; read from the kernel."""

from __future__ import annotations

from pathlib import Path

LIMIT_FILES = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
#: cgroup v1 says "no limit" with a number near 2**63.
_NO_LIMIT_BYTES = 1 << 60


def memory_limit(texts: list[str]) -> int:
    """The smallest limit that the cgroup files' texts name, bytes; 0 for none."""
    limits = [int(text) for text in texts if text.strip().isdigit()]
    return min((limit for limit in limits if limit < _NO_LIMIT_BYTES), default=0)


def read_memory_limit() -> int:
    """This container's memory limit in bytes, 0 for none."""
    return memory_limit([path.read_text() for path in LIMIT_FILES if path.is_file()])
