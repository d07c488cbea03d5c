"""May requests of different lengths be padded into one batch? The model itself is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelservice_runtime.serve.answers import Allowed, difference
from modelservice_runtime.serve.runner import padding

from .errors import REQUEST_INVALID, UserError
from .request_lengths import SampleRows
from .simulation.by_length import measured_lengths

#: So many sample rows are compared, of so many lengths: a model may take seconds for each.
ROWS, LENGTHS = 2, 4

Arrays = Mapping[str, np.ndarray]


class RefusedError(Exception):
    """The model does not answer a request; the message has its words."""


#: One request's inputs → its outputs. Raises RefusedError.
Ask = Callable[[Arrays], Arrays]


@dataclass(frozen=True, slots=True, kw_only=True)
class Padding:
    """``allowed``, and a sentence that says why, or why not.

    ``fixed``: it is so, and not for the tuner to choose.
    """

    allowed: bool
    why: str
    fixed: bool = False


def check_lengths(ask: Ask, rows: SampleRows, lengths: Sequence[int], field: str) -> None:
    """Ask one row of each length.

    Raises:
        UserError: the model does not take one of them; names ``field`` and the length.
    """
    for length in sorted(lengths):
        try:
            ask(_row(rows.of(length), 0))
        except RefusedError as error:
            words = f"{field}: the model does not answer a request of length {length}: {error}"
            raise UserError(REQUEST_INVALID, words) from error


def padding_of(
    ask: Ask,
    rows: SampleRows,
    lengths: Sequence[int],
    outputs: padding.Axes,
    allowed: Allowed,
) -> Padding:
    """Whether a short row's answers stay what they are alone when zeros are put behind it.

    ``outputs``: the open axes of the answers, which are cut back. A few lengths, the smallest among
    them, are compared as the runner would pad them to the longest.
    """
    if len(set(lengths)) == 1:
        return Padding(allowed=False, why="all requests have one length")
    longest = max(lengths)
    for length in measured_lengths(tuple(lengths), LENGTHS):
        short = rows.of(length) if length < longest else {}

        def cut(answers: Arrays, own: int = length) -> Arrays:
            return padding.cut(dict(answers), outputs, longest, own)

        for number in range(min(ROWS, len(next(iter(short.values()), ())))):
            row = _row(short, number)
            wide = padding.widened(row, rows.axes, longest)
            words = _differs(ask, row, wide, cut, allowed)
            if words:
                return Padding(
                    allowed=False,
                    why=f"a row of length {length} padded with zeros to {longest} is answered"
                    f" otherwise than alone ({words}), so only requests of equal length are one"
                    " batch",
                )
    return Padding(
        allowed=True,
        why=f"rows padded with zeros to length {longest} are answered as they are alone",
    )


def _differs(
    ask: Ask, row: Arrays, wide: Arrays, cut: Callable[[Arrays], Arrays], allowed: Allowed
) -> str:
    """In words; empty where padding changes nothing."""
    try:
        return difference(ask(row), cut(ask(wide)), allowed)
    except (RefusedError, ValueError) as error:
        return str(error)


def _row(arrays: Arrays, number: int) -> dict[str, np.ndarray]:
    return {name: array[number : number + 1] for name, array in arrays.items()}
