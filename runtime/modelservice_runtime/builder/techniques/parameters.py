"""A step's parameters, read with their type. A wrong one is a fault of the plan, not of a model."""

from __future__ import annotations

from typing import TypeVar

from .base import Work


class WrongParameterError(Exception):
    """The plan and the technique do not fit each other."""


T = TypeVar("T", str, int, float, bool)


def parameter(work: Work, name: str, default: T) -> T:
    """``work.parameters[name]``, or ``default``.

    Raises:
        WrongParameterError: it is there and of another type.
    """
    value = work.parameters.get(name, default)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not type(default):
        raise WrongParameterError(
            f"parameter {name!r} is {value!r}, expected {type(default).__name__}"
        )
    return value


def one_of(work: Work, name: str, known: tuple[str, ...]) -> str:
    """``work.parameters[name]``, one of ``known``; the first of them if it is not given.

    Raises:
        WrongParameterError: it is none of them.
    """
    value = parameter(work, name, known[0])
    if value not in known:
        raise WrongParameterError(
            f"parameter {name!r} is {value!r}, expected one of {', '.join(known)}"
        )
    return value
