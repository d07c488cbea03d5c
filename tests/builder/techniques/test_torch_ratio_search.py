"""The search for a channel ratio: near what was asked for, with few trials."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.builder.pruning.ratio_search import MOST_CHANNELS, search

TOLERANCE = 0.05
POWERS = st.floats(0.5, 4)


@given(st.floats(0.02, 0.9), POWERS)
def test_what_can_be_reached_is_reached_within_the_tolerance(wanted: float, power: float) -> None:
    calls = []

    def removed(ratio: float) -> float:
        calls.append(ratio)
        return 1 - (1 - ratio) ** power

    found = search(removed, wanted, TOLERANCE)
    most = 1 - (1 - MOST_CHANNELS) ** power
    assert abs(found.removed - min(wanted, most)) <= TOLERANCE
    assert len(calls) <= 9
    assert all(0 < ratio <= MOST_CHANNELS for ratio in calls)


@given(st.floats(0.02, 0.95), POWERS, st.integers(1, 12))
def test_the_nearest_of_what_was_tried_is_found_also_in_steps(
    wanted: float, power: float, steps: int
) -> None:
    tried = []

    def removed(ratio: float) -> float:
        whole = math.ceil(ratio * steps) / steps
        tried.append(1 - (1 - whole) ** power)
        return tried[-1]

    found = search(removed, wanted, TOLERANCE)
    assert abs(found.removed - wanted) == min(abs(share - wanted) for share in tried)


def test_a_good_first_guess_costs_one_trial() -> None:
    calls = []

    def removed(ratio: float) -> float:
        calls.append(ratio)
        return 1 - (1 - ratio) ** 2

    search(removed, 0.6, TOLERANCE)
    assert len(calls) == 1
