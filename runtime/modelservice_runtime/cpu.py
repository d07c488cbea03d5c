"""What this machine's CPU is, in words: builds and tunings name it alike. Read from the kernel."""

from __future__ import annotations

import re
from pathlib import Path

CPU_FILE = Path("/proc/cpuinfo")
#: The words go into a result of 4 KiB.
_FEW_CHARACTERS = 120
#: Vector extensions that decide which kernels ONNX Runtime and torch choose.
_EXTENSIONS = ("avx2", "avx512f", "avx512_vnni", "amx_bf16", "amx_int8", "asimd", "sve")


def describe_cpu(text: str) -> str:
    """``<model name> (avx2 avx512f …)`` from the text of /proc/cpuinfo."""
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    have = set(flags.group(1).split()) if flags else set()
    extensions = " ".join(word for word in _EXTENSIONS if word in have)
    known = name.group(1).strip()[:_FEW_CHARACTERS] if name else "unknown CPU"
    return f"{known} ({extensions})" if extensions else known


def read_cpu() -> str:
    """This machine's CPU in words."""
    return describe_cpu(CPU_FILE.read_text()) if CPU_FILE.is_file() else "unknown CPU"
