"""What the build runs on, and how much memory it may use; read from the kernel."""

from __future__ import annotations

import re
from pathlib import Path

CPU_FILE = Path("/proc/cpuinfo")
LIMIT_FILES = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
#: Vector extensions that decide which kernels ONNX Runtime and torch choose.
_EXTENSIONS = ("avx2", "avx512f", "avx512_vnni", "amx_bf16", "amx_int8", "asimd", "sve")
#: cgroup v1 says "no limit" with a number near 2**63.
_NO_LIMIT_BYTES = 1 << 60


def describe_cpu(text: str) -> str:
    """``<model name> (avx2 avx512f …)`` from the text of /proc/cpuinfo."""
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    have = set(flags.group(1).split()) if flags else set()
    extensions = " ".join(word for word in _EXTENSIONS if word in have)
    known = name.group(1).strip() if name else "unknown CPU"
    return f"{known} ({extensions})" if extensions else known


def memory_limit(texts: list[str]) -> int:
    """The smallest limit that the cgroup files' texts name, bytes; 0 for none."""
    limits = [int(text) for text in texts if text.strip().isdigit()]
    return min((limit for limit in limits if limit < _NO_LIMIT_BYTES), default=0)


def read_cpu() -> str:
    """This machine's CPU in words."""
    return describe_cpu(CPU_FILE.read_text()) if CPU_FILE.is_file() else "unknown CPU"


def read_memory_limit() -> int:
    """This container's memory limit in bytes, 0 for none."""
    return memory_limit([path.read_text() for path in LIMIT_FILES if path.is_file()])
