"""What this machine's CPU is, in words: builds and tunings name it alike. Read from the kernel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

CPU_FILE = Path("/proc/cpuinfo")
UNKNOWN_CLASS = "unknown"
#: The words go into a result of 4 KiB.
_FEW_CHARACTERS = 120
#: Vector extensions that decide which kernels ONNX Runtime and torch choose.
_EXTENSIONS = ("avx2", "avx512f", "avx512_vnni", "amx_bf16", "amx_int8", "asimd", "sve")

#: x86-64, the best first: which instructions multiply and add 8-bit integers.
_INTEGER_STEPS = (
    ("amx", ("amx_int8",)),
    ("vnni", ("avx512_vnni", "avx_vnni")),
    ("avx512", ("avx512bw",)),
    ("avx2", ("avx2",)),
)
#: A word of the class -> flags of which one is enough.
_X86_FLOATS = {"bf16": ("avx512_bf16", "amx_bf16"), "fp16": ("avx512_fp16", "amx_fp16")}
_ARM_WORDS = {
    "dotprod": ("asimddp",),
    "i8mm": ("i8mm",),
    "bf16": ("bf16",),
    "fp16": ("asimdhp",),
    "sve": ("sve",),
}


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


def cpu_class(text: str) -> str:
    """What changes the numbers of int8, bf16 and fp16 kernels, from the text of /proc/cpuinfo.

    Two CPUs of one class give the same numbers but for rounding; of two classes they may not.

    =================  ===================================================================
    ``x86-64 none``    no vector instructions that the engines' int8 kernels use
    ``x86-64 avx2``    u8·s8 products are added up in pairs in 16 bits, and saturate there
    ``x86-64 avx512``  likewise
    ``x86-64 vnni``    added up in 32 bits: exact (avx512_vnni or avx_vnni)
    ``x86-64 amx``     likewise, in tiles
    ``aarch64 none``   none of dotprod, i8mm, bf16, fp16, sve; else those that there are
    ``… bf16 fp16``    behind any of them: the CPU itself computes in that type
    ``unknown``        the text says nothing
    =================  ===================================================================
    """
    if found := _common_flags(text, "flags"):
        steps = (word for word, flags in _INTEGER_STEPS if found.intersection(flags))
        return " ".join(["x86-64", next(steps, "none"), *_words(found, _X86_FLOATS)])
    if found := _common_flags(text, "Features"):
        return " ".join(["aarch64", *(_words(found, _ARM_WORDS) or ["none"])])
    return UNKNOWN_CLASS


def read_cpu_class(path: Path = CPU_FILE) -> str:
    """This machine's class."""
    return cpu_class(path.read_text()) if path.is_file() else UNKNOWN_CLASS


def _common_flags(text: str, key: str) -> frozenset[str]:
    """What every core has: cores of one machine may differ, and a thread runs on any of them."""
    lines = re.findall(rf"^{key}[ \t]*:(.*)$", text, re.MULTILINE)
    cores = [frozenset(line.split()) for line in lines]
    return frozenset.intersection(*cores) if cores else frozenset()


def _words(found: frozenset[str], known: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [word for word, flags in known.items() if found.intersection(flags)]
