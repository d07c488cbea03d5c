"""Whether running pods do as measured: no data is never a reason, and a reason takes its time."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import operator_samples as samples
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_operator.drift.curve import service_milliseconds
from modelservice_operator.drift.statistics import BatchTime, PodStatistics, figures, since
from modelservice_operator.drift.watching import (
    SERVICE_TIME,
    TRAFFIC,
    WINDOW_EXECUTIONS,
    DriftState,
    Finding,
    Watched,
    shares_of,
    watch,
)
from modelservice_operator.drift.window import Window
from modelservice_operator.settings import TuningSettings
from modelservice_runtime.contract.profile import Profile, ServicePoint
from modelservice_runtime.contract.traffic import RowsShare, Traffic

SETTINGS = TuningSettings()
MINUTE = 60.0
CURVE = (
    ServicePoint(batch=1, milliseconds=5.0),
    ServicePoint(batch=4, milliseconds=8.0),
    ServicePoint(batch=8, milliseconds=12.0),
)
PROFILE = samples.profile(service=CURVE)

COUNTS = st.integers(0, 10**12)
BATCHES = st.lists(
    st.builds(
        BatchTime,
        batch=st.integers(1, 64),
        executions=st.integers(0, 10**6),
        nanoseconds=st.integers(0, 10**15),
    ),
    max_size=4,
    unique_by=lambda item: item.batch,
).map(tuple)
STATISTICS = st.builds(
    PodStatistics,
    pod=st.just("a"),
    config_key=st.just("k"),
    successes=COUNTS,
    failures=COUNTS,
    request_nanoseconds=COUNTS,
    rows=COUNTS,
    batches=BATCHES,
    p99_milliseconds=st.none() | st.floats(),
)


def counted(
    executions: int = WINDOW_EXECUTIONS, *, batch: int = 1, slower: float = 1.0, requests: int = 0
) -> PodStatistics:
    """Executions of one size that take ``slower`` times what the profile says."""
    expected = service_milliseconds(CURVE, batch) or 1.0
    return PodStatistics(
        pod="a",
        config_key="k",
        successes=requests or executions * batch,
        failures=0,
        request_nanoseconds=1,
        rows=executions * batch,
        batches=(
            BatchTime(
                batch=batch,
                executions=executions,
                nanoseconds=int(executions * expected * slower * 1e6),
            ),
        ),
    )


def run(
    *minutes: PodStatistics | None, profile: Profile = PROFILE, start: float = 1e9
) -> list[Watched]:
    """A look each minute; None: nothing was counted."""
    state, window = DriftState(), Window(began_at=start)
    outcomes = []
    for number, item in enumerate(minutes):
        watched = watch(
            state,
            window,
            [item] if item else [],
            profile,
            now=start + (number + 1) * MINUTE,
            settings=SETTINGS,
        )
        state, window = watched.state, watched.window
        outcomes.append(watched)
    return outcomes


def findings(*minutes: PodStatistics | None, **changes: Any) -> list[Finding]:
    return [item.finding for item in run(*minutes, **changes) if item.finding]


def test_counters_that_went_back_count_from_nought() -> None:
    old = PodStatistics(
        pod="a", config_key="k", successes=90, failures=1, request_nanoseconds=9, rows=90
    )
    new = dataclasses.replace(old, successes=5, failures=0, rows=5, request_nanoseconds=2)
    assert since(old, new) == new
    more = dataclasses.replace(old, successes=95, rows=97, request_nanoseconds=11)
    assert since(old, more).successes == 5
    assert since(old, more).rows == 7


@given(STATISTICS, STATISTICS)
def test_what_was_counted_is_never_negative(old: PodStatistics, new: PodStatistics) -> None:
    found = since(old, new)
    assert min(found.successes, found.failures, found.request_nanoseconds, found.rows) >= 0
    assert all(item.executions >= 0 and item.nanoseconds >= 0 for item in found.batches)
    mean = figures(found).mean_milliseconds
    assert mean is None or (math.isfinite(mean) and mean >= 0)
    p99 = figures(found).p99_milliseconds
    assert p99 is None or (math.isfinite(p99) and p99 > 0)


@pytest.mark.parametrize(
    ("batch", "milliseconds"), [(1, 5.0), (2, 6.0), (4, 8.0), (6, 10.0), (8, 12.0), (16, 20.0)]
)
def test_the_curve_is_straight_between_and_beyond_its_points(
    batch: int, milliseconds: float
) -> None:
    assert service_milliseconds(CURVE, batch) == pytest.approx(milliseconds)


def test_one_point_says_nothing_of_another_batch() -> None:
    assert service_milliseconds(CURVE[:1], 1) == 5.0
    assert service_milliseconds(CURVE[:1], 2) is None
    assert service_milliseconds((), 1) is None
    wrong = (ServicePoint(batch=1, milliseconds=math.nan), *CURVE[1:2])
    assert service_milliseconds(wrong, 1) is None


@given(st.lists(st.tuples(st.integers(1, 8), st.integers(1, 500)), min_size=1, max_size=6))
def test_a_perfect_profile_has_speed_1_whatever_the_batches(
    sizes: list[tuple[int, int]],
) -> None:
    """The mean batch would say 0.65 to 0.86 here."""
    window = Window(began_at=0.0).add(counted(n, batch=b) for b, n in sizes)
    assert window.speed(CURVE) == pytest.approx(1.0, rel=1e-6)


def test_slower_executions_are_a_reason_after_the_drift_time_and_not_before() -> None:
    slow = counted(slower=1.5)
    found = run(*[slow] * 17)
    assert [bool(item.finding) for item in found] == [False] * 15 + [True] * 2
    finding = found[-1].finding
    assert finding is not None
    assert finding.cause == SERVICE_TIME
    assert finding.words == ("executions take 1.50 times what was measured (batch 1), for 15 min")
    assert finding.traffic == PROFILE.traffic


def test_faster_executions_are_a_reason_too() -> None:
    assert findings(*[counted(slower=0.5)] * 16)[0].cause == SERVICE_TIME


@pytest.mark.parametrize("slower", [0.8, 1.0, 1.29])
def test_within_the_tolerance_nothing_follows(slower: float) -> None:
    assert findings(*[counted(slower=slower)] * 60) == []


def test_one_window_within_starts_the_time_anew() -> None:
    slow, fine = counted(slower=2.0), counted()
    assert findings(*[slow] * 14, fine, *[slow] * 14, fine, *[slow] * 15) == []
    assert findings(*[slow] * 14, fine, *[slow] * 16) != []


def test_another_size_of_requests_is_a_reason_with_the_traffic_seen() -> None:
    """Same speed, but requests of 2.5 rows where single ones are tuned for."""
    profile = samples.profile(
        service=CURVE, traffic=Traffic(rows_per_second=70.0, repeated_percent=5.0)
    )
    found = findings(*[counted(batch=4, requests=320)] * 16, profile=profile)
    assert found[0].cause == TRAFFIC
    assert "2.5 rows on average, the setting is tuned for 1.0" in found[0].words
    assert found[0].traffic == Traffic(
        rows_per_second=70.0,
        repeated_percent=5.0,
        rows_per_request=(RowsShare(rows=2, percent=50.0), RowsShare(rows=3, percent=50.0)),
    )


def test_answers_from_the_cache_make_no_request_smaller() -> None:
    """Triton counts their rows nowhere, so they do not count as requests either."""
    half = dataclasses.replace(counted(200), successes=400, cached=200)
    assert findings(*[half] * 20) == []
    assert Window(began_at=0.0).add([half]).rows_per_request == 1.0


@given(st.floats(1, 1000))
def test_the_shares_have_the_mean_that_was_seen(rows: float) -> None:
    shares = shares_of(rows)
    assert sum(share.percent for share in shares) == pytest.approx(100)
    assert Traffic(rows_per_request=shares).mean_rows == pytest.approx(rows, abs=0.002)


def test_few_executions_are_gathered_until_they_are_enough() -> None:
    few = counted(WINDOW_EXECUTIONS // 4, slower=2.0)
    found = run(*[few] * 4)
    assert [item.state.told_at is None for item in found] == [True, True, True, False]


def test_a_service_that_falls_silent_is_not_off_continuously() -> None:
    slow = counted(slower=2.0)
    assert findings(*[slow] * 14, *[None] * 16, slow, slow) == []


def test_a_clock_that_goes_back_starts_anew() -> None:
    slow = counted(slower=2.0)
    late = run(*[slow] * 14)[-1]
    back = watch(late.state, late.window, [slow], PROFILE, now=1e9, settings=SETTINGS)
    assert (back.state, back.finding) == (DriftState(), None)


@given(
    st.lists(st.none() | STATISTICS.map(lambda item: dataclasses.replace(item, batches=()))),
    st.lists(st.builds(ServicePoint, batch=st.integers(1, 9), milliseconds=st.floats())),
)
def test_no_data_is_never_a_reason(
    minutes: list[PodStatistics | None], points: list[ServicePoint]
) -> None:
    """No executions, whatever else is counted, and a curve that may be anything."""
    assert findings(*minutes, profile=samples.profile(service=tuple(points))) == []


@given(st.lists(STATISTICS, min_size=1, max_size=20))
def test_the_same_looks_give_the_same_decisions(minutes: list[PodStatistics]) -> None:
    assert run(*minutes) == run(*minutes)


@given(st.lists(STATISTICS, max_size=15))
def test_nothing_is_found_before_the_drift_time(minutes: list[PodStatistics]) -> None:
    assert findings(*minutes[:15]) == []
