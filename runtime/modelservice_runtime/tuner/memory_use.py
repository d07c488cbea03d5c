"""Resident memory of Triton and of its models' processes. Reads /proc through psutil."""

from __future__ import annotations

import psutil

#: The Python backend runs each instance in a process of this name.
STUB = "triton_python_backend_stub"
#: The kernel shows so many characters of a process's name.
_SHOWN = 15


def family_bytes(pid: int) -> tuple[int, int] | None:
    """(bytes of the process itself, bytes of the model's processes below it); None: it is gone.

    Pages that several processes share count as their part in each (PSS), so that the sum is what
    a container is charged with.
    """
    try:
        process = psutil.Process(pid)
        members = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return None
    instances = [member for member in members if _is_stub(member)]
    others = [process, *(member for member in members if member not in instances)]
    return sum(_bytes(one) for one in others), sum(_bytes(one) for one in instances)


def _is_stub(process: psutil.Process) -> bool:
    try:
        return bool(process.name()[:_SHOWN] == STUB[:_SHOWN])
    except psutil.Error:
        return False


def _bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0
