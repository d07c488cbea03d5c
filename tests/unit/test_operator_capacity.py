"""What replicas carry, from the profile's tables, and how many a load takes."""

from __future__ import annotations

import base64
import dataclasses
import math

import operator_samples as samples
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_operator.api.capacity import Capacity, capacity_of
from modelservice_runtime.contract.profile import CAPACITY_REPLICAS, LOAD_STEPS

POOLED = Capacity(counts=(1, 2, 4), rows=(10.0, 24.0, 56.0), full=16.0)


def test_between_two_columns_it_goes_straight_and_beyond_the_last_on_as_there() -> None:
    assert [POOLED.of(c) for c in (0, 1, 2, 3, 4, 6)] == [0.0, 10.0, 24.0, 40.0, 56.0, 88.0]


@given(st.floats(0, 5_000, allow_nan=False), st.sampled_from([POOLED, Capacity.single(7.3)]))
def test_the_fewest_that_carry_it_and_no_fewer(rate: float, capacity: Capacity) -> None:
    count = capacity.replicas_for(rate)
    assert capacity.of(count) >= rate * (1 - 1e-6)
    assert count == 1 or capacity.of(count - 1) < rate


def test_what_carries_nothing_is_an_error_not_an_endless_search() -> None:
    with pytest.raises(ValueError, match="carries nothing"):
        Capacity.single(0.0).replicas_for(1.0)


def flat(share: float) -> str:
    return base64.b64encode(bytes([round(share * 255)]) * 256).decode()


def falling() -> str:
    """All in time up to what the replicas do, then what they do."""
    rows = [min(1.0, 1 / step) for step in LOAD_STEPS]
    return base64.b64encode(
        bytes(round(255 * share) for share in rows for _ in CAPACITY_REPLICAS)
    ).decode()


def table(answered: str) -> Capacity:
    rows = tuple(10.0 * count for count in CAPACITY_REPLICAS)
    profile = dataclasses.replace(
        samples.profile(),
        capacity_rows_per_second=10.0,
        throughput_rows_per_second=16.0,
        capacity_table=rows,
        answered_share=answered,
    )
    capacity = capacity_of(profile)
    assert capacity is not None
    return capacity


@given(st.floats(0, 1e5), st.integers(0, 200))
def test_the_share_in_time_is_one_and_falls_with_load_and_rises_with_replicas(
    rate: float, replicas: int
) -> None:
    capacity = table(falling())
    share = capacity.share_in_time(rate, replicas)
    assert 0 <= share <= 1
    assert capacity.share_in_time(rate * 1.5, replicas) <= share + 1e-9
    assert capacity.share_in_time(rate, replicas + 1) >= share - 1e-9


def test_far_beyond_what_they_do_the_rest_is_not_answered() -> None:
    assert table(falling()).share_in_time(16.0 * 20, 1) == pytest.approx(0.05, rel=0.02)


@pytest.mark.parametrize(
    "changes",
    [
        {"capacity_rows_per_second": 0.0},
        {"capacity_rows_per_second": math.nan},
        {"throughput_rows_per_second": -1.0},
        {"capacity_table": (1.0, 2.0)},
        {"capacity_table": tuple(10.0 / c for c in CAPACITY_REPLICAS)},
        {"capacity_table": (math.inf,) * len(CAPACITY_REPLICAS)},
    ],
)
def test_an_absurd_profile_says_nothing(changes: dict[str, object]) -> None:
    usable = {
        "capacity_rows_per_second": 10.0,
        "throughput_rows_per_second": 16.0,
        "capacity_table": (),
    }
    assert capacity_of(dataclasses.replace(samples.profile(), **usable)) is not None
    assert capacity_of(dataclasses.replace(samples.profile(), **(usable | changes))) is None


@pytest.mark.parametrize("text", ["", "no base64!", base64.b64encode(b"short").decode()])
def test_without_answered_shares_what_is_beyond_the_capacity_is_late(text: str) -> None:
    capacity = table(text)
    assert capacity.answered == ()
    assert capacity.share_in_time(20.0, 1) == pytest.approx(0.5)
    assert capacity.share_in_time(5.0, 1) == 1.0


def test_every_share_is_read() -> None:
    assert table(flat(0.2)).answered[3][7] == pytest.approx(0.2, abs=0.002)
