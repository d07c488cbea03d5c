"""How many replicas, and why."""

from __future__ import annotations

import dataclasses
import math
from datetime import timedelta

import operator_samples as samples
import pytest
from hypothesis import given
from hypothesis import strategies as st
from operator_samples import NOW

from modelservice_operator.adapters.series import parse_vector
from modelservice_operator.api.service import ServiceKey
from modelservice_operator.api.spec import Scaling
from modelservice_operator.load.balance import plan_round
from modelservice_operator.load.hold import HoldWindow
from modelservice_operator.load.replicas import BalancerState, Outcome, decide, replicas_for
from modelservice_operator.load.samples import Load, LoadReading, NoData, PodSample, read_load
from modelservice_operator.settings import BalancerSettings

SETTINGS = BalancerSettings()
GONE = NoData(reason="PrometheusUnreachable", message="no answer")


def load(rows: float, *, complete: bool = True) -> Load:
    """So many rows per second, just read."""
    return Load(rows_per_second=rows, age_seconds=1.0, complete=complete)


def decided(reading: LoadReading, state: BalancerState | None = None, **view: object) -> Outcome:
    """One decision about the sample service."""
    return decide(
        samples.view(**view), reading, state or BalancerState(), now=NOW, settings=SETTINGS
    )


def test_more_load_than_capacity_grows_at_once() -> None:
    outcome = decided(load(150))
    assert outcome.replicas == 4
    assert outcome.verdict.decisions[-1].reason.startswith(
        "150 rows/s offered, capacity 50 rows/s each at 80% utilization"
    )


def test_less_load_is_held_first_and_the_verdict_says_until_when() -> None:
    outcome = decided(load(10))
    assert outcome.replicas is None
    assert "held until 12:02:00 UTC" in outcome.verdict.reason


def test_less_load_goes_down_after_the_hold_by_half() -> None:
    state = decided(load(10), replicas=8).state
    later = NOW + timedelta(seconds=SETTINGS.scale_down_hold_seconds + 1)
    outcome = decide(samples.view(replicas=8), load(10), state, now=later, settings=SETTINGS)
    assert outcome.replicas == 4
    soon = later + timedelta(seconds=5)
    again = decide(samples.view(replicas=4), load(10), outcome.state, now=soon, settings=SETTINGS)
    assert again.replicas is None


@pytest.mark.parametrize("before", [1, 2, 8])
def test_without_data_nothing_changes(before: int) -> None:
    outcome = decided(GONE, replicas=before)
    assert outcome.replicas is None
    assert outcome.verdict.metrics_available is False
    assert outcome.verdict.metrics_reason == "PrometheusUnreachable"


def test_a_replica_that_was_not_scraped_yet_is_no_trouble_until_it_stays_so() -> None:
    unheard = NoData(reason="NoSeries", message="Prometheus has no series", young=True)
    first = decided(unheard)
    assert first.verdict.metrics_available is None
    assert first.verdict.metrics_reason == "NotScrapedYet"
    later = NOW + timedelta(seconds=SETTINGS.metrics_stale_seconds)
    still = decide(samples.view(), unheard, first.state, now=later, settings=SETTINGS)
    assert still.verdict.metrics_available is False
    assert still.verdict.metrics_reason == "NoSeries"
    heard = decide(samples.view(), load(1), still.state, now=later, settings=SETTINGS)
    again = decide(samples.view(), unheard, heard.state, now=later, settings=SETTINGS)
    assert again.verdict.metrics_available is None


def test_without_data_the_bounds_still_hold() -> None:
    assert decided(GONE, replicas=12).replicas == 8


def test_not_heard_of_every_replica_may_grow_but_not_shrink() -> None:
    assert decided(load(150, complete=False)).replicas == 4
    held = decided(load(1, complete=False), replicas=8)
    assert held.replicas is None
    assert "not every replica was heard of" in held.verdict.reason


def test_before_there_is_a_profile_the_count_is_kept_within_its_bounds() -> None:
    assert decided(load(1000), capacity_rows_per_second=None).replicas is None


def test_set_by_hand_is_taken_as_it_is_beyond_the_bounds() -> None:
    by_hand = Scaling(min_replicas=1, max_replicas=2, mode="Auto", replicas=5)
    outcome = decided(load(0), scaling=by_hand)
    assert outcome.replicas == 5
    assert "set by hand" in outcome.verdict.reason


def test_suspended_has_no_replicas() -> None:
    assert decided(load(1000), suspend=True).replicas == 0


def test_recommend_says_and_does_not_do_and_says_it_once() -> None:
    scaling = Scaling(min_replicas=1, max_replicas=8, mode="Recommend", replicas=None)
    first = decided(load(150), scaling=scaling)
    assert first.replicas is None
    assert first.verdict.desired == 4
    assert "not applied" in first.verdict.decisions[-1].reason
    second = decided(load(150), first.state, scaling=scaling)
    assert len(second.verdict.decisions) == 1


rates = st.floats(min_value=0, max_value=1e6)


@given(rates, st.integers(1, 50), st.integers(1, 50), st.integers(0, 60))
def test_bounds_are_always_kept(rows: float, low: int, more: int, current: int) -> None:
    scaling = Scaling(min_replicas=low, max_replicas=low + more, mode="Auto", replicas=None)
    outcome = decided(load(rows), scaling=scaling, replicas=current)
    count = current if outcome.replicas is None else outcome.replicas
    assert low <= count <= low + more


@given(rates, rates)
def test_more_load_never_asks_for_fewer_replicas(one: float, two: float) -> None:
    small, large = sorted((one, two))
    assert replicas_for(small, 50, 0.8) <= replicas_for(large, 50, 0.8)


@given(st.lists(rates, min_size=1, max_size=30))
def test_nothing_goes_down_within_the_hold(rows: list[float]) -> None:
    state, count = BalancerState(), 4
    for second, rate in enumerate(rows):
        outcome = decide(
            samples.view(replicas=count),
            load(rate),
            state,
            now=NOW + timedelta(seconds=second),
            settings=SETTINGS,
        )
        state = outcome.state
        after = count if outcome.replicas is None else outcome.replicas
        assert after >= count
        count = after


@given(st.lists(st.one_of(rates.map(load), st.just(GONE)), max_size=40))
def test_a_round_without_data_never_moves_a_count_within_bounds(
    readings: list[LoadReading],
) -> None:
    state, count = BalancerState(), 3
    for number, reading in enumerate(readings):
        outcome = decide(
            samples.view(replicas=count),
            reading,
            state,
            now=NOW + timedelta(seconds=60 * number),
            settings=SETTINGS,
        )
        if isinstance(reading, NoData):
            assert outcome.replicas is None
        state, count = outcome.state, outcome.replicas or count


def test_a_service_that_was_not_read_is_held() -> None:
    key = ServiceKey("demo", "tiny")
    outcome = plan_round({key: samples.view()}, {}, {}, now=NOW, settings=SETTINGS)[key]
    assert outcome.replicas is None
    assert outcome.verdict.metrics_reason == "NotRead"


def pod(name: str = "a", **changes: float | None) -> PodSample:
    """A pod with 10 requests/s of 2 rows each."""
    base = PodSample(pod=name, succeeded=10, failed=0, pending_growth=0, rows=20, age_seconds=2)
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def read(*pods: PodSample, ready: int = 1) -> LoadReading:
    """The reading of these pods."""
    return read_load(pods, ready_replicas=ready, stale_seconds=45)


def test_offered_is_succeeded_failed_and_growth_in_rows() -> None:
    reading = read(pod(failed=5, pending_growth=1))
    assert isinstance(reading, Load)
    assert reading.rows_per_second == pytest.approx(32)


def test_a_shrinking_queue_is_no_negative_load() -> None:
    reading = read(pod(pending_growth=-8))
    assert isinstance(reading, Load)
    assert reading.rows_per_second == pytest.approx(20)


def test_no_traffic_is_zero_when_the_counter_is_there() -> None:
    reading = read(pod(succeeded=0, rows=0))
    assert reading == Load(rows_per_second=0, age_seconds=2, complete=True)


@pytest.mark.parametrize(
    ("pods", "reason"),
    [
        ((), "NoSeries"),
        ((pod(age_seconds=600),), "MetricsStale"),
        ((pod(age_seconds=None),), "MetricsStale"),
        ((pod(age_seconds=math.nan),), "MetricsStale"),
        ((pod(succeeded=None),), "NoRate"),
        ((pod(succeeded=math.nan),), "NoRate"),
        ((pod(succeeded=-1),), "NoRate"),
    ],
    ids=["none", "old", "no age", "age is NaN", "one sample", "NaN", "negative"],
)
def test_no_data_is_said_and_never_a_zero(pods: tuple[PodSample, ...], reason: str) -> None:
    reading = read(*pods)
    assert isinstance(reading, NoData)
    assert reading.reason == reason


def test_half_of_the_pods_is_a_lower_bound() -> None:
    reading = read(pod(), pod("b", age_seconds=600), ready=2)
    assert isinstance(reading, Load)
    assert not reading.complete


def test_the_window_forgets_what_is_older() -> None:
    window = HoldWindow().record(9, now=NOW, seconds=60)
    window = window.record(2, now=NOW + timedelta(seconds=61), seconds=60)
    assert window.largest() == 2


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["metric", "value", "pod", "x"]), inner, max_size=3)
        ),
    )
)
def test_garbage_from_prometheus_is_no_data(answer: object) -> None:
    assert parse_vector(answer) == {}


def test_two_series_of_one_pod_are_added() -> None:
    labels = {"namespace": "demo", "modelservice": "tiny", "pod": "a"}
    series = {"metric": labels, "value": [0, "1.5"]}
    assert list(parse_vector([series, series, {"metric": {}, "value": [0, "9"]}]).values()) == [3.0]
