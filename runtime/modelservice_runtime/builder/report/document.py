"""Everything a person may ask about a build, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelservice_runtime.builder.judged import CHOSEN, Cost, Evaluated, Judged
from modelservice_runtime.contract.requests import BuildRequest
from modelservice_runtime.contract.tensors import ModelInterface


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One build. ``created_at``: ISO 8601 with its zone.

    ``candidates``: in the order of their making. ``evaluated``: None where nothing was scored.
    ``choice``: why this candidate, by which rule; ``goal``: how the goals are kept, or why not.
    ``requirements``: of the source, pinned. ``cpu_class``: where the candidates were judged.
    """

    created_at: str
    request: BuildRequest
    source_digest: str
    interface: ModelInterface
    sample_rows: int
    candidates: tuple[Judged, ...]
    choice: str
    goal_met: bool
    goal: str
    cost: Cost
    hardware: str
    cpu_class: str
    evaluated: Evaluated | None = None
    requirements: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def chosen(self) -> Judged | None:
        """What is served first; None only where nothing could be."""
        return next((each for each in self.candidates if each.outcome == CHOSEN), None)
