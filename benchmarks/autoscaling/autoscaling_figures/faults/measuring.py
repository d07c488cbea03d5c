"""C1 and C2: each fault for twenty minutes at the load's peak; a step of ten times the load."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from bench_figures.rows import Figures

from autoscaling_figures.bench import Bench
from autoscaling_figures.capacities import capacity_of_model
from autoscaling_figures.controllers.hpa import Hpa, Keda, offered, queued
from autoscaling_figures.controllers.product import Product
from autoscaling_figures.loads import generated
from autoscaling_figures.runs.running import Case, run
from autoscaling_figures.runs.sharing import Shared, share
from autoscaling_figures.simulator.arrivals import Trace
from autoscaling_figures.simulator.model import ModelOf
from autoscaling_figures.simulator.world import FAULTS, Controller, Fault

from .findings import DEPTH, HPA, KEDA, NO_FAULT, OURS, STEP, Broken, Stepped, figures

MODEL = ModelOf()
#: Services that share, and replicas that the mean load of each takes.
SERVICES, EACH = ("calm", "diurnal", "bursty"), 4.0
GPUS = 26
DURATION = 2 * 3600.0
#: The load rises until the fault ends, so that replicas start while it holds.
BEGIN, LONG = 3600.0, 1200.0
#: Of the step: requests a second before and after, seconds of a start.
BEFORE, AFTER, START = 10.0, 100.0, 45.0
#: After an hour of calm: what forecasts fell short by is remembered for so long.
STEP_AT, STEP_LONG = 4200.0, 1800.0


def measure(bench: Bench) -> Iterator[Figures]:
    """All of it, at once."""
    seeds = bench.seeds
    broken: dict[tuple[str, str], list[Shared]] = {}
    capacity = capacity_of_model(MODEL)
    for who, make in _controllers(capacity.of(1)).items():
        for kind in (NO_FAULT, *FAULTS):
            bench.say(f"C1: {who}, {kind}")
            faults = () if kind == NO_FAULT else (Fault(kind=kind, begin=BEGIN, end=BEGIN + LONG),)
            broken[who, kind] = [
                share(_traces(seed, capacity.of(1)), MODEL, make(), GPUS, seed=seed, faults=faults)
                for seed in seeds
            ]
    bench.say("C2: a step")
    stepped = {who: [_step(make, seed) for seed in seeds] for who, make in _steppers().items()}
    yield figures(Broken(found=broken, begin=BEGIN, end=BEGIN + LONG), stepped)


def _controllers(each: float) -> Mapping[str, Callable[[], Controller]]:
    capacities = dict.fromkeys(SERVICES, capacity_of_model(MODEL))
    return {
        OURS: lambda: Product(capacities=capacities),
        HPA: lambda: Hpa(target=0.7 * each),
        KEDA: lambda: Keda(metric=offered, target=0.7 * each),
    }


def _traces(seed: int, each: float) -> dict[str, Trace]:
    """A calm one, a day that peaks when the fault ends, and a bursty one."""
    times = np.arange(0.0, DURATION, generated.BIN_SECONDS)
    day = 1 + 0.6 * np.cos(2 * np.pi * (times - BEGIN - LONG) / DURATION)
    shapes: Mapping[str, np.ndarray] = {
        "calm": np.ones(len(times)),
        "diurnal": day,
        "bursty": generated.made("bursty", seed, DURATION).rate,
    }
    return {
        name: Trace(
            name=name,
            counts=shape / shape.mean() * EACH * each * generated.BIN_SECONDS,
            seconds=generated.BIN_SECONDS,
        )
        for name, shape in shapes.items()
    }


def _steppers() -> Mapping[str, Callable[[float], Controller]]:
    step_model = ModelOf(start=START)
    return {
        OURS: lambda _: Product(capacities={STEP: capacity_of_model(step_model)}),
        HPA: lambda each: Hpa(target=0.7 * each),
        DEPTH: lambda _: Keda(metric=queued, target=1.0),
    }


def _step(make: Callable[[float], Controller], seed: int) -> Stepped:
    """With queues that wait as long as it takes, as they do where nobody has set a policy."""
    # Ours sets the policy itself; the recipes know nothing of it.
    ours = isinstance(controller := make(capacity_of_model(ModelOf()).of(1)), Product)
    model = ModelOf(start=START, patient=not ours)
    each = capacity_of_model(model).of(1)
    bins: Sequence[float] = [BEFORE] * int(STEP_AT) + [AFTER] * int(STEP_LONG)
    case = Case(
        trace=Trace(name=STEP, counts=np.array(bins), seconds=1.0),
        model=model, each=each, seed=seed,
    )  # fmt: skip
    found = run(case, controller, most=400)
    return Stepped(peak=found.peak, needed=math.ceil(AFTER / each), missed=found.missed)
