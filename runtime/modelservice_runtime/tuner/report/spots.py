"""Which settings can be drawn in the picture of the choice, and where they lie in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelservice_runtime.pages.figures import shortened

from .document import CHOSEN
from .ranking import Ranked
from .words import known

_NAME_CHARACTERS = 46
#: Less than this is nothing.
_LEAST = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Rows per second, and milliseconds at the objective's percentile."""

    rows: float
    ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A setting in the picture, with one place at least."""

    ranked: Ranked
    simulated: Place | None
    measured: Place | None

    @property
    def places(self) -> tuple[Place, ...]:
        """One or two."""
        return tuple(place for place in (self.simulated, self.measured) if place is not None)

    @property
    def main(self) -> Place:
        """Measured, if it was."""
        return self.places[-1]

    @property
    def chosen(self) -> bool:
        """Whether it is what is served."""
        return self.ranked.setting.outcome == CHOSEN

    @property
    def name(self) -> str:
        """Shortened to what fits beside others."""
        return shortened(self.ranked.setting.label, _NAME_CHARACTERS)


def spots(found: Sequence[Ranked]) -> tuple[Spot, ...]:
    """The settings that carry anything at all, simulated or measured."""
    drawn = []
    for each in found:
        setting = each.setting
        simulated = _place(setting.simulated_capacity, setting.simulated_latency_ms)
        measured = _place(setting.measured_capacity, setting.measured_latency_ms)
        if simulated or measured:
            drawn.append(Spot(ranked=each, simulated=simulated, measured=measured))
    return tuple(drawn)


def _place(rows: float | None, ms: float | None) -> Place | None:
    if not known(rows) or not known(ms):
        return None
    return Place(rows=rows, ms=ms) if rows > _LEAST and ms > _LEAST else None
