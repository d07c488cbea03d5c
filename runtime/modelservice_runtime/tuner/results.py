"""What was measured → the profile and the result. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from modelservice_runtime.contract.codec import dumps
from modelservice_runtime.contract.profile import MemoryPlan, Profile, ServicePoint
from modelservice_runtime.contract.requests import TuneRequest
from modelservice_runtime.contract.results import (
    FAILED,
    MAX_RESULT_BYTES,
    SUCCEEDED,
    TuneResult,
)

from .capacity import Capacity, figure
from .choice import Choice, LatencyPoint, falling, queue_timeout_microseconds
from .errors import MEASURED, OBJECTIVE_MISSED, TuneError


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All that the steps found out. ``notes``: what was left out, and why, in words."""

    curve: tuple[LatencyPoint, ...]
    choice: Choice
    capacity: Capacity
    peak_memory_bytes: int
    load_seconds: float
    hardware: str
    notes: tuple[str, ...] = ()


def succeeded(request: TuneRequest, measured: Measured) -> TuneResult:
    """The result of a tuning that measured enough."""
    met = measured.choice.met
    return TuneResult(
        key=request.tuning_key,
        attempt=request.attempt,
        outcome=SUCCEEDED,
        reason=MEASURED if met else OBJECTIVE_MISSED,
        message=words(measured),
        profile=profile(request, measured),
    )


def failed(request: TuneRequest, error: TuneError) -> TuneResult:
    """The result of a tuning that ended with ``error``."""
    return TuneResult(
        key=request.tuning_key,
        attempt=request.attempt,
        outcome=FAILED,
        reason=error.reason,
        message=error.message,
    )


def profile(request: TuneRequest, measured: Measured) -> Profile:
    """What sizing and status read."""
    choice, setting, goal = measured.choice, measured.choice.setting, request.objective
    largest = [point for point in measured.curve if point.batch <= setting.max_batch_size][-1]
    timeout = queue_timeout_microseconds(goal.milliseconds, largest.p50_ms) if choice.met else 0
    return Profile(
        artifact_digest=request.artifact_digest,
        variant=setting.variant,
        backend=request.backend,
        max_batch_size=setting.max_batch_size,
        instances=setting.instances,
        threads=setting.threads,
        queue_delay_microseconds=0,
        queue_timeout_microseconds=timeout,
        service=tuple(ServicePoint(batch=p.batch, milliseconds=p.p50_ms) for p in measured.curve),
        memory=MemoryPlan(
            request_bytes=measured.peak_memory_bytes,
            limit_bytes=measured.peak_memory_bytes,
            shared_memory_bytes=0,
        ),
        latency_at_capacity_ms=round(measured.capacity.latency_ms, 3),
        throughput_rows_per_second=round(choice.rows_per_second, 3),
        capacity_rows_per_second=round(measured.capacity.rows_per_second, 3),
        objective_percentile=goal.percentile,
        objective_ms=goal.milliseconds,
        objective_met=choice.met,
        peak_memory_bytes=measured.peak_memory_bytes,
        load_seconds=round(measured.load_seconds, 3),
        hardware=measured.hardware,
    )


def words(measured: Measured) -> str:
    """The profile in a sentence, and what a person should know about how it was made."""
    choice, capacity = measured.choice, measured.capacity
    figures = (
        f"{figure(choice.rows_per_second)} rows/s under full load, capacity"
        f" {figure(capacity.rows_per_second)} rows/s per replica,"
        f" {measured.peak_memory_bytes >> 20} MiB at most"
    )
    notes = [capacity.note, falling(measured.curve), *measured.notes]
    return "; ".join([choice.why, figures, *(note for note in notes if note)])


def shortened(result: TuneResult) -> bytes:
    """The result's JSON, its message cut until it fits into a termination message."""
    text = dumps(result).encode()
    while len(text) > MAX_RESULT_BYTES and result.message:
        result = replace(result, message=_cut(result.message, len(text) - MAX_RESULT_BYTES))
        text = dumps(result).encode()
    return text


def _cut(message: str, bytes_too_many: int) -> str:
    """Shorter by as many characters as could have made up the bytes, at least by one."""
    # A character is written as one byte to two \uXXXX escapes.
    return message[: max(0, len(message) - max(1, bytes_too_many // 12))]
