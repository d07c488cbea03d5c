"""The rate that is tried next: below what failed, soon far below, then halfway to what held."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from tuning_values import candidate, question, setting, trial

from modelservice_runtime.tuner.finding_capacity import next_rate
from modelservice_runtime.tuner.trials import LOWER_SHARE, Trial

ASKED = question(max_batch=8)
PLACE = setting(8, 2)
BEST = candidate(PLACE, 1000.0)


def run(rate: float, late: float) -> Trial:
    """One at that rate."""
    return replace(trial(PLACE, ASKED, rate), violations=late)


@pytest.mark.parametrize(("failures", "step"), [(0, 1), (1, 2), (2, 4), (3, 8)])
def test_each_failure_doubles_the_step_down(failures: int, step: int) -> None:
    seen = [run(100.0, 0.5), run(80.0, 0.4)]
    assert next_rate(BEST, seen, ASKED, failures) == pytest.approx(80.0 * LOWER_SHARE**step)


def test_between_what_failed_and_what_held_the_middle_is_next() -> None:
    seen = [run(100.0, 0.5), run(50.0, 0.0)]
    assert next_rate(BEST, seen, ASKED, 3) == pytest.approx(math.sqrt(5000.0))


def test_near_each_other_nothing_is_left_between_them() -> None:
    """What held is sent again then, until that are requests enough."""
    seen = [run(100.0, 0.5), run(LOWER_SHARE * 100.0, 0.0)]
    assert next_rate(BEST, seen, ASKED, 0) == pytest.approx(LOWER_SHARE * 100.0)


def test_what_held_above_what_failed_says_nothing() -> None:
    seen = [run(100.0, 0.5), run(110.0, 0.0)]
    assert next_rate(BEST, seen, ASKED, 1) == pytest.approx(100.0 * LOWER_SHARE**2)
