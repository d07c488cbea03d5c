"""TensorFlow's and Keras' exceptions as the user's errors, shortened. Worker process only."""

from __future__ import annotations

import re

import tensorflow as tf

from .errors import UserError
from .worker_loop import is_out_of_memory

_MAX_WORDS = 400
#: ``{{node StatefulPartitionedCall/…}}``, ``[Op:__inference_…]``: names that say nothing to users.
_INNER_NAMES = re.compile(r"\s*(\{\{[^}]*\}\}|\[\[[^]]*\]\]|\[Op:[^\]]*\])\s*")


def failed(reason: str, message: str, error: BaseException, advice: str = "") -> Exception:
    """The user's error ``message: what TensorFlow said; advice``, or that memory ran out."""
    if isinstance(error, tf.errors.ResourceExhaustedError) or is_out_of_memory(error):
        return MemoryError(str(error))
    words = f"{message}: {essential(error)}"
    return UserError(reason, f"{words}; {advice}" if advice else words)


def essential(error: BaseException) -> str:
    """The first line that says something, without graph names and Python's frames."""
    lines = [_INNER_NAMES.sub(" ", line).strip() for line in str(error).splitlines()]
    said = next((ln for ln in lines if ln and not ln.endswith(":") and not _is_frame(ln)), "")
    return f"{type(error).__name__}: {said}"[:_MAX_WORDS]


def _is_frame(line: str) -> bool:
    return line.startswith('File "')
