"""S: every constant at half and at twice its value, on traffic that is made up."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench_figures.rows import Figures

from autoscaling_figures.bench import Bench
from autoscaling_figures.budget.measuring import MODEL as SHARED_MODEL
from autoscaling_figures.capacities import capacity_of_model
from autoscaling_figures.controllers.product import Product
from autoscaling_figures.loads import choosing, generated
from autoscaling_figures.runs.running import Case, Run, run
from autoscaling_figures.runs.sharing import Shared, share
from autoscaling_figures.simulator.model import ModelOf
from autoscaling_figures.single.peers import ours

from .constants import CONSTANTS, other
from .findings import FACTORS, Varied, figures

#: Seeds; and of the services that share, GPUs and replicas that the mean load of all takes.
SEEDS = 2
GPUS, FLUID = 24, 22.0
SHARED_SECONDS = 1.5 * 3600.0


def measure(bench: Bench) -> Iterator[Figures]:
    """All of it, at once."""
    seeds = bench.seeds[:SEEDS]
    alone = _alone(bench, seeds)
    together = _together(bench, seeds)
    bench.say("S: the product as it is")
    base, shared = alone(), together()
    found: dict[tuple[str, float], Varied] = {}
    for constant in CONSTANTS:
        for factor in FACTORS:
            bench.say(f"S: {constant.title} x {factor:g}")
            with other(constant, factor):
                found[constant.title, factor] = Varied(
                    value=constant.value,
                    alone=None if constant.shared else alone(),
                    together=together() if constant.shared else None,
                )
    values = {constant.title: constant.value for constant in CONSTANTS}
    yield figures(values, base, shared, found)


def _alone(bench: Bench, seeds: tuple[int, ...]) -> Callable[[], list[Run]]:
    model = ModelOf()
    each = capacity_of_model(model).of(1)
    cases = [
        Case(
            trace=choosing.sized(generated.made(name, s, bench.seconds(generated.DURATION)), each),
            model=model,
            each=each,
            seed=s,
        )
        for name in generated.SHAPES
        for s in seeds
    ]
    return lambda: [run(case, ours()(case)) for case in cases]


def _together(bench: Bench, seeds: tuple[int, ...]) -> Callable[[], list[Shared]]:
    capacity = capacity_of_model(SHARED_MODEL)
    mixes = {}
    for s in seeds:
        mix = generated.mix(s, bench.seconds(SHARED_SECONDS))
        scale = FLUID * SHARED_MODEL.full / sum(float(t.rate.mean()) for t in mix.values())
        mixes[s] = {name: trace.scaled(scale) for name, trace in mix.items()}
    return lambda: [
        share(mix, SHARED_MODEL, Product(capacities=dict.fromkeys(mix, capacity)), GPUS, seed=s)
        for s, mix in mixes.items()
    ]
