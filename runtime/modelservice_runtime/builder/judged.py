"""A candidate and everything that was found out about it, as values: what the report shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelservice_runtime.contract.manifest import LatencyPair, MetricValue

from .parity import Difference
from .recipes import Recipe

#: Best first. ``Chosen``: first in the manifest; ``Finalist``: beside it, the tuner may pick it;
#: ``Passed``: within the goals, but another one is better; ``Rejected``: fails a gate;
#: ``Undecided``: too few samples to tell; ``Failed``: could not be made or run;
#: ``Skipped``: there was no time for it, or it makes no sense here.
CHOSEN, FINALIST, PASSED, REJECTED = "Chosen", "Finalist", "Passed", "Rejected"
UNDECIDED, FAILED, SKIPPED = "Undecided", "Failed", "Skipped"
OUTCOMES = (CHOSEN, FINALIST, PASSED, REJECTED, UNDECIDED, FAILED, SKIPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One candidate. ``reason``: one sentence, why it has this outcome.

    ``seconds``: of producing it; ``cached``: an earlier build did, in so many seconds.
    ``selection_value``: the metric on the selection part (a point estimate, no proof).
    ``doubted``: that misses the goals, so it did not get to the gate.
    ``metric``: on the gate's part, None if it did not get there.
    ``peak_bytes``: of the process that ran it; ``figures``: what the technique counted
    (``parameters``, ``parameters_before``, ``training_seconds`` …).
    """

    recipe: Recipe
    outcome: str
    reason: str
    seconds: float = 0.0
    cached: bool = False
    size_bytes: int = 0
    peak_bytes: int = 0
    selection_value: float | None = None
    doubted: bool = False
    metric: MetricValue | None = None
    parity: tuple[Difference, ...] = ()
    latency: tuple[LatencyPair, ...] = ()
    notes: tuple[str, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What was scored and on how much. ``given``: in words where rows and labels come from.

    ``source_value``: the source model on the gate's part, None without a gate.
    """

    metric: str
    given: str
    calibration_rows: int
    selection_rows: int
    gate_rows: int
    source_value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the optimization took. Seconds; ``workers``: processes side by side, over all pods.

    ``predicted_parallel_seconds``: max(t_i) over the chains of steps, the bound that any number
    of workers has; ``measured_parallel_seconds``: from the first to the last production.
    """

    total_seconds: float
    workers: int
    serial_seconds: float
    predicted_parallel_seconds: float
    measured_parallel_seconds: float
    stage_seconds: Mapping[str, float]
    peak_memory_bytes: Mapping[str, int]
