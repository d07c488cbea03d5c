"""The simulated request path and world, beside a few lines of plain Python and by their rules."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path[:0] = [str(BENCHMARKS / "autoscaling"), str(BENCHMARKS / "common")]

from autoscaling_figures.bounds.clairvoyant import clairvoyant, fluid  # noqa: E402
from autoscaling_figures.loads import choosing, generated  # noqa: E402
from autoscaling_figures.loads.recorded import coarser  # noqa: E402
from autoscaling_figures.runs.matching import cost_at, geometric  # noqa: E402
from autoscaling_figures.runs.running import Case, Planned, foreseen, run  # noqa: E402
from autoscaling_figures.simulator.arrivals import Trace, arrivals  # noqa: E402
from autoscaling_figures.simulator.model import ModelOf, start_seconds  # noqa: E402
from autoscaling_figures.simulator.service import Service  # noqa: E402
from autoscaling_figures.simulator.world import (  # noqa: E402
    DOWN,
    EMPTY,
    FEWER_GPUS,
    HALF,
    HOMELESS,
    NANS,
    RESET,
    Fault,
    Seen,
    World,
)
from bench_figures.recorded import Series  # noqa: E402

MODEL = ModelOf(start=30.0)


@dataclass
class Fixed:
    """Wants the same, whatever it sees; remembers what it was shown."""

    count: int
    interval: float = 15.0
    seen: list[Mapping[str, Seen]] | None = None
    restarts: int = 0

    def decide(self, now: float, seen: Mapping[str, Seen], gpus: int | None) -> dict[str, int]:
        """Wanted replicas by service."""
        del now, gpus
        self.seen = [*(self.seen or []), seen]
        return dict.fromkeys(seen, self.count)

    def restart(self) -> None:
        """Counted."""
        self.restarts += 1


def trace(rate: float, seconds: int = 60) -> Trace:
    return Trace(name="t", counts=np.full(seconds, rate), seconds=1.0)


def one_replica(times: list[float], model: ModelOf, until: float) -> Service:
    service = Service("t", model, np.array(times), most=4, seed=1)
    service.add_ready(1)
    service.advance(until)
    return service


def reference(times: list[float], model: ModelOf) -> tuple[int, int, float]:
    """(answered, refused, seconds waited) by one replica with one instance, request by request."""
    table, free, waiting = model.table(), 0.0, list(times)
    answered = refused = 0
    waited = 0.0
    while waiting:
        now = max(free, waiting[0])
        if now - waiting[0] > model.timeout:
            refused += 1
            waiting.pop(0)
            continue
        batch = [at for at in waiting[: model.batch] if at <= now]
        waited += sum(now - at for at in batch)
        answered += len(batch)
        waiting = waiting[len(batch) :]
        free = now + float(table[len(batch)])
    return answered, refused, waited


@pytest.mark.parametrize("rate", [5.0, 30.0, 60.0])
def test_a_replica_batches_and_refuses_as_the_rules_say(rate: float) -> None:
    times = arrivals(trace(rate, 20), 3)
    service = one_replica(times.tolist(), MODEL, 60.0)
    counters = service.scrape()["t-1"]
    answered, refused, waited = reference(times.tolist(), MODEL)
    assert (counters.successes, counters.failures) == (answered, refused)
    assert counters.waited == pytest.approx(waited)
    assert service.violations == refused, "who is not refused is in time"


def test_a_batcher_that_sleeps_on_is_woken_by_the_next_request_or_in_half_a_second() -> None:
    """One row a batch, a second each: the second request finds the instance busy."""
    model = ModelOf(base=0.0, each=1.0, batch=1, goal=9.0, overlooks=1.0)
    never = one_replica([0.0, 0.9], model, 20.0).scrape()["t-1"]
    assert never.waited == pytest.approx(0.1 + 0.5)
    soon = one_replica([0.0, 0.9, 1.2], replace(model, batch=2, each=0.5, base=0.5), 20.0)
    assert soon.scrape()["t-1"].waited == pytest.approx(0.3)


def test_what_is_overlooked_too_long_is_refused() -> None:
    model = ModelOf(base=0.0, each=1.0, batch=1, goal=1.3, overlooks=1.0)
    counters = one_replica([0.0, 0.9], model, 20.0).scrape()["t-1"]
    assert (counters.successes, counters.failures) == (1, 1)


@pytest.mark.parametrize("overlooks", [0.0, 0.5])
def test_it_does_not_matter_in_how_many_steps_the_time_goes_by(
    overlooks: float,
) -> None:
    times = arrivals(trace(50.0, 20), 4)
    model = replace(MODEL, overlooks=overlooks, instances=2)
    whole = one_replica(times.tolist(), model, 40.0)
    stepped = Service("t", model, times, most=4, seed=1)
    stepped.add_ready(1)
    for at in np.arange(0.7, 40.1, 0.7):
        stepped.advance(float(at))
    stepped.advance(40.0)
    assert whole.scrape()["t-1"] == stepped.scrape()["t-1"]


def test_pooled_requests_go_to_who_has_the_fewest() -> None:
    pooled = ModelOf(base=0.0, each=1.0, batch=1, goal=2.0, pooled=True)
    service = Service("t", pooled, np.array([0.0, 0.1, 0.2]), most=4, seed=1)
    service.add_ready(3)
    service.advance(0.5)
    assert [service.executing(replica) for replica in service.replicas] == [1, 1, 1]


def test_requests_without_a_replica_are_lost() -> None:
    service = Service("t", MODEL, np.array([1.0, 2.0]), most=4, seed=1)
    service.add()
    service.advance(3.0)
    assert (service.tally.offered, service.tally.lost, service.violations) == (2, 2, 2.0)


def test_a_replica_holds_its_gpu_from_its_creation_to_the_end_of_draining() -> None:
    service = Service("t", MODEL, np.array([]), most=4, seed=1)
    service.add()
    service.advance(10.0)
    assert service.tally.holding == 10.0
    service.remove()
    service.advance(12.0)
    assert service.holding() == 1, "endpoints have to hear of it first"
    service.advance(30.0)
    assert service.holding() == 0


def test_a_leaving_replica_gets_nothing_and_answers_what_it_has() -> None:
    times = [0.01 * number for number in range(100)]
    service = one_replica(times, ModelOf(patient=True), 0.5)
    service.remove()
    service.advance(10.0)
    assert service.tally.lost == sum(at >= 0.5 for at in times)
    assert service.violations - service.tally.lost < 50 - 5


def test_loading_replicas_leave_first_then_the_newest() -> None:
    service = Service("t", MODEL, np.array([]), most=8, seed=1)
    service.add_ready(2)
    service.advance(1.0)
    service.add()
    service.remove()
    assert [r.name for r in service.replicas if r.leaving_since is not None] == ["t-3"]


def test_counters_begin_anew_and_the_violations_do_not() -> None:
    service = one_replica(arrivals(trace(60.0, 20), 3).tolist(), MODEL, 10.0)
    missed = service.violations
    service.reset_counters()
    assert service.scrape()["t-1"].successes == 0
    assert service.violations == missed > 0


def test_starts_are_spread_as_said() -> None:
    generator = np.random.default_rng(1)
    seconds = np.array([start_seconds(ModelOf(slow_share=0.0), generator) for _ in range(4000)])
    assert np.median(seconds) == pytest.approx(60.0, rel=0.03)
    assert np.quantile(seconds, 0.95) == pytest.approx(96.0, rel=0.05)


def world(count: int, *faults: Fault, gpus: int | None = None, seconds: int = 400) -> World:
    services = [
        Service(name, MODEL, arrivals(trace(10.0, seconds), place), most=64, seed=place)
        for place, name in enumerate(("a", "b"))
    ]
    for service in services:
        service.add_ready(2)
    return World(
        services=services, controller=Fixed(count), duration=float(seconds), gpus=gpus,
        faults=faults, seed=1,
    )  # fmt: skip


def test_the_same_seed_gives_the_same_run() -> None:
    case = Case(trace=trace(40.0, 300), model=MODEL, each=28.0, seed=7)
    first, second = (run(case, Fixed(3)) for _ in range(2))
    assert np.array_equal(first.violations, second.violations)
    assert np.array_equal(first.seconds, second.seconds)
    other = run(Case(trace=case.trace, model=MODEL, each=28.0, seed=8), Fixed(3))
    assert not np.array_equal(first.seconds, other.seconds)


def test_no_more_replicas_start_than_there_are_gpus() -> None:
    made = world(5, gpus=7)
    record = made.run()
    assert max(a + b for a, b in zip(record.held["a"], record.held["b"], strict=True)) == 7
    assert sum(len(service.homeless) for service in made.services) == 3


def test_without_a_place_nothing_starts_and_it_is_known_since_when() -> None:
    made = world(4, Fault(kind=HOMELESS, begin=0.0, end=1000.0))
    made.run()
    service = made.services[0]
    assert len(service.replicas) == 2
    assert [120.0 <= since < 140.0 for since in service.homeless] == [True, True]


def test_fewer_gpus_end_no_replica_and_start_none() -> None:
    made = world(4, Fault(kind=FEWER_GPUS, begin=0.0, end=1000.0), gpus=8)
    made.run()
    assert sum(service.holding() for service in made.services) == 6


@pytest.mark.parametrize("kind", [DOWN, EMPTY, NANS, HALF])
def test_what_is_seen_of_metrics_while_they_fail(kind: str) -> None:
    made = world(2, Fault(kind=kind, begin=200.0, end=1000.0))
    made.run()
    controller = made.controller
    assert isinstance(controller, Fixed)
    assert controller.seen is not None
    last = controller.seen[-1]["a"]
    known = [name for name, samples in last.history.samples.items() if samples]
    assert last.answers == (kind != DOWN)
    expected = {DOWN: 0, EMPTY: 0, NANS: 0, HALF: 1}
    assert len(known) == expected[kind]


def test_a_reset_happens_once() -> None:
    made = world(2, Fault(kind=RESET, begin=200.0, end=1000.0))
    made.run()
    counted = sum(scrape.successes for scrape in made.services[0].scrape().values())
    assert 0.8 * 2000 < counted < 1.2 * 2000, "of 400 s those after the 200th"


def test_need_known_in_advance_is_bridged_where_a_start_costs_more() -> None:
    need = np.array([1, 2, 1, 2, 1, 1, 1, 1, 2])
    # One level all the time; of the second: 3 bins, a gap of 1, a gap of 4 and the first start.
    assert clairvoyant(need, 10.0, 20.0) == 90 + 30 + 10 + 20 + 20
    assert fluid(np.array([5.0, 40.0]), 10.0, 20.0) == 30.0


def test_who_knows_the_load_keeps_the_promise_for_least() -> None:
    case = Case(trace=trace(100.0, 300), model=MODEL, each=28.0, seed=1)
    known = foreseen(case)
    assert known.missed <= MODEL.allowed
    assert known.cost < run(case, Fixed(5)).cost * 1.2
    assert run(case, Planned(counts=np.array([1])), begins=0.0, first=1).missed > MODEL.allowed


def test_costs_are_compared_at_the_same_violations() -> None:
    points = [(0.001, 10.0), (0.01, 6.0), (0.02, 5.0), (0.011, 9.0)]
    assert cost_at(points, 0.01) == 6.0
    assert cost_at(points, 0.0055) == pytest.approx(8.0), "half of the time each"
    assert cost_at(points, 0.5) == 5.0
    assert np.isnan(cost_at(points, 0.0001))
    assert geometric([2.0, 8.0, float("nan")]) == pytest.approx(4.0)


def test_made_up_traffic_has_its_mean_and_its_seed() -> None:
    for name in generated.SHAPES:
        assert generated.made(name, 1).rate.mean() == pytest.approx(1.0)
        assert np.array_equal(generated.made(name, 1).counts, generated.made(name, 1).counts)
    assert not np.array_equal(
        generated.made("bursty", 1).counts, generated.made("bursty", 2).counts
    )


def test_lines_of_a_recording_that_are_too_close_are_added_up() -> None:
    trace = coarser(Series(name="t", counts=(1.0,) * 23, seconds=1.0))
    assert (trace.counts.tolist(), trace.seconds) == ([5.0] * 4, 5.0)
    assert coarser(Series(name="t", counts=(1.0,) * 23, seconds=60.0)).counts.tolist() == [1.0] * 23


def test_of_recorded_traffic_the_busiest_hours_are_taken_and_made_as_large() -> None:
    counts = np.concatenate([np.full(100, 10.0), np.full(60, 90.0), np.full(100, 10.0)])
    part = choosing.busiest(Trace(name="t", counts=counts, seconds=60.0), 3600.0)
    assert part is not None
    assert part.counts.tolist() == [90.0] * 60
    assert choosing.sized(part, 28.0).rate.mean() == pytest.approx(6 * 28.0)
    rare = Trace(name="t", counts=np.full(60, 1.0), seconds=60.0)
    assert choosing.busiest(rare, 3600.0) is None
