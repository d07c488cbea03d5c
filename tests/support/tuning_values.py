"""Values of the tuner that its tests are about: settings, questions, candidates, a whole tuning."""

from __future__ import annotations

from typing import Any

from modelservice_runtime.contract.requests import LatencyObjective, TuneRequest
from modelservice_runtime.contract.traffic import Traffic
from modelservice_runtime.tuner.calibration import Fit
from modelservice_runtime.tuner.finding_capacity import Capacity
from modelservice_runtime.tuner.measured_option import MeasuredOption
from modelservice_runtime.tuner.memory_plan import MIB, Observation
from modelservice_runtime.tuner.outcome import Tuned
from modelservice_runtime.tuner.parsing import Measurement
from modelservice_runtime.tuner.question import Question
from modelservice_runtime.tuner.search import Candidate, simulate
from modelservice_runtime.tuner.settings import Limits, Option, Setting
from modelservice_runtime.tuner.simulation.loads import AtTimes
from modelservice_runtime.tuner.simulation.outcomes import Batching, Outcome, open_loop
from modelservice_runtime.tuner.simulation.service_time import ServiceTime
from modelservice_runtime.tuner.statistics import Counters
from modelservice_runtime.tuner.trials import Trial

#: A batch of b rows takes 4 + b milliseconds.
SERVICE = ServiceTime(batches=(1, 16), seconds=(0.005, 0.020))


def setting(
    batch: int = 4, instances: int = 1, threads: int = 1, delay: int = 0, variant: str = "a"
) -> Setting:
    """One of a variant."""
    option = Option(variant=variant, instances=instances, threads=threads)
    return Setting(option=option, max_batch_size=batch, queue_delay_microseconds=delay)


def question(
    milliseconds: float = 50.0,
    percentile: float = 99.0,
    *,
    cpu: float = 2.0,
    max_batch: int = 16,
    memory: int = 0,
    trace: Any = None,
    limits: Limits | None = None,
    **traffic: Any,
) -> Question:
    """A goal under a traffic."""
    return Question(
        objective=LatencyObjective(percentile=percentile, milliseconds=milliseconds),
        traffic=Traffic(**traffic),
        limits=limits or Limits(cpu=cpu, max_batch_size=max_batch),
        memory_bytes=memory,
        trace=trace,
    )


def candidate(place: Setting, rows: float = 100.0, **more: Any) -> Candidate:
    """As if it had been simulated."""
    given = {"service": SERVICE, "latency_ms": 20.0, "throughput": 2 * rows}
    return Candidate(setting=place, rows_per_second=rows, **{**given, **more})


def fits(place: Setting) -> tuple[int, str]:
    """There is memory for everything."""
    del place
    return 0, ""


def executions(at: float, by_size: dict[int, tuple[int, float]], requests: int = 0) -> Counters:
    """A window of ``at`` seconds: batch size → (how many, milliseconds each)."""
    rows = sum(size * number for size, (number, _) in by_size.items())
    spent = {size: (number, round(number * ms * 1e6)) for size, (number, ms) in by_size.items()}
    return Counters(
        at=at,
        executions=spent,
        requests=requests or rows,
        request_ns=sum(ns for _, ns in spent.values()),
        queue_ns=0,
        rows=rows,
    )


def counted(outcome: Outcome, service: ServiceTime) -> dict[int, tuple[int, int]]:
    """What Triton would have counted: all executions as slow as they were on average."""
    table = service.table(len(outcome.executions) - 1)
    expected = float((outcome.executions * table).sum())
    slower = outcome.busy_seconds / expected if expected else 1.0
    return {
        size: (int(number), round(float(number * table[size]) * slower * 1e9))
        for size, number in enumerate(outcome.executions)
        if number
    }


def trial(
    place: Setting,
    asked: Question,
    rows: float,
    *,
    service: ServiceTime = SERVICE,
    count: int = 500,
    **more: Any,
) -> Trial:
    """One run, measured by simulating it; ``more``: of its measurement."""
    requests = asked.source.at(rows, count)
    batching = Batching(
        instances=place.option.instances,
        max_batch=place.max_batch_size,
        delay=place.queue_delay_microseconds / 1e6,
    )
    outcome = open_loop(service, batching, requests)
    latency = outcome.latency * 1000
    measured = Measurement(
        **{
            "rows_per_second": rows,
            "percentiles_ms": {50: 1.0, 99: 2.0},
            "requests": count,
            "latencies_ms": tuple(latency.tolist()),
            **more,
        }
    )
    return Trial(
        setting=place,
        rows_per_second=rows,
        load=AtTimes(requests=requests),
        measurement=measured,
        executions=counted(outcome, service),
        median_ms=measured.percentile_ms(50),
        tail_ms=measured.percentile_ms(asked.objective.percentile),
        goal_ms=asked.objective.milliseconds,
        violations=measured.violations(asked.objective.milliseconds),
    )


def measured_option(option: Option, windows: int = 6) -> MeasuredOption:
    """Whose windows all say 4 + b milliseconds."""
    by_size = {size: (20, 4.0 + size) for size in (1, 2, 4, 8)}
    seen = MeasuredOption(option=option)
    seen.windows = [executions(0.6, by_size) for _ in range(windows)]
    seen.busy = seen.windows[:2]
    return seen


def tuned(**more: Any) -> Tuned:
    """A tuning of two options, the chosen one measured twice."""
    asked = more.pop("question", None) or question()
    chosen = simulate(setting(8, 2), SERVICE, asked, lambda _: (300 * MIB, ""))
    others = (
        simulate(setting(8, 2, delay=3000), SERVICE, asked, lambda _: (300 * MIB, "")),
        simulate(setting(4, 2), SERVICE, asked, lambda _: (280 * MIB, "")),
        simulate(setting(8, 1, 2), SERVICE, asked, lambda _: (200 * MIB, "")),
        simulate(setting(1, 1, 2), SERVICE, asked, lambda _: (190 * MIB, "")),
        simulate(setting(16, 2), SERVICE, asked, lambda _: (900 * MIB, "it would need too much")),
    )
    options = {place.setting.option for place in (chosen, *others)}
    rate = 0.9 * chosen.rows_per_second or 50.0
    given: dict[str, Any] = {
        "question": asked,
        "chosen": chosen,
        "met": True,
        "why": "it is best",
        "capacity": Capacity(rows_per_second=rate, latency_ms=31.0, candidate=chosen),
        "order": (chosen, *others),
        "options": {option: measured_option(option) for option in sorted(options, key=str)},
        "trials": (
            trial(chosen.setting, asked, rate),
            trial(chosen.setting, asked, 0.8 * rate),
            trial(others[1].setting, asked, rate),
        ),
        "first_fits": {
            chosen.setting: Fit(
                service=SERVICE,
                speed=1.02,
                overhead=0.0,
                scatter=1.1,
                median_error=0.01,
                tail_error=0.05,
            )
        },
        "finalists": (chosen.setting, others[1].setting),
        "memory": (
            Observation(setting=chosen.setting, server_bytes=90 * MIB, instance_bytes=180 * MIB),
        ),
        "samples": (),
        "alone_ms": {"a": 5.2},
        "current": 0.0,
        "notes": (),
        "seconds": 60.0,
        "load_seconds": 20.0,
        "runs": 12,
        "simulation_seconds": 0.5,
    }
    return Tuned(**{**given, **more})


def tune_request(**more: Any) -> TuneRequest:
    """What a Job is asked."""
    given: dict[str, Any] = {
        "namespace": "team",
        "name": "tiny",
        "tuning_key": "0123456789",
        "attempt": 1,
        "artifact_uri": "file:///store",
        "artifact_digest": "sha256:" + "a" * 64,
        "backend": "python",
        "objective": LatencyObjective(percentile=99.0, milliseconds=50.0),
        "max_batch_size": 16,
        "cpu": 2.0,
        "memory_limit_bytes": 0,
        "duration_seconds": 60,
    }
    return TuneRequest(**{**given, **more})
