"""What a library raises about a model → one sentence; what is nobody's model's fault stays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from modelservice_runtime.builder.errors import BuildError
from modelservice_runtime.builder.worker_loop import is_out_of_memory

from .base import CannotProduceError
from .parameters import WrongParameterError

_MOST_CHARACTERS = 300
_SPACE = re.compile(r"\s+")


@contextmanager
def in_words(doing: str) -> Iterator[None]:
    """``doing``: what is being done, as a noun (``ONNX Runtime's static quantization``).

    Raises:
        CannotProduceError: the library raised something about the model.
        MemoryError, OSError: there was too little memory or disk.
    """
    try:
        yield
    except (CannotProduceError, WrongParameterError, MemoryError, OSError):
        raise
    except BuildError as error:
        raise CannotProduceError(f"{doing}: {error.message}") from error
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        raise CannotProduceError(f"{doing} does not work on this model: {said(error)}") from error


def said(error: BaseException) -> str:
    """The error's own words in one line."""
    words = _SPACE.sub(" ", str(error)).strip()
    return f"{type(error).__name__}: {words}"[:_MOST_CHARACTERS] if words else type(error).__name__
