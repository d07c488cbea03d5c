"""D: one round of the product for many services, on one core, from counters to decisions."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from bench_figures.rows import Figures

from autoscaling_figures.bench import Bench
from autoscaling_figures.capacities import capacity_of_model
from autoscaling_figures.controllers.product import Product
from autoscaling_figures.loads import choosing, generated
from autoscaling_figures.runs.running import Case, run
from autoscaling_figures.simulator.arrivals import Trace, arrivals
from autoscaling_figures.simulator.model import ModelOf
from autoscaling_figures.simulator.service import Service
from autoscaling_figures.simulator.world import Seen, World

from .findings import SIZES, Timed, figures

MODEL = ModelOf()
#: Long enough for two minutes of samples, and some decisions.
MINUTES = 6
ROUNDS = 15
#: Of simulated time, for what is kept.
DAY = 24 * 3600.0
WEIGHED_SECONDS = 600.0


def measure(bench: Bench) -> Iterator[Figures]:
    """All of it, at once."""
    timed = {}
    for services, gpus in SIZES:
        bench.say(f"D: {services} services, {gpus} GPUs")
        timed[services] = _timed(services, gpus, 3 if bench.quick else ROUNDS)
    bench.say("D: what is kept over a day")
    yield figures(timed, _kept(bench.seconds(DAY)))


def _timed(count: int, gpus: int, rounds: int) -> Timed:
    """Each service has a different load; together they want more than there is."""
    capacity = capacity_of_model(MODEL)
    services = []
    for number in range(count):
        trace = generated.made("bursty", number, MINUTES * 60.0)
        scaled = choosing.sized(trace, capacity.of(1), 1.5 * gpus / count)
        service = Service(f"s{number}", MODEL, arrivals(scaled, number), most=64, seed=number)
        service.add_ready(max(1, gpus // count))
        services.append(service)
    product = Product(capacities=dict.fromkeys((s.name for s in services), capacity))
    # Samples as there are after some minutes; the product decides every half minute meanwhile.
    product.interval = 30.0
    world = World(services=services, controller=product, duration=MINUTES * 60.0, gpus=gpus, seed=1)
    world.run()
    seen = {
        service.name: Seen(
            service=service,
            history=world.histories[service.name],
            answers=True,
            ready=len(service.ready()),
            replicas=service.wanted,
        )
        for service in services
    }
    times = []
    for number in range(rounds):
        product.forget_readings()
        began = time.perf_counter()
        product.decide(MINUTES * 60.0 + 5.0 * number, seen, gpus)
        times.append(time.perf_counter() - began)
    return Timed(seconds=tuple(times))


@dataclass(slots=True, kw_only=True)
class _Weighed:
    """The product, and how many bytes its memory is, written down, at every decision."""

    product: Product
    bytes: list[int] = field(default_factory=list)

    @property
    def interval(self) -> float:
        return self.product.interval

    def decide(self, now: float, seen: Mapping[str, Seen], gpus: int | None) -> dict[str, int]:
        found = self.product.decide(now, seen, gpus)
        if len(self.bytes) < now // WEIGHED_SECONDS:
            self.bytes.append(len(pickle.dumps(self.product.states)))
        return found

    def restart(self) -> None:
        self.product.restart()


def _kept(duration: float) -> tuple[float, float]:
    """Bytes that the product remembers, most of them: in the first and second half of a day."""
    capacity = capacity_of_model(MODEL)
    # The same few hours again and again: the load is no reason to remember more.
    few = generated.made("diurnal", 1, duration / 8)
    day = Trace(name=few.name, counts=np.tile(few.counts, 8), seconds=few.seconds)
    trace = choosing.sized(day, capacity.of(1), 2.0)
    weighed = _Weighed(product=Product(capacities={trace.name: capacity}))
    run(Case(trace=trace, model=MODEL, each=capacity.of(1), seed=1), weighed)
    half = len(weighed.bytes) // 2
    return float(max(weighed.bytes[:half])), float(max(weighed.bytes[half:]))
