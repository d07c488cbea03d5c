"""P: known behaviour of the peers, each in a run of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from bench_figures.rows import Figures

from autoscaling_figures.bench import Bench
from autoscaling_figures.capacities import each_of
from autoscaling_figures.controllers.hpa import Hpa, Keda, offered, queued
from autoscaling_figures.controllers.kpa import Kpa
from autoscaling_figures.controllers.ray import RayServe
from autoscaling_figures.runs.running import Case, run
from autoscaling_figures.runs.sharing import share
from autoscaling_figures.simulator.arrivals import Trace
from autoscaling_figures.simulator.model import ModelOf
from autoscaling_figures.simulator.world import EMPTY, Controller, Fault

from .findings import Seen, figures

#: Long enough for stabilisation windows.
HOUR = 3600.0
NAME = "constant"
#: Replicas at the beginning, all of which the load needs.
REPLICAS = 10


def measure(bench: Bench) -> Iterator[Figures]:
    """All of it, at once."""
    bench.say("P: known behaviour of the peers")
    yield figures([_seen(seed) for seed in bench.seeds])


def _seen(seed: int) -> Seen:
    model = ModelOf()
    each = each_of(model)
    target = 0.7 * each
    load = _steps((REPLICAS * target, HOUR))
    within = _changes(load, Hpa(target=1.05 * target), REPLICAS, seed)
    empty = Fault(kind=EMPTY, begin=1200.0, end=HOUR)
    keda = _changes(load, Keda(metric=offered, target=target), REPLICAS, seed, (empty,))
    least = next((at for at, count in keda if count == 1), math.inf)
    first = next((at for at, count in keda if at >= empty.begin and count < REPLICAS), math.inf)
    start = ModelOf(start=45.0, slow_share=0.0, patient=True)
    jump = _steps((10.0, 900.0), (100.0, 1800.0))
    deep = run(
        Case(trace=jump, model=start, each=each, seed=seed),
        Keda(metric=queued, target=1.0),
        most=400,
    )
    surge = _steps((2 * target, 900.0), (20 * target, 300.0))
    panicking = _changes(surge, Kpa(target=0.7 * model.batch), 2, seed)
    slow = _changes(surge, RayServe(target=2.0), 2, seed)
    return Seen(
        within=len([at for at, _ in within if at > 0]),
        keda_first=first - empty.begin,
        keda_least=least - empty.begin,
        overshoot=deep.peak / math.ceil(100.0 / each),
        panic=_up_after(panicking, 900.0),
        persistent=_up_after(slow, 900.0),
    )


def _up_after(changes: list[tuple[float, int]], at: float) -> float:
    """Seconds until more are wanted."""
    return next((when - at for when, _ in changes if when > at), math.inf)


def _steps(*parts: tuple[float, float]) -> Trace:
    """(requests a second, for so many seconds), one after another."""
    counts = np.concatenate([np.full(int(seconds), rate) for rate, seconds in parts])
    return Trace(name=NAME, counts=counts, seconds=1.0)


def _changes(
    load: Trace,
    controller: Controller,
    replicas: int,
    seed: int,
    faults: tuple[Fault, ...] = (),
) -> list[tuple[float, int]]:
    """(when, count) of what was wanted, from ``replicas`` on that answer."""
    found = share(
        {NAME: load}, ModelOf(), controller, 400, seed=seed, faults=faults, first=replicas
    )
    return [(change.at, change.after) for change in found.changes]
