"""The measured behaviour of one artifact at one setting: what sizing and status read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyPoint:
    """Latency of a request of ``batch`` rows with nothing else going on, milliseconds."""

    batch: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What the tuner measured and chose.

    ``capacity_rows_per_second``: largest open-loop (Poisson, single rows) rate that one
    replica serves within the objective. Replicas do not pool (``routing``: each has its own
    queue behind a random split), so c replicas give c times that.
    ``throughput_rows_per_second``: closed-loop rate at the chosen setting.
    ``queue_timeout_microseconds``: objective - L(B), at least 1; 0 means none.
    ``variant``: of the artifact, the one that did best in Triton.
    ``objective_met``: False when even batch 1 misses it; best effort is served then.
    """

    artifact_digest: str
    variant: str
    backend: str
    max_batch_size: int
    instances: int
    threads: int
    queue_delay_microseconds: int
    queue_timeout_microseconds: int
    latency: tuple[LatencyPoint, ...]
    latency_at_capacity_ms: float
    throughput_rows_per_second: float
    capacity_rows_per_second: float
    objective_percentile: float
    objective_ms: float
    objective_met: bool
    peak_memory_bytes: int
    load_seconds: float
    hardware: str
    routing: str = "random-split"
