"""S: every constant at half and at twice its value, on traffic that is made up."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from bench_figures.rows import Figures

from autoscaling_figures.bench import Bench
from autoscaling_figures.budget.measuring import MODEL as SHARED_MODEL
from autoscaling_figures.capacities import capacity_of_model
from autoscaling_figures.controllers.product import Product
from autoscaling_figures.loads import choosing, generated
from autoscaling_figures.runs.collecting import collected
from autoscaling_figures.runs.running import Case, Run, run
from autoscaling_figures.runs.sharing import Shared, share
from autoscaling_figures.simulator.model import ModelOf
from autoscaling_figures.single.peers import ours

from .constants import CONSTANTS, other
from .findings import FACTORS, Varied, figures, of_overlooking

#: Seeds; and of the services that share, GPUs and replicas that the mean load of all takes.
SEEDS = 2
GPUS, FLUID = 24, 22.0
#: How often a batcher sleeps on though an instance got free: on a quiet machine, and on a busy one.
OVERLOOKS = (0.1, 0.3)
SHARED_SECONDS = 1.5 * 3600.0


def measure(bench: Bench) -> Iterator[Figures]:
    """All of it, at once; each change is a process's job, since none needs another."""
    places = {constant.title: place for place, constant in enumerate(CONSTANTS)}
    with ProcessPoolExecutor() as processes:
        alone, together = processes.submit(_alone, bench), processes.submit(_together, bench)
        jobs = {
            (title, factor): processes.submit(_varied, bench, place, factor)
            for title, place in places.items()
            for factor in FACTORS
        }
        sleepy = {often: processes.submit(_alone, bench, often) for often in OVERLOOKS}
        base, shared = alone.result(), together.result()
        bench.say("S: the product as it is")
        found = collected(jobs, bench.say, lambda key: f"S: {key[0]} x {key[1]:g}")
        overlooked = {often: runs.result() for often, runs in sleepy.items()}
    values = {constant.title: constant.value for constant in CONSTANTS}
    yield figures(values, base, shared, found)
    yield of_overlooking(base, overlooked)


def _varied(bench: Bench, place: int, factor: float) -> Varied:
    constant = CONSTANTS[place]  # itself it cannot be sent to a process: it has modules
    with other(constant, factor):
        return Varied(
            value=constant.value,
            alone=None if constant.shared else _alone(bench),
            together=_together(bench) if constant.shared else None,
        )


def _alone(bench: Bench, overlooks: float = 0.0) -> list[Run]:
    model = ModelOf(overlooks=overlooks)
    each = capacity_of_model(model).of(1)
    cases = [
        Case(
            trace=choosing.sized(generated.made(name, s, bench.seconds(generated.DURATION)), each),
            model=model,
            each=each,
            seed=s,
        )
        for name in generated.SHAPES
        for s in bench.seeds[:SEEDS]
    ]
    return [run(case, ours()(case)) for case in cases]


def _together(bench: Bench) -> list[Shared]:
    capacity = capacity_of_model(SHARED_MODEL)
    mixes = {}
    for s in bench.seeds[:SEEDS]:
        mix = generated.mix(s, bench.seconds(SHARED_SECONDS))
        scale = FLUID * SHARED_MODEL.full / sum(float(t.rate.mean()) for t in mix.values())
        mixes[s] = {name: trace.scaled(scale) for name, trace in mix.items()}
    return [
        share(mix, SHARED_MODEL, Product(capacities=dict.fromkeys(mix, capacity)), GPUS, seed=s)
        for s, mix in mixes.items()
    ]
