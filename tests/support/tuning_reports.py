"""Reports as a tuning would make them: nothing, little, all and very much, hostile names, NaN."""

from __future__ import annotations

import dataclasses
import math
import random
from typing import Any

from modelservice_runtime.contract.profile import CAPACITY_REPLICAS, LOAD_STEPS, RANDOM_SPLIT
from modelservice_runtime.contract.requests import LatencyObjective
from modelservice_runtime.contract.traffic import RowsShare, Traffic
from modelservice_runtime.tuner.report.document import (
    CHOSEN,
    FINALIST,
    REJECTED,
    UNFIT,
    CapacityView,
    CostView,
    CurvePoint,
    CurveView,
    MemoryPart,
    MemoryView,
    Reason,
    RunView,
    SettingView,
    TuningReport,
)

MIB = 2**20
HOSTILE = '<script>alert("1")</script>&\'\x00\x1b[31m'
NAN, INF = math.nan, math.inf


def words_of(variant: str, batch: str, instances: int, threads: int) -> str:
    """As the tuner names a setting, or without its batch a curve."""
    many, more = "s" * (instances > 1), "s" * (threads > 1)
    return f"{variant}{batch}, {instances} instance{many}, {threads} thread{more} each"


def curve(
    variant: str, instances: int, threads: int, scale: float, sure: float = 0.02, **more: Any
) -> CurveView:
    """Time grows with the batch, less than in proportion."""
    label = words_of(variant, "", instances, threads)
    points = []
    for batch in (1, 2, 4, 8, 16, 32):
        ms = scale * (1.1 + 0.82 * batch**0.93)
        half = sure * ms
        points.append(
            CurvePoint(
                batch=batch,
                milliseconds=ms,
                low_ms=ms - half,
                high_ms=ms + half,
                executions=4000 // batch,
            )
        )
    given = {"chosen": False, "points": tuple(points), "noise_percent": 3.2}
    return CurveView(label=label, **{**given, **more})


def setting(outcome: str, rows: float, ms: float, **more: Any) -> SettingView:
    """One setting, its label from what it is made of."""
    given = {
        "variant": "int8",
        "max_batch_size": 8,
        "instances": 2,
        "threads": 1,
        "queue_delay_microseconds": 0,
        "simulated_capacity": rows,
        "simulated_latency_ms": ms,
        "outcome": outcome,
        "why": f"it is {outcome}, in one sentence",
    }
    given |= more
    batch = f", batch {given['max_batch_size']}"
    label = words_of(given["variant"], batch, given["instances"], given["threads"])
    return SettingView(**{"label": label, **given})


def settings() -> tuple[SettingView, ...]:
    """Every outcome, measured or not."""
    return (
        setting(REJECTED, 231.0, 18.8, variant="fp32", instances=1, threads=2),
        setting(REJECTED, 292.0, 19.4, variant="fp32"),
        setting(FINALIST, 597.0, 19.1, measured_capacity=571.0, measured_latency_ms=19.7,
                max_batch_size=16, why="572 rows/s measured, 6 % fewer than the chosen one"),
        setting(CHOSEN, 633.0, 18.6, measured_capacity=612.0, measured_latency_ms=18.2,
                why="most rows of 3 finalists within the goal"),
        setting(FINALIST, 604.0, 17.2, measured_capacity=588.0, measured_latency_ms=16.4,
                max_batch_size=4, queue_delay_microseconds=500),
        setting(REJECTED, 402.0, 9.9, max_batch_size=1),
        setting(REJECTED, 502.0, 12.1, max_batch_size=2),
        setting(REJECTED, 455.0, 19.9, instances=1, threads=2, max_batch_size=32),
        setting(UNFIT, 0.0, 0.0, instances=8, max_batch_size=64, why="needs 1.9 GiB of 1 GiB"),
    )  # fmt: skip


def run(label: str, rate: float, p99: float, **more: Any) -> RunView:
    """One load run, the simulation a few percent beside it."""
    given = {
        "concurrency": 0 if rate else 32,
        "measured_p50_ms": 0.4 * p99,
        "measured_p99_ms": p99,
        "simulated_p50_ms": 0.39 * p99,
        "simulated_p99_ms": 1.05 * p99,
        "measured_violation_percent": 0.62,
        "simulated_violation_percent": 0.81,
        "measured_rows_per_second": rate or 655.0,
        "simulated_rows_per_second": (rate or 655.0) * 1.004,
        "requests": 12_400,
    }
    return RunView(label=label, rate=rate, **{**given, **more})


def capacity() -> CapacityView:
    """The whole table, for replicas with queues of their own."""
    rates = tuple(612.0 * n * (1 - 0.06 * (1 - 1 / n)) for n in CAPACITY_REPLICAS)
    shares = tuple(
        tuple(
            min(100.0, 100 / (1 + math.exp((load - 1.0 + 0.05 * n**-0.5) * 22))) for n in
            CAPACITY_REPLICAS
        )
        for load in LOAD_STEPS
    )  # fmt: skip
    return CapacityView(
        replicas=CAPACITY_REPLICAS,
        rows_per_second=rates,
        load_steps=LOAD_STEPS,
        answered_percent=shares,
        routing=RANDOM_SPLIT,
    )


def memory(**more: Any) -> MemoryView:
    """Predicted and measured, one part not told apart."""
    given = {
        "parts": (
            MemoryPart(name="server", predicted_bytes=96 * MIB, measured_bytes=101 * MIB),
            MemoryPart(name="runner, 2 instances", predicted_bytes=212 * MIB,
                       measured_bytes=205 * MIB),
            MemoryPart(name="weights", predicted_bytes=44 * MIB, measured_bytes=44 * MIB),
            MemoryPart(name="activations at batch 8", predicted_bytes=61 * MIB),
            MemoryPart(name="requests and answers", predicted_bytes=12 * MIB),
        ),
        "predicted_bytes": 425 * MIB,
        "measured_bytes": 431 * MIB,
        "request_bytes": 518 * MIB,
        "limit_bytes": 760 * MIB,
        "allowed_bytes": 1024 * MIB,
        "note": "20 % head-room; the limit holds two configurations while one is loaded.",
    }  # fmt: skip
    return MemoryView(**{**given, **more})


def make_report(**more: Any) -> TuningReport:
    """A tuning that measured all."""
    best = settings()[3]
    given = {
        "title": "Tuning of team/digits",
        "created_at": "2026-09-22T10:30:00+00:00",
        "headline": f"{best.label} is served: one replica carries 612 rows/s within p99 ≤ 20 ms.",
        "why": (
            "Most rows of 3 finalists that were measured; 9 settings were simulated.",
            "34 % more than the setting that served before.",
        ),
        "objective": LatencyObjective(percentile=99.0, milliseconds=20.0),
        "traffic": Traffic(
            rows_per_second=1500.0,
            rows_per_request=(RowsShare(rows=1, percent=80.0), RowsShare(rows=4, percent=20.0)),
            repeated_percent=5.0,
        ),
        "hardware": "Intel(R) Xeon(R), 4 cores (avx2 avx512f avx512_vnni)",
        "curves": (
            curve("fp32", 2, 1, 2.4, sure=0.12),
            curve("int8", 2, 1, 1.0, chosen=True, note="measured last"),
            curve("int8", 1, 2, 0.72),
        ),
        "settings": settings(),
        "memory": memory(),
        "capacity": capacity(),
        "reasons": (
            Reason(knob="variant", value="int8", why="2.3 times as fast as fp32 at batch 8"),
            Reason(knob="max_batch_size", value="8", why="at 16 a full batch takes 13 ms of 20"),
            Reason(knob="instances", value="2", why="one for each core that the pod may use"),
            Reason(knob="queue delay", value="0 µs", why="waiting gains 1 % at 500 µs, noise"),
        ),
        "runs": (
            run("chosen, 80 % of its capacity", 490.0, 11.2),
            run("chosen, at its capacity", 612.0, 18.2),
            run("chosen, full load", 0.0, 44.0, measured_violation_percent=71.0,
                simulated_violation_percent=74.2),
            run("batch 16, at its capacity", 571.0, 19.7),
            run("batch 4, at its capacity", 588.0, 31.0,
                discarded="another process took 38 % of a core"),
        ),
        "cost": CostView(
            seconds=312.0,
            load_seconds=140.0,
            runs=9,
            simulated_settings=1240,
            simulation_seconds=21.0,
        ),
    }  # fmt: skip
    return TuningReport(**{**given, **more})


def nothing() -> TuningReport:
    """A tuning that found nothing out."""
    return make_report(
        headline="Nothing is served.",
        why=(),
        traffic=Traffic(),
        curves=(),
        settings=(),
        memory=memory(parts=(), predicted_bytes=0, measured_bytes=None, request_bytes=0,
                      limit_bytes=0, allowed_bytes=0, note=""),
        capacity=CapacityView(
            replicas=(), rows_per_second=(), load_steps=(), answered_percent=()
        ),
        reasons=(),
        runs=(),
        cost=CostView(seconds=0.0, load_seconds=0.0, runs=0, simulated_settings=0,
                      simulation_seconds=0.0),
    )  # fmt: skip


def little() -> TuningReport:
    """One curve of one point, one setting that was only simulated, nothing measured."""
    point = CurvePoint(batch=1, milliseconds=3.1, low_ms=3.1, high_ms=3.1, executions=1)
    return make_report(
        why=(),
        curves=(CurveView(label="model", chosen=True, points=(point,)),),
        settings=(setting(CHOSEN, 240.0, 26.0, variant="model"),),
        memory=memory(parts=(MemoryPart(name="all", predicted_bytes=300 * MIB),),
                      measured_bytes=None, allowed_bytes=0, note=""),
        capacity=CapacityView(
            replicas=(1,), rows_per_second=(240.0,), load_steps=(), answered_percent=()
        ),
        reasons=(),
        runs=(),
    )  # fmt: skip


def many() -> TuningReport:
    """Hundreds of settings, a dozen of finalists, more curves than can be drawn."""
    noise = random.Random(7)  # noqa: S311 - a picture
    found = []
    for number in range(400):
        outcome = (CHOSEN, *[FINALIST] * 9)[number] if number < 10 else REJECTED
        rows = noise.uniform(560, 640) if number < 10 else noise.uniform(90, 590)
        measured = number < 10
        ms = noise.uniform(14, 20) if number < 360 else noise.uniform(30, 900)
        found.append(
            setting(
                outcome, rows, ms,
                variant=f"variant-{number}", max_batch_size=1 + number % 64,
                measured_capacity=rows * noise.uniform(0.93, 1.02) if measured else None,
                measured_latency_ms=ms * noise.uniform(0.93, 1.05) if measured else None,
            )
        )  # fmt: skip
    curves = tuple(
        curve(f"variant-{number}", 1 + number % 4, 1, 0.7 + 0.2 * number, chosen=number == 5)
        for number in range(12)
    )
    wide = tuple(
        CurvePoint(batch=b, milliseconds=0.9 * b, low_ms=0.8 * b, high_ms=b, executions=9)
        for b in range(1, 65)
    )
    curves = (*curves, CurveView(label="every batch", chosen=False, points=wide))
    runs = tuple(run(f"run {number}", 40.0 * number, 4.0 + number) for number in range(40))
    return make_report(settings=tuple(found), curves=curves, runs=runs)


def hostile() -> TuningReport:
    """Whatever a user may name, as markup, with control characters."""
    point = CurvePoint(batch=1, milliseconds=3.1, low_ms=3.0, high_ms=3.2, executions=1)
    return make_report(
        title=HOSTILE,
        created_at=HOSTILE,
        headline=HOSTILE,
        why=(HOSTILE,),
        traffic=Traffic(arrivals="Trace", trace_uri=HOSTILE),
        hardware=HOSTILE,
        curves=(CurveView(label=HOSTILE, chosen=True, points=(point,), note=HOSTILE),),
        settings=(
            dataclasses.replace(settings()[3], label=HOSTILE, variant=HOSTILE, why=HOSTILE),
            dataclasses.replace(settings()[0], label=HOSTILE, outcome=HOSTILE),
        ),
        memory=memory(
            parts=(MemoryPart(name=HOSTILE, predicted_bytes=9 * MIB),), note=HOSTILE
        ),
        capacity=dataclasses.replace(capacity(), routing=HOSTILE),
        reasons=(Reason(knob=HOSTILE, value=HOSTILE, why=HOSTILE),),
        runs=(run(HOSTILE, 10.0, 9.0, discarded=HOSTILE),),
    )  # fmt: skip


def unknown() -> TuningReport:
    """Figures that are not known, in every place that may lack one."""
    point = CurvePoint(batch=1, milliseconds=NAN, low_ms=NAN, high_ms=INF, executions=0)
    sure = CurvePoint(batch=2, milliseconds=2.0, low_ms=NAN, high_ms=INF, executions=1)
    return make_report(
        curves=(
            CurveView(label="a", chosen=True, points=(point, sure), noise_percent=NAN),
            CurveView(label="b", chosen=False, points=(point,)),
            CurveView(label="c", chosen=False, points=()),
        ),
        settings=(
            setting(CHOSEN, NAN, NAN, measured_capacity=INF, measured_latency_ms=NAN),
            setting(FINALIST, 100.0, NAN, measured_capacity=90.0, measured_latency_ms=12.0),
            setting(REJECTED, INF, 3.0),
        ),
        capacity=CapacityView(
            replicas=(1, 2, 4), rows_per_second=(10.0, NAN), load_steps=(0.5, 1.0),
            answered_percent=((NAN,), (100.0, 99.96, 0.0, 7.0), (1.0,)),
        ),
        runs=(
            run("nothing", NAN, NAN, measured_p99_ms=INF, simulated_violation_percent=NAN,
                measured_rows_per_second=NAN),
        ),
        cost=CostView(seconds=NAN, load_seconds=NAN, runs=0, simulated_settings=0,
                      simulation_seconds=INF),
    )  # fmt: skip


def missed() -> TuningReport:
    """The goal cannot be kept."""
    late = setting(CHOSEN, 3.0, 44.0, measured_capacity=2.8, measured_latency_ms=47.0,
                   max_batch_size=1)  # fmt: skip
    return make_report(
        headline="p99 ≤ 20 ms cannot be kept: a lone request takes 44 ms.", settings=(late,)
    )


REPORTS = {
    "nothing": nothing,
    "little": little,
    "full": make_report,
    "many": many,
    "hostile": hostile,
    "unknown": unknown,
    "missed": missed,
}
