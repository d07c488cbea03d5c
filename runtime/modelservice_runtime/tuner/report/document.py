"""Everything a person may ask about a tuning, as one value. Figures that are not known are NaN."""

from __future__ import annotations

from dataclasses import dataclass

from modelservice_runtime.contract.requests import LatencyObjective
from modelservice_runtime.contract.traffic import Traffic

#: What became of a setting.
CHOSEN, FINALIST, REJECTED, UNFIT = "chosen", "finalist", "rejected", "does not fit"
OUTCOMES = (CHOSEN, FINALIST, REJECTED, UNFIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """Mean time of one execution of ``batch`` rows, and the 95 % interval of that mean."""

    batch: int
    milliseconds: float
    low_ms: float
    high_ms: float
    executions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveView:
    """Service time by batch size of one variant, number of instances and threads.

    ``noise_percent``: standard deviation of one execution, of its mean.
    """

    label: str
    chosen: bool
    points: tuple[CurvePoint, ...]
    noise_percent: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthView:
    """Time of an execution whose longest request has this length, at each of ``batches``.

    ``percent``: of the requests that have it.
    """

    length: int
    percent: float
    batches: tuple[int, ...]
    milliseconds: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingView:
    """One setting that was simulated, and measured if it got so far.

    ``…_capacity``: rows per second of one replica within the objective; ``…_latency_ms``: at the
    objective's percentile, at that rate. ``outcome``: one of ``OUTCOMES``.
    """

    label: str
    variant: str
    max_batch_size: int
    instances: int
    threads: int
    queue_delay_microseconds: int
    simulated_capacity: float
    simulated_latency_ms: float
    outcome: str
    why: str = ""
    measured_capacity: float | None = None
    measured_latency_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """One load run at the server, and the same simulated.

    ``rate``: rows per second offered, 0 for a closed loop of ``concurrency`` requests.
    ``…_violation_percent``: of the requests that were not answered in time.
    ``discarded``: why it was thrown away, else empty.
    """

    label: str
    rate: float
    concurrency: int
    measured_p50_ms: float
    measured_p99_ms: float
    simulated_p50_ms: float
    simulated_p99_ms: float
    measured_violation_percent: float
    simulated_violation_percent: float
    measured_rows_per_second: float
    simulated_rows_per_second: float
    requests: int
    discarded: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPart:
    """``measured_bytes``: None where it cannot be told apart."""

    name: str
    predicted_bytes: int
    measured_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryView:
    """The replica's memory at the chosen setting.

    ``measured_bytes``: of the whole, None where it was not. ``allowed_bytes``: by the user, 0 for
    no limit. ``request_bytes`` and ``limit_bytes``: what the pod asks for.
    """

    parts: tuple[MemoryPart, ...]
    predicted_bytes: int
    request_bytes: int
    limit_bytes: int
    measured_bytes: int | None = None
    allowed_bytes: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityView:
    """How much so many replicas carry.

    ``load_steps``: offered rows as a share of what all replicas can do.
    ``answered_percent``: in time; a row for each of ``load_steps``, a column for each of
    ``replicas``.
    """

    replicas: tuple[int, ...]
    rows_per_second: tuple[float, ...]
    load_steps: tuple[float, ...]
    answered_percent: tuple[tuple[float, ...], ...]
    routing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a knob has its value."""

    knob: str
    value: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CostView:
    """``seconds``: altogether; ``load_seconds``: of them in ``runs`` load runs."""

    seconds: float
    load_seconds: float
    runs: int
    simulated_settings: int
    simulation_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningReport:
    """One tuning. ``created_at``: ISO 8601 with its zone; ``headline``: the result, a sentence.

    ``why``: what else has to be said of the choice. ``settings``: in any order. ``lengths``: at the
    chosen setting, where requests have several.
    """

    title: str
    created_at: str
    headline: str
    why: tuple[str, ...]
    objective: LatencyObjective
    traffic: Traffic
    hardware: str
    curves: tuple[CurveView, ...]
    settings: tuple[SettingView, ...]
    memory: MemoryView
    capacity: CapacityView
    reasons: tuple[Reason, ...]
    runs: tuple[RunView, ...]
    cost: CostView
    lengths: tuple[LengthView, ...] = ()

    @property
    def chosen(self) -> SettingView | None:
        """What is served; None only where nothing could be."""
        return next((each for each in self.settings if each.outcome == CHOSEN), None)
