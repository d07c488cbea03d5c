"""Resident memory of Triton and of its models' processes. Reads /proc through psutil."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

#: The Python backend runs each instance in a process of this name.
STUB = "triton_python_backend_stub"
#: The kernel shows so many characters of a process's name.
_SHOWN = 15
#: An instance that has a GPU takes a second to leave, one after another.
LEAVING_SECONDS = 10.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUse:
    """Bytes of the server itself and of its model's instances; of both in /dev/shm.

    ``files``: of the instances' memory what is mapped from files (libraries, weights): however many
    instances there are, it is there once. ``gpu``: used on the GPUs, of ``gpu_total``; 0 without
    one. ``own``: of each process (pid) what no other can have a part in, so that it grows with what
    the process keeps alone.
    """

    server: int
    instances: int
    shared: int = 0
    files: int = 0
    gpu: int = 0
    gpu_total: int = 0
    own: Mapping[int, int] = field(default_factory=dict)


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
    of_instances = sum(used[one.pid].part for one in instances)
    return MemoryUse(
        server=sum(one.part for one in used.values()) - of_instances,
        instances=of_instances,
        shared=shared_bytes,
        files=sum(used[one.pid].files for one in instances),
        own={pid: one.anonymous for pid, one in used.items()},
    )


def instances_of(pid: int) -> int:
    """Processes below ``pid`` that are instances, those of a configuration before among them."""
    try:
        members = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return 0
    return sum(_is_stub(member) and not _has_ended(member) for member in members)


def wait_for_leaving(pid: int, instances: int, seconds: float = LEAVING_SECONDS) -> bool:
    """Until no more than ``instances`` are there; whether it came to that.

    Triton answers with a changed configuration while the instances of the one before still end:
    what they hold is no need of the new one.
    """
    latest = time.monotonic() + seconds
    while instances_of(pid) > instances:
        if time.monotonic() > latest:
            return False
        time.sleep(_POLL_SECONDS)
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bytes:
    """``part``: with its part of shared pages, ``files``: of it, those that are mapped from files.

    ``anonymous``: of no file and no shared memory.
    """

    part: int
    anonymous: int
    files: int


def _is_stub(process: psutil.Process) -> bool:
    try:
        return bool(process.name()[:_SHOWN] == STUB[:_SHOWN])
    except psutil.Error:
        return False


def _has_ended(process: psutil.Process) -> bool:
    """It may wait for its parent to look how it ended; it holds nothing then."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return True


def _bytes(process: psutil.Process) -> _Bytes:
    try:
        info = process.memory_full_info()
    except psutil.Error:
        return _Bytes(part=0, anonymous=0, files=0)
    return _Bytes(
        part=int(info.pss), anonymous=int(info.rss - info.shared), files=_of_files(process.pid)
    )


def _of_files(pid: int) -> int:
    """0 where the kernel does not tell them: psutil adds all kinds of pages up."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss_File:"))
