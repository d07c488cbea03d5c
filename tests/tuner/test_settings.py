"""What is searched: which instances, threads, batch sizes and delays there are at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tuning_values import setting

from modelservice_runtime.tuner.settings import (
    Limits,
    batch_sizes,
    delays_microseconds,
    first_options,
    next_instances,
)


def limits(cpu: float = 4.0, **more: int) -> Limits:
    """Of a replica."""
    return Limits(cpu=cpu, max_batch_size=16, **more)


@given(st.integers(1, 4096), st.integers(1, 64))
def test_batch_sizes_rise_to_the_largest_and_begin_at_the_least(maximum: int, least: int) -> None:
    sizes = batch_sizes(maximum, least)
    assert list(sizes) == sorted(set(sizes))
    assert all(least <= size <= maximum for size in sizes)
    assert (maximum in sizes) == (least <= maximum)
    assert all(b <= 2 * a for a, b in zip(sizes, sizes[1:], strict=False))


def test_there_are_steps_in_between() -> None:
    assert batch_sizes(16) == (1, 2, 3, 4, 6, 8, 12, 16)
    assert batch_sizes(10, 4) == (4, 6, 8, 10)


@given(st.floats(0.1, 128), st.integers(0, 16), st.integers(0, 16), st.integers(0, 8))
def test_first_options_fit_the_limits(cpu: float, instances: int, threads: int, fixed: int) -> None:
    pairs = first_options(limits(cpu, instances=instances, threads=threads))
    assert pairs
    assert len(set(pairs)) == len(pairs)
    for count, each in pairs:
        assert 1 <= count <= (instances or max(1, int(cpu)))
        assert 1 <= each <= (threads or max(1, int(cpu)))
        assert count * each <= max(1, int(cpu))
    fixed_pairs = first_options(limits(cpu, fixed_threads=fixed))
    if fixed:
        assert {each for _, each in fixed_pairs} == {fixed}


def test_all_ways_to_use_all_cores_are_looked_at() -> None:
    assert set(first_options(limits(8.0))) == {(1, 8), (1, 1), (2, 4), (4, 2), (8, 1)}
    assert first_options(limits(1.0)) == ((1, 1),)


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        ({}, None),
        ({1: 100.0}, 2),
        ({1: 100.0, 4: 250.0}, 5),
        ({1: 100.0, 4: 105.0}, None),
        ({1: 100.0, 4: 90.0}, 2),
        ({1: 100.0, 4: 300.0, 5: 310.0}, None),
        ({1: 100.0, 4: 300.0, 5: 400.0}, None),
    ],
    ids=["nothing", "one", "gains", "gains little", "less", "no more gain", "no more cores"],
)
def test_one_instance_more_is_tried_while_it_gains(
    tried: dict[int, float], expected: int | None
) -> None:
    assert next_instances(tried, limits(4.0), 0.1) == expected


@given(st.dictionaries(st.integers(1, 9), st.floats(0, 1000), max_size=6), st.integers(0, 6))
def test_no_more_instances_are_tried_than_may_be_nor_any_twice(
    tried: dict[int, float], most: int
) -> None:
    more = next_instances(tried, limits(4.0, instances=most), 0.1)
    if more is not None:
        assert more <= (most or 5)
        assert more not in tried


@given(st.floats(0.01, 1000), st.integers(1, 64), st.floats(0.1, 1000))
def test_delays_leave_most_of_the_goal(full_ms: float, batch: int, goal_ms: float) -> None:
    delays = delays_microseconds(full_ms, batch, goal_ms)
    assert delays[0] == 0
    assert delays == sorted(set(delays))
    assert max(delays) <= 0.5 * goal_ms * 1000 + 1
    if batch == 1:
        assert delays == [0]


def test_a_setting_says_itself_in_words() -> None:
    assert setting(8, 2).words() == "a, batch 8, 2 instances, 1 thread each"
    assert setting(1, 1, 4, 300).words() == "a, batch 1, 1 instance, 4 threads each, delay 300 µs"
    served = setting(8, 2, 1, 300).served()
    assert (served.max_batch_size, served.queue_delay_microseconds) == (8, 300)
