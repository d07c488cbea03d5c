"""Why a module cannot be exported, in words that name the place in the user's code.

Room: exceptions of torch.export and of the ONNX exporter → ``UserError``. Both print pages; the
user needs the sentence that counts and the line that it is about.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from .errors import EXPORT_FAILED, UserError
from .places import innermost, place_with_code
from .worker_loop import is_out_of_memory

_MAX_WORDS = 500
_SENTENCES = 4
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
#: How-tos and code frames among the exporters' words.
_NOISE = (
    "File ", "(", "The above", "The error above", "The following call", "Caused by:", "For ",
    "If you suspect", "consider using", "Suggested fixes", "batch = ",
)  # fmt: skip
_TAIL = re.compile(r"(If you're using mark_dynamic|For more information|\(Size-like symbols).*")
_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<name>\S+)')
_SHAPES_LOGGER = "torch.fx.experimental.symbolic_shapes"
_VIOLATED = "Constraints violated"

_VALUES_ADVICE = (
    "avoid Python control flow and data access (.item(), .numpy()) that depend on the values of"
    " tensors"
)
_SIZES_ADVICE = (
    "every size of the batch (and of options['dynamic_axes']) must take the same way: use"
    " x.shape[0] or -1 instead of a number or len(x), and no loop over rows"
)
_OPERATOR_ADVICE = "use operators that ONNX has, or leave this part out of the module"


def cannot_trace(error: Exception, again: Callable[[], object]) -> UserError | MemoryError:
    """What torch.export refused. ``again``: the same call, to find where a size was fixed."""
    if is_out_of_memory(error):
        return MemoryError(str(error))
    if _VIOLATED in str(error):
        return _refusal("torch.export", error, _size_place(again), _SIZES_ADVICE)
    return _refusal("torch.export", error, place_with_code(error), _VALUES_ADVICE)


def cannot_convert(error: Exception) -> UserError | MemoryError:
    """What the ONNX exporter refused."""
    if is_out_of_memory(error):
        return MemoryError(str(error))
    return _refusal("the ONNX exporter", error, _node_place(error), _OPERATOR_ADVICE)


def _refusal(step: str, error: Exception, place: str, advice: str) -> UserError:
    where = f" at {place}" if place else ""
    return UserError(
        EXPORT_FAILED,
        f"the module cannot be exported{where}; {step} says: {essential(error)}; {advice}",
    )


def essential(error: BaseException) -> str:
    """The innermost cause's first sentences, without colours, code frames and how-tos."""
    *_, innermost_error = _causes(error)
    lines = [_ANSI.sub("", line).strip() for line in str(innermost_error).splitlines()]
    said = [_TAIL.sub("", line).strip() for line in lines if not line.startswith(_NOISE)]
    words = " ".join([line.removeprefix("- ") for line in said if line][:_SENTENCES])
    return f"{type(innermost_error).__name__}: {words}"[:_MAX_WORDS]


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, innermost last."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__


def _size_place(again: Callable[[], object]) -> str:
    """Where a dynamic size was compared with a number: the exporter notes it and does not say it.

    It logs each such guard at the moment when the user's code makes it, so the stack is there.
    """
    with _guards() as seen:
        try:
            again()
        except Exception:  # noqa: BLE001 - it failed before; only the log is of interest
            fixed = [place for expression, place in seen if expression.startswith("Eq(")]
            return (fixed or [place for _, place in seen] or [""])[0]
    return ""


class _GuardHandler(logging.Handler):
    """``seen``: (expression, place in the user's code)."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.seen: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        arguments = record.args if isinstance(record.args, tuple) else ()
        if "[guard added]" in str(record.msg) and len(arguments) > 1:
            place = innermost(traceback.extract_stack(), code=True)
            if place:
                self.seen.append((str(arguments[1]), place))


@contextmanager
def _guards() -> Iterator[list[tuple[str, str]]]:
    logger, handler = logging.getLogger(_SHAPES_LOGGER), _GuardHandler()
    before = (logger.handlers, logger.level, logger.propagate)
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
    try:
        yield handler.seen
    finally:
        logger.handlers, logger.propagate = before[0], before[2]
        logger.setLevel(before[1])


def _node_place(error: BaseException) -> str:
    """The user's line of the graph node that was being translated.

    The exporter's error only has the node's name in a graph that is gone; the node itself is a
    local variable of the frames that the error came through.
    """
    for cause in _causes(error):
        for frame, _ in traceback.walk_tb(cause.__traceback__):
            for value in list(frame.f_locals.values()):
                if isinstance(value, torch.fx.Node) and value.stack_trace:
                    return _traced_place(value.stack_trace)
    return ""


def _traced_place(stack_trace: str) -> str:
    found = _FRAME.finditer(stack_trace)
    frames = [
        traceback.FrameSummary(match["file"], int(match["line"]), match["name"]) for match in found
    ]
    return innermost(frames, code=True)
