"""A Job's answer, short enough for a termination message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from .codec import dumps
from .results import MAX_RESULT_BYTES, BuildResult, TuneResult

Result = TypeVar("Result", BuildResult, TuneResult)

_ELLIPSIS = "…"


def fitting(result: Result, less: Callable[[Result], Result | None] | None = None) -> str:
    """Canonical JSON of at most ``MAX_RESULT_BYTES`` bytes; the message gives way.

    ``less``: what gives way after it, piece by piece; None where nothing is left.

    Raises:
        ValueError: even without all of that it is too long.
    """
    smaller: Result | None = result
    while smaller is not None:
        if _fits(text := dumps(smaller)):
            return text
        if _fits(dumps(_cut(smaller, 0))):
            return dumps(_cut(smaller, _most(smaller)))
        smaller = less(smaller) if less is not None else None
    raise ValueError("the result does not fit a termination message even without words")


def _most(result: Result) -> int:
    """How much of the message there is room for; none fits."""
    low, high = 0, len(result.message)
    while low < high:
        middle = (low + high + 1) // 2
        if _fits(dumps(_cut(result, middle))):
            low = middle
        else:
            high = middle - 1
    return low


def _cut(result: Result, length: int) -> Result:
    return replace(result, message=result.message[:length] + _ELLIPSIS)


def _fits(text: str) -> bool:
    return len(text.encode()) <= MAX_RESULT_BYTES
