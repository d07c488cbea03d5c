"""What repeats daily is met ahead; what does not changes nothing."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import operator_samples as samples
import pytest
from fleet_samples import load
from hypothesis import given as over
from hypothesis import strategies as st
from operator_samples import NOW

from modelservice_operator.load.balance import Outcome, plan_round
from modelservice_operator.load.gpus import Budgets
from modelservice_operator.load.remembered import remembered_text, restore
from modelservice_operator.load.replicas import BalancerState
from modelservice_operator.load.season import (
    BIN_SECONDS,
    DAY,
    KEPT,
    WEEK,
    Season,
    helpful,
)
from modelservice_operator.settings import BalancerSettings

#: A midnight.
START = NOW.timestamp() - NOW.timestamp() % 86_400
NINE = 9 * 12


def leaps(day_bin: int) -> float:
    """From 20 to 150 rows a second at nine, back at seventeen."""
    return 150.0 if NINE <= day_bin < 17 * 12 else 20.0


def filled(values: list[float]) -> Season:
    """So many bins that end at ``START``, read once each."""
    season = Season()
    for number, value in enumerate(values):
        season = season.add(START - BIN_SECONDS * (len(values) - number), value)
    return season


def day_by_day(days: int, noise: float = 0.0) -> list[float]:
    chance = random.Random(7)  # noqa: S311 - a load
    return [leaps(number % DAY) * (1 + noise * chance.random()) for number in range(days * DAY)]


def decided(state: BalancerState, at: float, rows: float) -> Outcome:
    view = samples.view(replicas=1)
    found = plan_round(
        {view.key: view},
        {view.key: load(rows)},
        {view.key: state},
        Budgets(),
        now=at,
        settings=BalancerSettings(),
    )
    return found[view.key]


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_a_daily_leap_is_met_before_it_comes(noise: float) -> None:
    season, nine = filled(day_by_day(2, noise)), START + NINE * BIN_SECONDS
    for number in range(NINE):
        season = season.add(START + number * BIN_SECONDS, 20.0)
    early = decided(BalancerState(season=season), nine - 250, 20.0)
    assert early.verdict.desired == 1
    before = decided(replace(early.state, started=frozenset({"tiny-0"})), nine - 30, 20.0)
    assert before.verdict.desired >= 3
    assert "as at this time before" in before.verdict.reason


def test_before_two_days_are_known_nothing_is_expected() -> None:
    almost = filled(day_by_day(2)[1:])
    assert almost.add(START, 20.0).used == ()
    whole = filled(day_by_day(2))
    assert whole.add(START, 20.0).used == (DAY,)


def test_a_leap_that_comes_weekly_is_known_after_two_weeks() -> None:
    """Of a weekday that its eve does not tell of: the days themselves are no help."""
    week = [leaps(number % DAY) if number // DAY == 6 else 20.0 for number in range(WEEK)]
    season = filled([*week, *week]).add(START, 20.0)
    assert season.used == (WEEK,)
    nine = START + (6 * DAY + NINE) * BIN_SECONDS
    assert season.floor(nine - 30, 70.0) == pytest.approx(150.0)
    assert season.floor(nine - 86_400 - 30, 70.0) == pytest.approx(20.0)


def test_a_slow_daily_wave_is_left_to_the_forecast() -> None:
    wave = [100 + 80 * math.sin(2 * math.pi * number / DAY) for number in range(4 * DAY)]
    assert helpful(wave) == ()


def test_a_gap_is_no_load_and_too_many_of_them_are_no_past() -> None:
    season = Season().add(START, 5.0).add(START + 3 * BIN_SECONDS, 7.0)
    values = season.values()
    assert (season.end - season.first, values[0]) == (3, 5.0)
    assert all(math.isnan(value) for value in values[1:])
    holes = day_by_day(2)
    holes[DAY : DAY + DAY // 5] = [math.nan] * (DAY // 5)
    assert helpful(holes) == ()


def test_a_clock_that_goes_back_is_ignored_and_old_bins_go() -> None:
    season = filled([5.0] * 3)
    assert season.add(START - 5 * BIN_SECONDS, 99.0) == season
    later = season.add(START + 2 * KEPT * BIN_SECONDS, 1.0)
    assert len(later.values()) == KEPT
    assert later.end == int((START + 2 * KEPT * BIN_SECONDS) // BIN_SECONDS)


@pytest.mark.parametrize("kind", ["even", "bursts", "walk", "steps"])
def test_a_random_load_looks_as_if_it_repeated_once_in_a_hundred_times_at_most(kind: str) -> None:
    """Chance alone can look like a day that repeats, so what is promised is a share.

    The defect that this caught: it was asked of any seed, and about one in 300 disagrees.
    """
    two_days = [seed for seed in range(400) if helpful(random_load(kind, seed, 2 * DAY))]
    assert len(two_days) <= 4
    assert not any(helpful(random_load(kind, seed, 2 * WEEK + DAY)) for seed in range(10))


def random_load(kind: str, seed: int, bins: int) -> list[float]:
    chance, level = random.Random(seed), 100.0  # noqa: S311 - a load
    values: list[float] = []
    for _ in range(bins):
        if kind == "walk":
            level = max(1.0, level * (1 + chance.uniform(-0.05, 0.05)))
            values.append(level)
        elif kind == "steps":
            level = chance.uniform(10, 200) if chance.random() < 0.02 else level
            values.append(level)
        elif kind == "bursts":
            values.append(300.0 if chance.random() < 0.05 else 20.0)
        else:
            values.append(chance.uniform(10, 200))
    return values


@over(st.lists(st.floats(0, 1e6), max_size=300), st.floats(0, 300))
def test_without_two_periods_the_forecast_alone_counts(values: list[float], rows: float) -> None:
    known = decided(BalancerState(season=filled(values)), START, rows)
    fresh = decided(BalancerState(), START, rows)
    assert known.verdict == fresh.verdict


def test_it_outlives_the_operator_rather_too_high_than_too_low_and_is_small() -> None:
    values = day_by_day(15, 0.2)
    state = BalancerState(season=filled(values))
    view = samples.view(uid="uid-1")
    text = remembered_text(state, view, view.replicas, at=START, ended=False)
    assert len(text) < 7000
    kept = restore(text, view, now=START + 60, soon_seconds=45).state.season
    assert (kept.first, kept.end) == (state.season.first, state.season.end)
    for before, after in zip(state.season.values(), kept.values(), strict=True):
        assert before * 0.999 <= after <= before * 1.05
    assert kept.add(START + 60, 20.0).used == (DAY, WEEK)


def test_a_season_that_cannot_be_is_refused() -> None:
    view = samples.view(uid="uid-1")
    state = BalancerState(season=filled([1.0, 2.0]))
    text = remembered_text(state, view, view.replicas, at=START, ended=False)
    for old, new in (('"top":', '"top":-'), ('"first":', '"first":-'), ('"first":', '"first":9')):
        assert old in text
        assert restore(text.replace(old, new), view, now=START, soon_seconds=45).trouble
