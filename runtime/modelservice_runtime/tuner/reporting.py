"""What a tuning found out as the value that its report is written from. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median

from modelservice_runtime.contract.profile import (
    CAPACITY_REPLICAS,
    LOAD_STEPS,
    RANDOM_SPLIT,
    MemoryPlan,
)

from . import curve, report
from .answered import Shares
from .knobs import Knob
from .leak_words import leak_words, limit_of
from .measured_option import MeasuredOption
from .memory_plan import FILES, MIB, SERVER, Observation, predicted
from .outcome import Tuned
from .report import document as doc
from .results import curve_notes, discarded, variants_compared
from .search import NOISE_SHARE, Candidate, batching_of
from .settings import Setting, batch_sizes
from .simulation.loads import AtTimes
from .simulation.service_time import ServiceTime
from .trials import Trial, valid


def report_of(
    tuned: Tuned,
    knobs: Sequence[Knob],
    memory: MemoryPlan | None,
    answered: Shares,
    *,
    title: str,
    created_at: str,
    hardware: str,
) -> report.TuningReport:
    """The whole report; ``memory``: None where it could not be measured."""
    leaks = leak_words(tuned, limit_of(tuned, memory))
    notes = (leaks, tuned.capacity.note, variants_compared(tuned), *curve_notes(tuned))
    return report.TuningReport(
        title=title,
        created_at=created_at,
        headline=f"{tuned.why}; capacity {tuned.capacity.rows_per_second:.0f} rows/s a replica",
        why=tuple(note for note in (*notes, *discarded(tuned), *tuned.notes) if note),
        objective=tuned.question.objective,
        traffic=tuned.question.traffic,
        hardware=hardware,
        curves=tuple(_curve(tuned, seen) for seen in tuned.options.values() if seen.points),
        settings=_settings(tuned),
        memory=_memory(tuned, memory),
        capacity=_capacity(tuned, answered),
        reasons=tuple(doc.Reason(knob=k.name, value=k.value, why=k.why) for k in knobs),
        runs=_runs(tuned),
        cost=doc.CostView(
            seconds=tuned.seconds,
            load_seconds=tuned.load_seconds,
            runs=tuned.runs,
            simulated_settings=len(tuned.order),
            simulation_seconds=tuned.simulation_seconds,
        ),
        lengths=_lengths(tuned.capacity.candidate),
    )


def _curve(tuned: Tuned, seen: MeasuredOption) -> doc.CurveView:
    return doc.CurveView(
        label=seen.option.words(),
        chosen=seen.option == tuned.chosen.setting.option,
        points=tuple(
            doc.CurvePoint(
                batch=point.batch,
                milliseconds=point.milliseconds,
                low_ms=point.low_ms,
                high_ms=point.high_ms,
                executions=point.executions,
            )
            for point in seen.points
        ),
        noise_percent=100 * curve.noise(seen.windows),
        note=curve.falling(seen.points),
    )


def _lengths(candidate: Candidate) -> tuple[doc.LengthView, ...]:
    by_length, largest = candidate.service.by_length, candidate.setting.max_batch_size
    if by_length is None:
        return ()
    sizes = batch_sizes(largest)
    tables = by_length.tables(candidate.service.table(largest))
    return tuple(
        doc.LengthView(
            length=length,
            percent=round(100 * share, 3),
            batches=sizes,
            milliseconds=tuple(1000 * float(table[size]) for size in sizes),
        )
        for length, share, table in zip(by_length.lengths, by_length.shares, tables, strict=True)
    )


def _settings(tuned: Tuned) -> tuple[doc.SettingView, ...]:
    views = [_setting(tuned, item) for item in tuned.order]
    if all(item.setting != tuned.chosen.setting for item in tuned.order):
        views.insert(0, _setting(tuned, tuned.chosen))
    return tuple(views)


def _setting(tuned: Tuned, item: Candidate) -> doc.SettingView:
    setting, option = item.setting, item.setting.option
    trials = valid([trial for trial in tuned.trials if trial.setting == setting])
    outcome, why = _outcome(tuned, item, trials)
    is_chosen = setting == tuned.chosen.setting
    # Of a closed loop, the runs with as many clients as keep the goal.
    clients = tuned.capacity.clients if is_chosen else item.clients
    own = [trial for trial in trials if trial.clients == clients]
    measured = None
    if is_chosen and own:
        measured = tuned.capacity.rows_per_second
    elif own:
        measured = median(trial.rows_per_second for trial in own)
    return doc.SettingView(
        label=setting.words(),
        variant=option.variant,
        max_batch_size=setting.max_batch_size,
        instances=option.instances,
        threads=option.threads,
        queue_delay_microseconds=setting.queue_delay_microseconds,
        simulated_capacity=item.rows_per_second,
        simulated_latency_ms=item.latency_ms if math.isfinite(item.latency_ms) else math.nan,
        outcome=outcome,
        why=why,
        measured_capacity=measured,
        measured_latency_ms=median(trial.tail_ms for trial in own) if own else None,
    )


def _outcome(tuned: Tuned, item: Candidate, trials: Sequence[Trial]) -> tuple[str, str]:
    if item.setting == tuned.chosen.setting:
        return doc.CHOSEN, tuned.why
    if item.misfit:
        return doc.UNFIT, item.misfit
    if trials:
        last = trials[-1]
        return doc.FINALIST, f"{last.violations:.1%} late {last.load_words}"
    if item.rows_per_second <= 0:
        return doc.REJECTED, f"keeps {tuned.question.goal_words()} at no rate"
    if not tuned.question.has_all(item.clients):
        few = f"at most {item.clients} requests in flight"
        return doc.REJECTED, f"keeps {tuned.question.goal_words()} with {few}"
    return doc.REJECTED, _behind(tuned, item)


def _behind(tuned: Tuned, item: Candidate) -> str:
    best = max(other.rows_per_second for other in tuned.order if not other.misfit)
    behind = 1 - item.rows_per_second / best
    if behind >= NOISE_SHARE:
        return f"{behind:.0%} behind, simulated"
    if tuned.question.limits.oversubscribed(item.setting.option):
        return "more threads than cores, for too little more"
    return "another setting is as good"


def _runs(tuned: Tuned) -> tuple[doc.RunView, ...]:
    services = {item.setting: item.service for item in tuned.order}
    return tuple(
        _run(trial, tuned, services.get(trial.setting, tuned.chosen.service))
        for trial in tuned.trials
    )


def _run(trial: Trial, tuned: Tuned, service: ServiceTime) -> doc.RunView:
    load = trial.load_as_sent
    outcome = load.outcome(service, batching_of(trial.setting))
    objective = tuned.question.objective
    percentile = objective.percentile
    measured = trial.measurement
    rows = load.requests.rows_per_second if isinstance(load, AtTimes) else trial.rows_per_second
    return doc.RunView(
        label=trial.setting.words(),
        rate=0.0 if trial.clients else trial.rows_per_second,
        concurrency=trial.clients,
        measured_p50_ms=trial.median_ms,
        measured_p99_ms=trial.tail_ms,
        simulated_p50_ms=outcome.quantile(50) * 1000,
        simulated_p99_ms=outcome.quantile(percentile) * 1000,
        measured_violation_percent=100 * trial.violations,
        simulated_violation_percent=100 * outcome.violations(objective.milliseconds / 1000),
        measured_rows_per_second=rows,
        simulated_rows_per_second=outcome.rows_per_second,
        requests=measured.requests,
        discarded=trial.discarded,
    )


def _memory(tuned: Tuned, plan: MemoryPlan | None) -> doc.MemoryView:
    setting = tuned.chosen.setting
    parts = predicted(setting, _before(setting, tuned.memory))
    own = [item for item in tuned.memory if item.setting == setting]
    measured = max(own, key=lambda item: item.total) if own else None
    seen = {SERVER: measured.server_bytes, FILES: measured.file_bytes} if measured else {}
    named: Mapping[str, int] = parts.named() if parts else {}
    return doc.MemoryView(
        parts=tuple(
            doc.MemoryPart(name=name, predicted_bytes=size, measured_bytes=seen.get(name))
            for name, size in named.items()
        ),
        predicted_bytes=parts.total if parts else 0,
        request_bytes=plan.request_bytes if plan else 0,
        limit_bytes=plan.limit_bytes if plan else 0,
        measured_bytes=measured.total if measured else None,
        allowed_bytes=tuned.question.memory_bytes,
        note="; ".join(
            filter(None, (leak_words(tuned, limit_of(tuned, plan)), _memory_note(plan)))
        ),
    )


def _before(setting: Setting, seen: Sequence[Observation]) -> Sequence[Observation]:
    """What was known before the setting itself was measured, if anything was."""
    others = [item for item in seen if item.setting != setting]
    same = [item for item in others if item.setting.option.variant == setting.option.variant]
    return others if same else seen


def _memory_note(plan: MemoryPlan | None) -> str:
    if plan is None:
        return "the server's memory was not measured: its process is not known here"
    return (
        f"a changed configuration is loaded beside the old one: for a moment"
        f" {plan.limit_bytes / MIB:.0f} MiB"
    )


def _capacity(tuned: Tuned, answered: Shares) -> doc.CapacityView:
    rate = tuned.capacity.rows_per_second
    return doc.CapacityView(
        replicas=CAPACITY_REPLICAS,
        rows_per_second=tuple(rate * count for count in CAPACITY_REPLICAS),
        load_steps=LOAD_STEPS,
        answered_percent=tuple(tuple(100 * share for share in row) for row in answered),
        routing=RANDOM_SPLIT,
    )
