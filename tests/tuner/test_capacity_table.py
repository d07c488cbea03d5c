"""What a setting carries within a goal, and the table of it that the balancer reads."""

from __future__ import annotations

import base64
import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from modelservice_runtime.contract.profile import CAPACITY_REPLICAS, LOAD_STEPS
from modelservice_runtime.contract.traffic import SINGLE_ROWS
from modelservice_runtime.tuner.simulation.arrivals import Source
from modelservice_runtime.tuner.simulation.capacity import (
    POOLED,
    Goal,
    allowed_violations,
    answered_share,
    capacity_table,
    carried,
    longest_wait,
    packed,
    throughput,
)
from modelservice_runtime.tuner.simulation.outcomes import Batching
from modelservice_runtime.tuner.simulation.service_time import ServiceTime

SERVICE = ServiceTime(batches=(1, 8), seconds=(0.080, 0.220))
SINGLE = Source(rows_per_request=SINGLE_ROWS)
ONE = Batching(instances=1, max_batch=8)
GOAL = Goal(seconds=0.5, violations=0.01)
FEW = (1, 2, 4)


def test_full_batches_give_the_throughput() -> None:
    assert throughput(SERVICE, ONE) == pytest.approx(8 / 0.220)
    assert throughput(SERVICE, Batching(instances=3, max_batch=8)) == pytest.approx(24 / 0.220)


def test_contention_and_gap_take_of_it() -> None:
    service = ServiceTime(batches=(1, 8), seconds=(0.080, 0.220), contention=(1.0, 1.5), gap=0.01)
    two = Batching(instances=2, max_batch=8)
    assert throughput(service, two) == pytest.approx(16 / (0.330 + 0.08))


def test_what_is_carried_keeps_the_goal_and_a_little_more_does_not() -> None:
    found = carried(SERVICE, ONE, SINGLE, GOAL)
    assert found.outcome is not None
    assert found.outcome.violations(GOAL.seconds) <= GOAL.violations
    assert found.outcome.quantile(99) <= GOAL.seconds
    strict = carried(SERVICE, ONE, SINGLE, GOAL.stricter())
    assert 0 < strict.rows_per_second < found.rows_per_second


def test_a_goal_below_a_lone_row_is_kept_at_no_rate() -> None:
    found = carried(SERVICE, ONE, SINGLE, Goal(seconds=0.05, violations=0.01), requests=1000)
    assert (found.rows_per_second, found.outcome) == (0.0, None)


def test_more_is_carried_the_later_answers_may_be() -> None:
    rates = [
        carried(SERVICE, ONE, SINGLE, Goal(seconds=s, violations=0.01), requests=4000)
        for s in (0.1, 0.25, 0.3, 0.5, 1.0)
    ]
    rows = [found.rows_per_second for found in rates]
    assert rows == sorted(rows)


def test_behind_a_random_split_replicas_carry_as_much_as_each_alone_together() -> None:
    table = capacity_table(SERVICE, ONE, SINGLE, GOAL)
    assert len(table) == len(CAPACITY_REPLICAS)
    assert table == pytest.approx([count * table[0] for count in CAPACITY_REPLICAS])


def test_behind_one_queue_they_carry_more() -> None:
    split = capacity_table(SERVICE, ONE, SINGLE, GOAL, replicas=FEW)
    pooled = capacity_table(SERVICE, ONE, SINGLE, GOAL, replicas=FEW, routing=POOLED)
    assert pooled[0] == split[0]
    assert all(p > 1.05 * s for p, s in zip(pooled[1:], split[1:], strict=True))
    each = [rate / count for rate, count in zip(pooled, FEW, strict=True)]
    assert each == sorted(each)


@pytest.mark.parametrize("timeout", [math.inf, 0.28])
def test_the_share_that_is_answered_falls_with_the_load(timeout: float) -> None:
    batching = Batching(instances=1, max_batch=8, timeout=timeout)
    table = answered_share(SERVICE, batching, SINGLE, GOAL)
    first = [row[0] for row in table]
    assert len(table) == len(LOAD_STEPS)
    assert all(len(row) == len(CAPACITY_REPLICAS) for row in table)
    assert all(after <= before + 0.01 for before, after in itertools.pairwise(first))
    assert first[0] > 0.99
    assert first[-1] < 0.6


def test_with_a_queue_time_out_many_are_answered_in_time_even_under_twice_the_load() -> None:
    """Half of them at best; without it each waits behind those that come too late anyway."""
    table = [
        answered_share(SERVICE, Batching(instances=1, max_batch=8, timeout=t), SINGLE, GOAL)
        for t in (math.inf, longest_wait(GOAL.seconds, SERVICE, ONE))
    ]
    without, with_one = (rows[-1][0] for rows in table)
    assert without < 0.05
    assert with_one > 0.4


def test_pooled_replicas_have_a_column_each() -> None:
    table = answered_share(
        SERVICE, ONE, SINGLE, GOAL, routing=POOLED, steps=(0.8,), replicas=(1, 8)
    )
    ((one, eight),) = table
    assert one < eight


def test_the_table_is_packed_into_a_byte_for_each_share() -> None:
    table = answered_share(SERVICE, ONE, SINGLE, GOAL)
    raw = base64.b64decode(packed(table))
    assert len(raw) == 256
    back = np.frombuffer(raw, np.uint8).reshape(len(LOAD_STEPS), len(CAPACITY_REPLICAS)) / 255
    assert np.abs(back - np.array(table)).max() <= 0.5 / 255 + 1e-9


def test_a_share_beyond_all_is_all() -> None:
    assert base64.b64decode(packed([[1.2, -0.1]])) == bytes([255, 0])


def test_whoever_waits_as_long_as_the_queue_s_time_out_is_answered_just_in_time() -> None:
    service = ServiceTime(batches=(1, 8), seconds=(0.080, 0.220), overhead=0.02)
    assert longest_wait(0.5, service, ONE) == pytest.approx(0.26)
    assert 0 < longest_wait(0.1, service, ONE) < 1e-5


def test_whoever_waits_for_others_is_not_refused_for_it() -> None:
    service = ServiceTime(batches=(1, 8), seconds=(0.080, 0.220))
    assert longest_wait(0.5, service, replace(ONE, delay=0.2)) == pytest.approx(0.4)


def test_with_a_limit_on_waiting_a_few_are_lost_at_light_loads_of_one_instance_not_of_two() -> None:
    """As measured on a real Triton (benchmarks/tuner, T7)."""
    limited = ONE.limited(0.28)
    shares = [
        1 - answered_share(SERVICE, each, SINGLE, GOAL, steps=(0.1,))[0][0]
        for each in (ONE, limited, replace(limited, instances=2))
    ]
    assert shares[0] < 0.001
    assert 0.005 < shares[1] < 0.04
    assert shares[2] < 0.005


def test_without_a_limit_nothing_is_overlooked() -> None:
    assert ONE.limited(math.inf) == ONE


def test_what_may_be_late_follows_from_the_percentile() -> None:
    assert allowed_violations(99.0) == pytest.approx(0.01)
    assert allowed_violations(100.0) == 0.0
    assert GOAL.stricter().violations == GOAL.violations / 2
