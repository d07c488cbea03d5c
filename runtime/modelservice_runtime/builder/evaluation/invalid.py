"""What the user gave for the evaluation does not fit: one reason, one way to say so."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from modelservice_runtime.builder.errors import UserError

EVALUATION_DATA_INVALID = "EvaluationDataInvalid"

_DAMAGED = (
    EOFError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def invalid(message: str) -> UserError:
    """The error to raise; ``message`` names the field, key or column and what is expected."""
    return UserError(EVALUATION_DATA_INVALID, message)


def ragged(where: str, one: int, other: int) -> UserError:
    """The error for lists that cannot be an array."""
    return invalid(
        f"{where} has lists of {one} and of {other} elements; all rows must have the same length:"
        " pad them as the model expects it"
    )


@contextmanager
def readable(name: str, *errors: type[Exception]) -> Iterator[None]:
    """A file that cannot be parsed is the user's fault, in words. ``errors``: the parser's own.

    Raises:
        UserError: the file ``name`` is damaged or of another format.
        OSError: the disk failed (a parser's OSError has no errno).
    """
    try:
        yield
    except MemoryError:
        raise
    except OSError as error:
        if error.errno is not None:
            raise
        raise _unreadable(name, error) from error
    except Exception as error:
        if not isinstance(error, (*_DAMAGED, *errors)):
            raise
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: Exception) -> UserError:
    words = " ".join(str(error).split())[:200]
    return invalid(f"evaluation data {name} cannot be read: {words or type(error).__name__}")
