"""What every figure is given: seeds, traffic, and how much of it all."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .simulator.arrivals import Trace

SEEDS = (1, 2, 3, 4, 5)
QUICK = 0.34


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """``files``: recorded series by file and column. ``quick``: a third of the time, one seed.

    ``runs``: a folder with what real runs left.
    """

    files: Mapping[str, Mapping[str, Trace]] = field(default_factory=dict)
    quick: bool = False
    runs: Path | None = None

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of arrivals, starts and scrapes."""
        return SEEDS[:1] if self.quick else SEEDS

    def seconds(self, whole: float) -> float:
        """How long something is simulated."""
        return QUICK * whole if self.quick else whole

    def say(self, words: str) -> None:
        """Tell the user what is being done."""
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {words}\n")
        sys.stderr.flush()
