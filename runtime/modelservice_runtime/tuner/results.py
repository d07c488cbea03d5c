"""What was found out → the profile and the result. Pure."""

from __future__ import annotations

from dataclasses import replace

from modelservice_runtime.contract.profile import (
    CAPACITY_REPLICAS,
    MemoryPlan,
    Profile,
    ServicePoint,
)
from modelservice_runtime.contract.requests import TuneRequest
from modelservice_runtime.contract.results import (
    FAILED,
    SUCCEEDED,
    TuneResult,
)
from modelservice_runtime.contract.short_results import fitting

from . import curve
from .answered import Shares
from .errors import MEASURED, OBJECTIVE_MISSED, TuneError
from .figures import figure
from .knobs import Decided, Knob
from .leak_words import leak_words, limit_of
from .outcome import Tuned
from .search import Candidate, batching_of
from .settings import batch_sizes
from .simulation.arrivals import Source
from .simulation.capacity import REQUESTS, packed, throughput
from .simulation.outcomes import open_loop
from .trials import LEAST_IN_FLIGHT, most_sent, valid

#: A result has room for so many reasons; the report has all of them.
_SHOWN_REASONS = 8


def succeeded(request: TuneRequest, tuned: Tuned, profile: Profile) -> TuneResult:
    """The result of a tuning that measured enough."""
    return TuneResult(
        key=request.tuning_key,
        attempt=request.attempt,
        outcome=SUCCEEDED,
        reason=MEASURED if tuned.met else OBJECTIVE_MISSED,
        message=words(tuned, profile),
        profile=profile,
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


def profile_of(
    request: TuneRequest,
    tuned: Tuned,
    decided: Decided,
    knobs: tuple[Knob, ...],
    *,
    answered: Shares,
    memory: MemoryPlan,
    peak_bytes: int,
    load_seconds: float,
    hardware: str,
) -> Profile:
    """What sizing and status read."""
    chosen, goal = tuned.chosen, request.objective
    setting, rate = chosen.setting, tuned.capacity.rows_per_second
    final = tuned.capacity.candidate
    points = service_points(final, tuned.question.source, rate)
    return Profile(
        artifact_digest=request.artifact_digest,
        variant=setting.option.variant,
        backend=request.backend,
        max_batch_size=setting.max_batch_size,
        instances=setting.option.instances,
        threads=setting.option.threads,
        queue_delay_microseconds=setting.queue_delay_microseconds,
        queue_timeout_microseconds=decided.queue_timeout_microseconds,
        service=points,
        latency_at_capacity_ms=round(tuned.capacity.latency_ms, 3),
        throughput_rows_per_second=round(_throughput(tuned), 3),
        capacity_rows_per_second=round(rate, 3),
        capacity_table=capacity_table(tuned),
        answered_share=packed(answered),
        objective_percentile=goal.percentile,
        objective_ms=goal.milliseconds,
        objective_met=tuned.met,
        peak_memory_bytes=peak_bytes,
        memory=memory,
        load_seconds=round(load_seconds, 3),
        hardware=hardware,
        response_cache_bytes=decided.response_cache_bytes,
        cuda_graphs=decided.cuda_graphs,
        padded=tuned.padded,
        pinned_memory_bytes=decided.pinned_memory_bytes,
        traffic=request.traffic,
        gain=round(rate / tuned.current - 1, 4) if tuned.current > 0 else 0.0,
        reasons=(
            *filter(None, [leak_words(tuned, limit_of(tuned, memory))]),
            *(knob.words() for knob in knobs[:_SHOWN_REASONS]),
        ),
        report_uri=request.report_uri,
    )


def service_points(
    candidate: Candidate, source: Source, rows_per_second: float
) -> tuple[ServicePoint, ...]:
    """Time by batch size at the setting that serves, as the corrected model has it.

    Where requests have several lengths: the mean over those that are executed together at this
    rate, which is what Triton counts.
    """
    largest = candidate.setting.max_batch_size
    table = candidate.service.table(largest)
    if candidate.service.by_length is not None:
        requests = source.at(rows_per_second, REQUESTS)
        outcome = open_loop(candidate.service, batching_of(candidate.setting), requests)
        table = candidate.service.means(outcome.by_kind, largest)
    return tuple(
        ServicePoint(batch=size, milliseconds=round(float(table[size]) * 1000, 4))
        for size in batch_sizes(largest)
    )


def capacity_table(tuned: Tuned) -> tuple[float, ...]:
    """R(c) for the routing that there is: each replica gets a random part of the requests."""
    rate = tuned.capacity.rows_per_second
    return tuple(round(rate * count, 2) for count in CAPACITY_REPLICAS)


def _throughput(tuned: Tuned) -> float:
    """With full batches; a rate that was held is below that, whatever the model says."""
    candidate = tuned.capacity.candidate
    full = throughput(candidate.service, batching_of(candidate.setting))
    return max(full, tuned.capacity.rows_per_second)


def words(tuned: Tuned, profile: Profile) -> str:
    """The profile in a sentence, and what a person should know about how it was made."""
    figures = (
        f"{figure(profile.throughput_rows_per_second)} rows/s with full batches, capacity"
        f" {figure(profile.capacity_rows_per_second)} rows/s per replica,"
        f" {profile.peak_memory_bytes >> 20} MiB at most"
    )
    cost = f"{tuned.runs} runs, {tuned.load_seconds:.0f} s of load"
    notes = [
        leak_words(tuned, limit_of(tuned, profile.memory)),
        tuned.capacity.note,
        variants_compared(tuned),
        *curve_notes(tuned),
        *discarded(tuned),
        *tuned.notes,
    ]
    return "; ".join([tuned.why, figures, cost, *(note for note in notes if note)])


def variants_compared(tuned: Tuned) -> str:
    """The best of each variant in words; empty where there is only one."""
    best: dict[str, float] = {}
    for item in tuned.order:
        name = item.setting.option.variant
        best[name] = max(best.get(name, 0.0), item.rows_per_second)
    if len(best) < 2:  # noqa: PLR2004 - one has nobody to be compared with
        return ""
    pairs = sorted(best.items(), key=lambda pair: -pair[1])
    parts = [f"{name} {figure(rows)} rows/s" if rows else f"{name} none" for name, rows in pairs]
    return f"variants within {tuned.question.goal_words()}: {', '.join(parts)}"


def curve_notes(tuned: Tuned) -> tuple[str, ...]:
    """What is odd about the chosen option's curve, and how much the machine disturbed it."""
    seen = tuned.options[tuned.chosen.setting.option]
    noise = curve.noise(seen.windows)
    noisy = f"the machine is noisy: speeds scatter by ±{noise:.0%} from moment to moment"
    return (curve.falling(seen.points), noisy if noise > curve.NOISY_SHARE else "")


def discarded(tuned: Tuned) -> tuple[str, ...]:
    """How many runs were thrown away, and how much the load generator sends."""
    many, most = len(tuned.trials) - len(valid(tuned.trials)), most_sent(tuned.trials)
    if not many:
        return ()
    why = f"the load generator fell behind; it sends about {figure(most)} rows/s here"
    if clients := tuned.question.clients:
        few = f"less than {LEAST_IN_FLIGHT:.0%} of {clients}"
        why = f"the load generator kept {few} requests in flight"
    return (f"{many} of {len(tuned.trials)} runs under load were thrown away: {why}",)


def to_text(result: TuneResult) -> str:
    """The result's JSON, its message and then its reasons cut until it fits.

    Raises:
        ValueError: a profile larger than any that there is.
    """
    return fitting(result, _with_fewer_reasons)


def _with_fewer_reasons(result: TuneResult) -> TuneResult | None:
    profile = result.profile
    if profile is None or not profile.reasons:
        return None
    return replace(result, profile=replace(profile, reasons=profile.reasons[:-1]))
