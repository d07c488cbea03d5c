"""The measured behaviour of one artifact at one setting: what sizing and status read."""

from __future__ import annotations

from dataclasses import dataclass, field

from .traffic import Traffic

#: Columns of the capacity table: so many replicas; the balancer interpolates between them.
CAPACITY_REPLICAS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64)
#: Rows of the table of answered shares: offered rows as a share of what all replicas can do.
LOAD_STEPS = (
    0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0,
)  # fmt: skip
#: Each replica has a queue of its own and gets a random part of the requests.
RANDOM_SPLIT = "random-split"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePoint:
    """Mean time of one execution of ``batch`` rows as Triton counts it, milliseconds.

    Input, inference and output together, no waiting: what its ``batch_stats`` give.
    """

    batch: int
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedSetting:
    """What is searched and served. ``threads``: of each instance's engine."""

    variant: str
    max_batch_size: int
    instances: int
    threads: int
    queue_delay_microseconds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """What a replica needs, in bytes.

    ``request_bytes``: at the setting that serves, with head-room; ``limit_bytes``: likewise while
    a changed configuration is loaded beside the old one. ``shared_memory_bytes``: of them in
    /dev/shm. ``gpu_bytes``: on the GPU, 0 without one; ``gpu_load_limit``: share of the GPU's
    memory beyond which Triton refuses to load.
    """

    request_bytes: int
    limit_bytes: int
    shared_memory_bytes: int
    gpu_bytes: int = 0
    gpu_load_limit: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What the tuner measured and chose.

    ``variant``: of the artifact, the one that did best in Triton.
    ``queue_timeout_microseconds``: objective - L(B), at least 1; 0 means none.
    ``response_cache_bytes``: 0 for no cache. ``pinned_memory_bytes``: Triton's pool.
    ``service``: by batch size at the chosen setting, smallest first; where the traffic has several
    lengths, the mean over what is executed together of them.
    ``padded``: requests of different lengths are padded and run as one batch.
    ``throughput_rows_per_second``: of one replica that always has full batches to do.
    ``capacity_rows_per_second``: largest rate that one replica serves within the objective; of a
    closed loop that of its clients, or of as many of them as keep it.
    ``capacity_table``: the same for ``CAPACITY_REPLICAS`` of them behind ``routing``.
    ``answered_share``: base64 of a byte for each of ``LOAD_STEPS`` (rows) and
    ``CAPACITY_REPLICAS`` (columns): share of the requests answered in time, 255 for all.
    ``objective_met``: False when even batch 1 misses it, or a closed loop with all of its clients;
    best effort is served then.
    ``gain``: capacity ÷ that of the setting that served before - 1; 0 where there was none.
    ``reasons``: a sentence for each choice. ``report_uri``: folder of report.json, report.html.
    """

    artifact_digest: str
    variant: str
    backend: str
    max_batch_size: int
    instances: int
    threads: int
    queue_delay_microseconds: int
    queue_timeout_microseconds: int
    service: tuple[ServicePoint, ...]
    latency_at_capacity_ms: float
    throughput_rows_per_second: float
    capacity_rows_per_second: float
    objective_percentile: float
    objective_ms: float
    objective_met: bool
    peak_memory_bytes: int
    memory: MemoryPlan
    load_seconds: float
    hardware: str
    capacity_table: tuple[float, ...] = ()
    answered_share: str = ""
    routing: str = RANDOM_SPLIT
    response_cache_bytes: int = 0
    cuda_graphs: bool = False
    padded: bool = False
    pinned_memory_bytes: int = 0
    traffic: Traffic = field(default_factory=Traffic)
    gain: float = 0.0
    reasons: tuple[str, ...] = ()
    report_uri: str = ""
