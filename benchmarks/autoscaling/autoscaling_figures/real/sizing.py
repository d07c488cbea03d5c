"""How large the load of a window is made. Pure, and without numpy."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_HALVINGS = 60


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


def needed(window: Window, each: float, factor: float = 1.0) -> list[int]:
    """Replicas that each bin's load takes, of all services; ``each``: what one carries."""
    bins = zip(*window.rates.values(), strict=True)
    return [sum(max(1, math.ceil(factor * rate / each)) for rate in rates) for rates in bins]


def sized(window: Window, each: float, replicas: float) -> Window:
    """As many times the requests that the mean need is ``replicas``; services of equal means."""
    even = {
        name: [rate / (sum(rates) / len(rates)) for rate in rates]
        for name, rates in window.rates.items()
    }
    flat = Window(of=window.of, rates=even, bin_seconds=window.bin_seconds)
    low, high = 0.0, each * replicas
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        counts = needed(flat, each, middle)
        low, high = (middle, high) if sum(counts) / len(counts) <= replicas else (low, middle)
    rates = {name: [low * rate for rate in found] for name, found in even.items()}
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
