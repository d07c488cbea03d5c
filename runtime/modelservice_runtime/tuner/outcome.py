"""All that a tuning found out, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .bench import Sample
from .calibration import Fit
from .finding_capacity import Capacity
from .measured_option import MeasuredOption
from .memory_growth import Leak
from .memory_plan import Observation
from .padding import Padding
from .question import Question
from .search import Candidate
from .settings import Option, Setting
from .trials import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """``met``: the objective can be kept; ``why``: the choice in words.

    ``order``: every simulated setting, the best first. ``current``: rows a second that the
    setting of before carries, 0 where there was none. ``padding``: by variant, whether requests of
    different lengths are padded, where the traffic has lengths. ``leak``: of memory, None where
    none was seen. ``notes``: what was left out, and why. ``seconds``: of everything;
    ``load_seconds``: with load running, in ``runs`` runs.
    """

    question: Question
    chosen: Candidate
    met: bool
    why: str
    capacity: Capacity
    order: tuple[Candidate, ...]
    options: Mapping[Option, MeasuredOption]
    trials: tuple[Trial, ...]
    first_fits: Mapping[Setting, Fit]
    finalists: tuple[Setting, ...]
    memory: tuple[Observation, ...]
    samples: tuple[Sample, ...]
    alone_ms: Mapping[str, float]
    current: float
    notes: tuple[str, ...]
    seconds: float
    load_seconds: float
    runs: int
    simulation_seconds: float
    leak: Leak | None = None
    padding: Mapping[str, Padding] = field(default_factory=dict)

    @property
    def padded(self) -> bool:
        """Whether the chosen variant's requests are."""
        found = self.padding.get(self.chosen.setting.option.variant)
        return found is not None and found.allowed
