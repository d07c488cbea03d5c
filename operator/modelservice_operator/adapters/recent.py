"""Answers that may be a little old, so that many who ask for the same ask once."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Recent(Generic[Answer]):
    """``ask``: by key; its answer counts for ``seconds``, a failure is asked again at once."""

    def __init__(
        self,
        ask: Callable[[str], Awaitable[Answer]],
        *,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._clock = clock
        self._known: dict[str, tuple[float, Answer]] = {}

    async def of(self, key: str) -> Answer:
        """The answer, of now or of a little while ago."""
        now = self._clock()
        self._known = {
            name: item for name, item in self._known.items() if now - item[0] < self._seconds
        }
        if key not in self._known:
            self._known[key] = (now, await self._ask(key))
        return self._known[key][1]
