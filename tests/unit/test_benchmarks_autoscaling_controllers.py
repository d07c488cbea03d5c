"""The peers decide as their sources say, by hand-computed values; the product keeps its rules."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path[:0] = [str(BENCHMARKS / "autoscaling"), str(BENCHMARKS / "common")]

from autoscaling_figures.controllers.capped import Evicting, FairShare  # noqa: E402
from autoscaling_figures.controllers.dynamo import DynamoLike, LocalTrend  # noqa: E402
from autoscaling_figures.controllers.hpa import Behaviour, Hpa, Keda, offered, queued  # noqa: E402
from autoscaling_figures.controllers.kpa import Kpa  # noqa: E402
from autoscaling_figures.controllers.product import Product  # noqa: E402
from autoscaling_figures.controllers.ray import RayServe  # noqa: E402
from autoscaling_figures.controllers.signals import queue_times  # noqa: E402
from autoscaling_figures.runs.sharing import share  # noqa: E402
from autoscaling_figures.simulator.arrivals import Trace  # noqa: E402
from autoscaling_figures.simulator.model import ModelOf  # noqa: E402
from autoscaling_figures.simulator.service import History, Scrape, Service  # noqa: E402
from autoscaling_figures.simulator.world import BLINDING, Fault, Seen  # noqa: E402

from modelservice_operator.api.capacity import Capacity  # noqa: E402

NOW = 100.0


def seen(
    rates: list[float],
    *,
    replicas: int = 0,
    pending: float = 0.0,
    answers: bool = True,
    silent: int = 0,
    at: float = NOW,
) -> Seen:
    """A service with a pod for each rate, and ``silent`` ones that nothing is known of."""
    service = Service("s", ModelOf(), np.array([]), most=256, seed=1)
    service.add_ready(len(rates) + silent)
    service.now = at
    history = History()
    for number, rate in enumerate(rates, 1):
        history.samples[f"s-{number}"] = [
            Scrape(at=at - 60.0, successes=1000.0, failures=0.0, pending=0.0),
            Scrape(at=at, successes=1000.0 + 60 * rate - pending, failures=0.0, pending=pending),
        ]
    count = replicas or len(rates) + silent
    return Seen(service=service, history=history, answers=answers, ready=count, replicas=count)


def wanted(controller: Hpa | Keda | DynamoLike, *looks: Seen) -> list[int]:
    return [
        controller.decide(NOW + 15.0 * place, {"s": look}, None)["s"]
        for place, look in enumerate(looks)
    ]


def test_hpa_takes_the_ratio_and_ignores_a_tenth() -> None:
    assert wanted(Hpa(target=10.0), seen([20.0, 20.0, 20.0])) == [6]
    assert wanted(Hpa(target=10.0), seen([10.9, 10.9])) == [2]
    assert wanted(Hpa(target=10.0), seen([11.5, 11.5])) == [3]


def test_hpa_counts_pods_it_knows_nothing_of_against_the_direction() -> None:
    # Ratio 2 over one pod; with the silent one at 0 it is 1: nothing is done.
    assert wanted(Hpa(target=10.0), seen([20.0], silent=1)) == [2]
    # Ratio 4: with the silent one 2, over both pods.
    assert wanted(Hpa(target=10.0), seen([40.0], silent=1)) == [4]
    # Ratio 0.2: with the silent one at its target 0.6.
    assert wanted(Hpa(target=10.0, stabilization=0.0), seen([2.0], silent=1)) == [2]


def test_hpa_without_metrics_does_nothing() -> None:
    assert wanted(Hpa(target=10.0), seen([20.0, 20.0], answers=False)) == [2]
    assert wanted(Hpa(target=10.0), seen([], silent=3)) == [3]


def test_hpa_goes_up_by_four_or_to_the_double_and_down_when_all_of_the_window_agree() -> None:
    assert Behaviour().limited(0.0, 1, 50) == 5
    assert Behaviour().limited(0.0, 10, 50) == 20
    rule = Behaviour()
    assert rule.limited(0.0, 10, 10) == 10
    assert [rule.limited(at, 10, 3) for at in (15.0, 299.0, 301.0)] == [10, 10, 3]


def test_keda_divides_the_sum_and_takes_nothing_for_zero() -> None:
    assert wanted(Keda(metric=offered, target=10.0), seen([20.0, 25.0])) == [5]
    empty = seen([], silent=4)
    rule = Keda(metric=offered, target=10.0, stabilization=0.0)
    assert wanted(rule, empty) == [0]
    unreachable = seen([20.0] * 4, answers=False)
    assert wanted(Keda(metric=offered, target=10.0), unreachable) == [4], "an error is no zero"


def test_keda_asks_every_half_minute() -> None:
    rule = Keda(metric=offered, target=10.0, stabilization=0.0)
    later = [seen([40.0], at=NOW + 15.0 * step) for step in (1, 2)]
    assert wanted(rule, seen([10.0]), *later) == [1, 1, 4]


def test_queue_depth_is_what_waits_now() -> None:
    assert wanted(Keda(metric=queued, target=10.0), seen([1.0, 1.0], pending=25.0)) == [5]


def test_queue_time_is_that_of_tritons_sample() -> None:
    look = seen([1.0])
    look.history.samples["s-1"] = [
        Scrape(at=NOW - 30.0, successes=0.0, failures=0.0, pending=0.0, waited=1.0),
        Scrape(at=NOW, successes=99.0, failures=0.0, pending=0.0, waited=1.5),
    ]
    assert queue_times(look, NOW)["s-1"] == pytest.approx(0.5e6 / 100)


def loaded(each: list[int]) -> Seen:
    """A service whose replicas have so many requests waiting."""
    look = seen([0.0] * len(each))
    service = look.service
    for replica, count in zip(service.replicas, each, strict=True):
        service._tail[replica.slot] = count
    return look


def test_kpa_takes_the_mean_of_a_minute_and_panics_at_the_double() -> None:
    rule = Kpa(target=5.0)
    assert rule.decide(NOW, {"s": loaded([5, 5])}, None) == {"s": 2}
    # The mean of the last six seconds asks for eight times the two: panic.
    high = loaded([40, 40])
    assert rule.decide(NOW + 8.0, {"s": high}, None) == {"s": 16}
    # In panic it does not go down.
    assert rule.decide(NOW + 16.0, {"s": loaded([0, 0])}, None) == {"s": 16}


def test_kpa_halves_at_most_and_may_wait_with_it() -> None:
    assert Kpa(target=5.0).decide(NOW, {"s": loaded([0] * 8)}, None) == {"s": 4}
    delayed = Kpa(target=5.0, delay=300.0)
    delayed.decide(NOW, {"s": loaded([5] * 8)}, None)
    assert delayed.decide(NOW + 100.0, {"s": loaded([0] * 8)}, None) == {"s": 8}


def test_ray_serve_wants_the_same_for_half_a_minute_before_it_goes_up() -> None:
    rule = RayServe(target=2.0)
    look = loaded([8, 8])
    found = [rule.decide(NOW + 10.0 * step, {"s": look}, None)["s"] for step in range(5)]
    assert found == [2, 2, 2, 8, 8]


def test_ray_serve_goes_down_after_ten_minutes() -> None:
    rule = RayServe(target=2.0)
    look = loaded([1, 1, 1, 1])
    found = [rule.decide(NOW + 10.0 * step, {"s": look}, None)["s"] for step in range(62)]
    assert found.index(2) == 60


def test_dynamo_divides_its_forecast_by_what_a_replica_carries() -> None:
    assert wanted(DynamoLike(capacity=10.0), seen([20.0, 15.0])) == [4]
    trend = LocalTrend()
    for value in range(0, 500, 10):
        ahead = trend.add(float(value))
    assert ahead == pytest.approx(500.0, abs=10.0), "a straight line is known"


def test_a_fair_share_is_as_many_for_each() -> None:
    looks = {name: seen([1.0]) for name in ("a", "b", "c")}
    assert FairShare().decide(NOW, looks, 8) == {"a": 3, "b": 3, "c": 2}


def test_with_priorities_the_first_gets_all_that_it_asks_for() -> None:
    looks = {"a": seen([20.0, 20.0]), "b": seen([20.0, 20.0])}
    rule = Evicting(peer=Hpa(target=10.0), priorities={"b": 1})
    assert rule.decide(NOW, looks, 5) == {"a": 1, "b": 4}


CAPACITY = Capacity.single(20.0, 36.0)
MODEL = ModelOf(start=20.0)


def traces(levels: list[list[int]]) -> dict[str, Trace]:
    return {
        f"s{place}": Trace(
            name=f"s{place}", counts=np.repeat(rates, 100).astype(float), seconds=1.0
        )
        for place, rates in enumerate(levels)
    }


LEVELS = st.lists(st.lists(st.integers(0, 80), min_size=5, max_size=5), min_size=2, max_size=3)


@settings(max_examples=6)
@given(levels=LEVELS, gpus=st.integers(4, 9), seed=st.integers(1, 99))
def test_the_product_never_goes_beyond_the_gpus_nor_below_the_least(
    levels: list[list[int]], gpus: int, seed: int
) -> None:
    loads = traces(levels)
    product = Product(capacities=dict.fromkeys(loads, CAPACITY))
    found = share(loads, MODEL, product, gpus, seed=seed)
    assert all(change.after >= 1 for change in found.changes)
    minutes = zip(*(run.seconds for run in found.runs.values()), strict=True)
    assert max(map(sum, minutes)) <= 60.0 * gpus + 1e-6


@settings(max_examples=6)
@given(levels=LEVELS, kind=st.sampled_from(BLINDING), seed=st.integers(1, 99))
def test_the_product_never_goes_down_while_blind(
    levels: list[list[int]], kind: str, seed: int
) -> None:
    loads = traces(levels)
    product = Product(capacities=dict.fromkeys(loads, CAPACITY))
    fault = Fault(kind=kind, begin=200.0, end=600.0)
    found = share(loads, MODEL, product, 12, seed=seed, faults=(fault,))
    blind = [change for change in found.changes if 200.0 + 60.0 <= change.at < 600.0]
    assert not [change for change in blind if change.after < change.before]


def test_the_product_decides_the_same_for_the_same() -> None:
    loads = traces([[5, 60, 5, 40, 10], [40, 5, 60, 5, 30]])
    runs = [
        share(loads, MODEL, Product(capacities=dict.fromkeys(loads, CAPACITY)), 6, seed=3).changes
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert runs[0], "it moved something"
