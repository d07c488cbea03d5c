"""B1 to B5: every controller with every number of GPUs and seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial

from bench_figures.rows import Figures

from autoscaling_figures.bench import Bench
from autoscaling_figures.bounds.optimum import most_in_time
from autoscaling_figures.capacities import capacity_of_model, each_of
from autoscaling_figures.controllers.capped import Evicting, FairShare
from autoscaling_figures.controllers.faro import FaroLike
from autoscaling_figures.controllers.hpa import Hpa
from autoscaling_figures.controllers.product import Product
from autoscaling_figures.loads import choosing, generated
from autoscaling_figures.runs.collecting import collected
from autoscaling_figures.runs.sharing import Shared, share
from autoscaling_figures.simulator.arrivals import Trace
from autoscaling_figures.simulator.model import ModelOf
from autoscaling_figures.simulator.world import Controller

from .findings import (
    BUDGETS,
    CAPPED,
    EVICTING,
    FAIR_SHARE,
    FARO_FAIR,
    FARO_SUM,
    OURS,
    RANKED,
    Budgeted,
    figures,
    pooled,
)

#: As in the Faro paper: no batches, one request after another.
MODEL = ModelOf(base=0.0, each=0.180, batch=1, goal=0.720, start=65.0)
#: What the mean load of the recorded mix takes at full speed; others are made as large.
FLUID_GPUS = 27.0
#: Every so many seconds the best allocation is worked out anew.
BOUND_SECONDS = 60.0
#: Of what is measured pooled, which takes longer.
POOLED_SEEDS = 2


def measure(bench: Bench) -> Iterator[Figures]:
    """Alone and pooled: where each request goes to the replica with the fewest open ones."""
    name, mix = _mix(bench)
    first = next(iter(mix))
    with ProcessPoolExecutor() as processes:
        found = _all(bench, processes, mix, MODEL, bench.seeds)
        bounds = dict(zip(BUDGETS, processes.map(partial(_bound, mix), BUDGETS), strict=True))
        yield figures(Budgeted(load=name, found=found, bounds=bounds, first=first, model=MODEL))
        seeds = bench.seeds[:POOLED_SEEDS]
        yield pooled(_all(bench, processes, mix, replace(MODEL, pooled=True), seeds))


def _all(
    bench: Bench,
    processes: ProcessPoolExecutor,
    mix: Mapping[str, Trace],
    model: ModelOf,
    seeds: Sequence[int],
) -> dict[tuple[int, str], list[Shared]]:
    """By GPUs and controller; each is a process's job, since none needs another."""
    jobs = {
        (gpus, who): processes.submit(_runs, mix, model, who, gpus, seeds)
        for gpus in BUDGETS
        for who in _controllers(mix, model)
        if who != RANKED or gpus == BUDGETS[0]
    }
    how = ", pooled" if model.pooled else ""
    return collected(jobs, bench.say, lambda key: f"B: {key[0]} GPUs, {key[1]}{how}")


def _runs(
    mix: Mapping[str, Trace], model: ModelOf, who: str, gpus: int, seeds: Sequence[int]
) -> list[Shared]:
    make = _controllers(mix, model)[who]
    return [share(mix, model, make(), gpus, seed=seed) for seed in seeds]


def _mix(bench: Bench) -> tuple[str, Mapping[str, Trace]]:
    mixes = choosing.mixes(bench.files)
    name, mix = next(iter(mixes.items()), ("made up", {}))
    if not mix:
        mix = generated.mix(1)
        scale = FLUID_GPUS * MODEL.full / sum(float(t.rate.mean()) for t in mix.values())
        mix = {key: trace.scaled(scale) for key, trace in mix.items()}
    least = min(trace.duration for trace in mix.values())
    return name, {key: trace.part(0, bench.seconds(least)) for key, trace in mix.items()}


def _controllers(mix: Mapping[str, Trace], model: ModelOf) -> dict[str, Callable[[], Controller]]:
    capacity = capacity_of_model(model)
    names, first = list(mix), next(iter(mix))
    models = dict.fromkeys(names, model)
    capacities = dict.fromkeys(names, capacity)

    def hpa() -> Hpa:
        return Hpa(target=0.7 * each_of(model))

    return {
        OURS: lambda: Product(capacities=capacities),
        FAIR_SHARE: FairShare,
        CAPPED: hpa,
        EVICTING: lambda: Evicting(
            peer=hpa(), priorities={name: -place for place, name in enumerate(names)}
        ),
        FARO_SUM: lambda: FaroLike(models=models),
        FARO_FAIR: lambda: FaroLike(models=models, fair=True),
        RANKED: lambda: Product(capacities=capacities, priorities={first: 10}),
    }


def _bound(mix: Mapping[str, Trace], gpus: int) -> float:
    """Share of the requests in time with the rates known and starts for nothing."""
    capacity = capacity_of_model(MODEL)
    seconds = next(iter(mix.values())).seconds
    step = max(1, round(BOUND_SECONDS / seconds))
    length = min(len(trace.counts) for trace in mix.values())
    in_time = offered = 0.0
    for begin in range(0, length, step):
        rates = {
            name: float(trace.rate[begin : begin + step].mean()) for name, trace in mix.items()
        }
        in_time += most_in_time(rates, gpus, capacity.share_in_time)
        offered += sum(rates.values())
    return in_time / offered
