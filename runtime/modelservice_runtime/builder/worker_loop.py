"""The child's side of a worker process: commands in, one JSON reply a line out.

Room: pipes, limits and the translation of exceptions. The user's code may print, read its
standard input, raise, exit or die; none of that may reach the reply channel, so the
protocol has descriptors of its own and the user's output goes to standard error.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from .errors import ENTRYPOINT_OUT_OF_MEMORY, INTERNAL_ERROR, BuildError

Reply = dict[str, Any]
Handler = Callable[..., Reply]
_PR_SET_PDEATHSIG = 1
_ALLOCATOR_WORDS = ("can't allocate memory", "not enough memory", "bad_alloc", "bad allocation")


def serve(handlers: Mapping[str, Handler], arguments: list[str]) -> None:
    """Answer commands until standard input ends.

    ``arguments``: the reply descriptor and the memory limit in bytes (0: none).
    """
    reply_descriptor, memory_limit = (int(argument) for argument in arguments)
    commands = _private_stdin()
    os.dup2(2, 1)
    _bind_to_parent(memory_limit)
    with os.fdopen(reply_descriptor, "w") as replies, commands:
        for line in commands:
            reply = answer(handlers, json.loads(line))
            reply["peakBytes"] = peak_bytes()
            replies.write(json.dumps(reply) + "\n")
            replies.flush()


def peak_bytes() -> int:
    """The most memory that this program had; ``getrusage`` counts what its parent had, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def answer(handlers: Mapping[str, Handler], command: dict[str, Any]) -> Reply:
    """Run one command; its result, or its error as ``{"error": {"reason", "message"}}``."""
    try:
        return {"ok": handlers[command["command"]](**command["arguments"])}
    except BuildError as error:
        traceback.print_exc()
        return _refusal(error.reason, error.message)
    except Exception as error:  # noqa: BLE001 - the process boundary: every error becomes a reply
        traceback.print_exc()
        if is_out_of_memory(error):
            return _refusal(ENTRYPOINT_OUT_OF_MEMORY, "an allocation failed at the memory limit")
        return _refusal(INTERNAL_ERROR, f"{type(error).__name__}: {error}")


def is_out_of_memory(error: BaseException) -> bool:
    """Python's own MemoryError, or what torch and ONNX Runtime raise for a failed malloc."""
    words = str(error)
    return isinstance(error, MemoryError) or any(word in words for word in _ALLOCATOR_WORDS)


def _refusal(reason: str, message: str) -> Reply:
    return {"error": {"reason": reason, "message": message}}


def _private_stdin() -> TextIO:
    commands = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return os.fdopen(commands)


def _bind_to_parent(memory_limit: int) -> None:
    """Die with the parent; fail allocations at the limit; show the stack on SIGUSR1."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    faulthandler.register(signal.SIGUSR1, file=sys.stderr, all_threads=True)
    if memory_limit > 0:
        resource.setrlimit(resource.RLIMIT_DATA, (memory_limit, memory_limit))
