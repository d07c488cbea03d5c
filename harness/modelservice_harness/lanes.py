"""Several blocking jobs in threads: the first failure stops the others."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Self, TypeVar

from .errors import Cancelled

T = TypeVar("T")
_MOST_LANES = 8


class Lanes:
    """``with Lanes(cancel) as lanes: a = lanes.start(job)``; leaving the block waits for all.

    On the first failure, or when the user interrupts, ``cancel`` is called once; the block then
    raises the failure that came of itself, not one that the cancelling caused.
    """

    def __init__(self, cancel: Callable[[], None]) -> None:
        self._cancel = cancel
        self._pool = ThreadPoolExecutor(max_workers=_MOST_LANES)
        self._futures: list[Future[object]] = []

    def start(self, job: Callable[[], T]) -> Future[T]:
        """Run ``job`` in a thread of its own."""
        future = self._pool.submit(job)
        self._futures.append(future)  # type: ignore[arg-type]
        return future

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            wait(self._futures, return_when=FIRST_EXCEPTION)
        except KeyboardInterrupt:
            self._cancel()
            raise
        finally:
            if any(future.done() and future.exception() for future in self._futures):
                self._cancel()
            self._pool.shutdown(wait=True)
        cause = first_cause([future.exception() for future in self._futures])
        if cause is not None:
            raise cause


def first_cause(errors: list[BaseException | None]) -> BaseException | None:
    """The first error that is not itself a consequence of cancelling."""
    real = [error for error in errors if error is not None]
    return next(
        (error for error in real if not isinstance(error, Cancelled)), next(iter(real), None)
    )
