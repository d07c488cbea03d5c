"""What is planned for: how long a forecast counts, what the margin covers, what care does."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from modelservice_operator.load.error_budget import LEAST, MOST, ErrorBudget
from modelservice_operator.load.forecast import (
    EASY,
    ENOUGH,
    LEAST_SHARE,
    QUANTILE,
    Shortfalls,
    planned,
)

STEP, LEAD = 5.0, 30.0
rates = st.floats(0.0, 1e6)
cares = st.floats(LEAST, MOST)


def after(
    rate: Callable[[float], float], *, seconds: float, hold: float = 300.0, lead: float = LEAD
) -> Shortfalls:
    """What is known of a load, each forecast of which is the present."""
    known = Shortfalls()
    for number in range(int(seconds / STEP)):
        at = number * STEP
        now = rate(at)
        known = known.add(at, now, now, lead_seconds=lead, hold_seconds=hold)
    return known


def bursts(every: float) -> Callable[[float], float]:
    """A minute of 100 rows a second, then 10."""
    return lambda at: 100.0 if at % every < 60.0 else 10.0


def test_a_burst_does_not_fall_short_of_the_one_before_whose_replicas_are_still_held() -> None:
    known = after(bursts(every=240.0), seconds=3600.0)
    assert {amount for _, amount in known.short} == {0.0}


def test_a_burst_that_comes_after_the_hold_is_a_surprise_that_more_care_plans_with() -> None:
    known = after(bursts(every=600.0), seconds=3600.0)
    assert max(amount for _, amount in known.short) == 90.0
    assert known.margin(10.0) == LEAST_SHARE * 10.0
    assert known.margin(10.0, 2.0) == 90.0


def test_a_load_that_falls_never_falls_short() -> None:
    known = after(lambda at: 1000.0 - at / 10, seconds=3600.0)
    assert {amount for _, amount in known.short} == {0.0}


def test_a_load_that_rises_falls_short_by_what_it_rises_in_the_lead_time() -> None:
    known = after(lambda at: at, seconds=1800.0)
    assert known.margin(0.0) == pytest.approx(LEAD + 10.0)


@over(st.lists(st.tuples(rates, rates), max_size=60), st.floats(0.0, 90.0), st.floats(1.0, 300.0))
def test_what_is_remembered_of_forecasts_is_no_longer_than_it_counts(
    seen: list[tuple[float, float]], lead: float, hold: float
) -> None:
    known = Shortfalls()
    for number, (rate, forecast) in enumerate(seen):
        known = known.add(number * STEP, rate, forecast, lead_seconds=lead, hold_seconds=hold)
    assert len(known.made) <= (lead + 10.0 + hold) / STEP + 2
    assert all(amount >= 0 for _, amount in known.short)


def shorts(amounts: Sequence[float]) -> Shortfalls:
    """With these shortfalls."""
    return Shortfalls(short=tuple((float(at), amount) for at, amount in enumerate(amounts)))


def test_the_margin_covers_nine_of_ten_and_all_with_the_most_care() -> None:
    known = shorts(range(1, 121))
    assert known.margin(0.0) == QUANTILE * 120
    assert known.margin(0.0, 2.0) == 114.0
    assert known.margin(0.0, MOST) == 120.0
    assert known.margin(0.0, LEAST) == 36.0


@over(st.lists(rates, min_size=ENOUGH, max_size=200), rates, cares, cares)
def test_more_care_never_plans_for_less(
    amounts: list[float], forecast: float, one: float, other: float
) -> None:
    known, less, more = shorts(amounts), min(one, other), max(one, other)
    low, high = known.margin(forecast, less), known.margin(forecast, more)
    assert LEAST_SHARE * forecast <= low <= high
    assert planned(forecast, low, less) <= planned(forecast, high, more) <= forecast + high


def test_with_the_least_care_a_quarter_less_is_planned_for() -> None:
    assert planned(90.0, 10.0, 1.0) == planned(90.0, 10.0, EASY) == 100.0
    assert planned(90.0, 10.0, LEAST) == pytest.approx(75.0, abs=0.5)


def cared(
    shares: Sequence[float], care: ErrorBudget | None = None, *, short: bool = True
) -> ErrorBudget:
    """After minutes with such shares of violations, where one in a hundred is allowed."""
    budget = care or ErrorBudget()
    begin = budget.minutes[-1][0] if budget.minutes else 0.0
    for number, share in enumerate(shares, start=1):
        at = begin + 60.0 * number
        budget = budget.add(at, 1000.0, 1000.0 * share, allowed=0.01, short=short)
    return budget


def test_care_grows_by_a_quarter_a_minute_and_goes_slowly() -> None:
    assert cared([0.05] * 3).factor == pytest.approx(1.25**3)
    assert cared([0.0] * 3).factor == pytest.approx(0.98**3)
    assert cared([0.003] * 3).factor == 1.0


def test_what_is_refused_while_replicas_are_enough_makes_nobody_careful() -> None:
    """Triton overlooks a request now and then at any load: more replicas would not help."""
    assert cared([0.05] * 3, short=False).factor == pytest.approx(0.98**3)


def test_a_moment_without_enough_replicas_counts_for_its_minute_and_no_other() -> None:
    budget = cared([0.0])
    for at, short in ((65.0, True), (70.0, False), (120.0, False)):
        budget = budget.add(at, 1000.0, 50.0, allowed=0.01, short=short)
    assert budget.minutes[-1] == (120.0, 1000.0, 50.0)
    budget = budget.add(180.0, 1000.0, 50.0, allowed=0.01, short=False)
    assert budget.minutes[-1] == (180.0, 1000.0, 0.0)


@over(st.lists(st.floats(0.0, 1.0), max_size=100))
def test_care_stays_within_its_bounds(shares: list[float]) -> None:
    found = [cared(shares[:end]).factor for end in range(len(shares) + 1)]
    assert all(LEAST <= care <= MOST for care in found)
    assert all(later <= 1.26 * earlier for earlier, later in itertools.pairwise(found))
