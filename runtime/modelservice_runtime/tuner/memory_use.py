"""Resident memory of Triton and of its models' processes. Reads /proc through psutil."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import psutil

#: The Python backend runs each instance in a process of this name.
STUB = "triton_python_backend_stub"
#: The kernel shows so many characters of a process's name.
_SHOWN = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUse:
    """Bytes of the server itself and of its model's instances; of both in /dev/shm.

    ``gpu``: used on the GPUs, of ``gpu_total``; 0 without one. ``processes``: pid → bytes, of all.
    """

    server: int
    instances: int
    shared: int = 0
    gpu: int = 0
    gpu_total: int = 0
    processes: Mapping[int, int] = field(default_factory=dict)


def family_use(pid: int, shared_bytes: int = 0) -> MemoryUse | None:
    """Of the process and of those below it; None: it is gone.

    Pages that several processes share count as their part in each (PSS), so that the sum is what
    a container is charged with.
    """
    try:
        process = psutil.Process(pid)
        members = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return None
    instances = [member for member in members if _is_stub(member)]
    used = {one.pid: _bytes(one) for one in (process, *members)}
    of_instances = sum(used[one.pid] for one in instances)
    return MemoryUse(
        server=sum(used.values()) - of_instances,
        instances=of_instances,
        shared=shared_bytes,
        processes=used,
    )


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
