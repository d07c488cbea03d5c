"""How large the load of a window is made. Pure, and without numpy."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """``of``, ``rates``: by service, which series it is, and requests a second by bin."""

    of: Mapping[str, str]
    rates: Mapping[str, Sequence[float]]
    bin_seconds: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.bin_seconds * min(len(found) for found in self.rates.values())

    def with_lead(self, seconds: float) -> Window:
        """The first rates for so long before it, whole bins."""
        bins = max(1, math.ceil(seconds / self.bin_seconds))
        rates = {name: [found[0]] * bins + list(found) for name, found in self.rates.items()}
        return Window(of=self.of, rates=rates, bin_seconds=self.bin_seconds)

    def part(self, seconds: float) -> Window:
        """Its first bins."""
        bins = max(1, math.ceil(seconds / self.bin_seconds))
        rates = {name: found[:bins] for name, found in self.rates.items()}
        return Window(of=self.of, rates=rates, bin_seconds=self.bin_seconds)


def sized(window: Window, each: float, replicas: float) -> Window:
    """As many times the requests that the mean of all takes ``replicas``; services of equal means.

    ``each``: requests a second that one carries.
    """
    mean = replicas * each / len(window.rates)
    rates = {
        name: [mean * rate * len(found) / sum(found) for rate in found]
        for name, found in window.rates.items()
    }
    return Window(of=window.of, rates=rates, bin_seconds=window.bin_seconds)


def dumps(windows: Sequence[Window]) -> str:
    """As JSON text."""
    return json.dumps([
        {"of": dict(one.of), "rates": {k: list(v) for k, v in one.rates.items()},
         "binSeconds": one.bin_seconds}
        for one in windows
    ])  # fmt: skip


def loads(text: str) -> tuple[Window, ...]:
    """From JSON text."""
    found: Sequence[Mapping[str, Any]] = json.loads(text)
    return tuple(
        Window(of=one["of"], rates=one["rates"], bin_seconds=one["binSeconds"]) for one in found
    )
