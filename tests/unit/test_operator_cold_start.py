"""How long a replica is taken to start."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_operator.load.cold_start import (
    DEFAULT_SECONDS,
    ENOUGH,
    LONGEST_SECONDS,
    ColdStart,
)


def learned(*seconds: float) -> ColdStart:
    starts = ColdStart()
    for each in seconds:
        starts = starts.add(each)
    return starts


@pytest.mark.parametrize(
    ("seen", "seconds"),
    [
        ((), 60.0),
        ((2.0,), 60.0),
        ((2.0, 3.0), 60.0),
        ((300.0,), 300.0),
        ((2.0, 3.0, 4.0), 4.0),
        ((2.0, 3.0, 4.0, 19.0), 19.0),
    ],
)
def test_short_starts_are_believed_from_the_third_on(
    seen: tuple[float, ...], seconds: float
) -> None:
    """The first ones came on an idle machine: 2 s, where the next replica took 19 s under load."""
    assert learned(*seen).seconds == seconds


def test_nine_of_the_last_ten_are_covered() -> None:
    assert learned(*range(100, 111)).seconds == 109.0


def test_what_was_in_trouble_is_no_start() -> None:
    assert learned(0.0, -5.0, LONGEST_SECONDS + 1) == ColdStart()


@given(st.lists(st.floats(0.1, LONGEST_SECONDS), max_size=20))
def test_it_is_never_shorter_than_what_was_seen_nor_made_up(seen: list[float]) -> None:
    starts = learned(*seen)
    few = len(seen) < ENOUGH
    assert starts.seconds in {DEFAULT_SECONDS, *starts.seen}
    assert starts.seconds >= sorted(starts.seen or [0.0])[len(starts.seen) // 2]
    assert starts.seconds >= DEFAULT_SECONDS or not few
