"""The simulated batcher keeps Triton's rules, and the compiled loops are the plain ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from batcher_reference import Asked, Batcher
from hypothesis import given, settings
from hypothesis import strategies as st

from modelservice_runtime.contract.traffic import SINGLE_ROWS
from modelservice_runtime.tuner.simulation import kernels
from modelservice_runtime.tuner.simulation.arrivals import Requests, Source
from modelservice_runtime.tuner.simulation.by_length import ByLength
from modelservice_runtime.tuner.simulation.capacity import Goal, carried, throughput
from modelservice_runtime.tuner.simulation.outcomes import Batching, closed_loop, open_loop
from modelservice_runtime.tuner.simulation.service_time import ServiceTime

#: A batch of b rows takes 10 + b seconds.
SERVICE = ServiceTime(batches=(1, 2), seconds=(11.0, 12.0))
ONE = Batching(instances=1, max_batch=4)


def requests(
    arrival: Sequence[float],
    rows: Sequence[int] = (),
    level: Sequence[int] = (),
    length: Sequence[int] = (),
) -> Requests:
    """Single rows of the one level, and of no length, unless said."""
    many = len(arrival)
    return Requests(
        arrival=np.array(arrival, dtype=float),
        rows=np.array(rows or [1] * many, dtype=np.int64),
        level=np.array(level or [0] * many, dtype=np.int64),
        length=np.array(length, dtype=np.int64) if length else None,
    )


def finishes(
    batching: Batching, arrival: Sequence[float], service: ServiceTime = SERVICE, **more: Any
) -> list[float]:
    """When each request is answered."""
    asked = requests(arrival, **more)
    found: list[float] = (asked.arrival + open_loop(service, batching, asked).latency).tolist()
    return found


def test_a_lone_request_goes_at_once_and_takes_the_time_of_one_row() -> None:
    assert finishes(ONE, [5.0]) == [16.0]


def test_a_full_batch_goes_at_once_whatever_the_delay() -> None:
    assert finishes(replace(ONE, delay=100.0), [0.0] * 4) == [14.0] * 4


def test_without_a_delay_a_batch_that_is_not_full_goes_at_once() -> None:
    # The first one alone; the other two wait for the instance and go together.
    assert finishes(ONE, [0.0, 1.0, 2.0]) == [11.0, 23.0, 23.0]


def test_with_a_delay_it_waits_from_the_time_at_which_its_oldest_request_came() -> None:
    assert finishes(replace(ONE, delay=6.0), [1.0, 3.0, 6.5]) == [20.0] * 3


def test_waiting_for_an_instance_counts_as_waiting_for_more_requests() -> None:
    # When the instance is free again, at 14, the oldest has waited since 2: longer than the delay.
    found = finishes(replace(ONE, delay=5.0), [0.0, 0.0, 0.0, 0.0, 2.0, 15.0])
    assert found == [14.0, 14.0, 14.0, 14.0, 25.0, 36.0]


def test_a_batch_that_becomes_full_while_it_waits_goes_then() -> None:
    assert finishes(replace(ONE, delay=60.0), [0.0, 1.0, 2.0, 3.0]) == [17.0] * 4


def test_a_request_that_does_not_fit_closes_the_batch_and_waits_for_the_next_one() -> None:
    found = finishes(replace(ONE, delay=60.0), [0.0, 1.0, 2.0], rows=[3, 2, 1])
    # Three rows go when the two come; these go with the one, once the delay is over.
    assert found == [14.0, 74.0, 74.0]


def test_rows_are_what_an_execution_takes_its_time_for() -> None:
    assert finishes(ONE, [0.0, 20.0], rows=[4, 2]) == [14.0, 32.0]


def test_two_instances_take_batches_in_turn() -> None:
    assert finishes(replace(ONE, instances=2), [0.0, 1.0, 2.0]) == [11.0, 12.0, 22.0]


def test_the_first_priority_level_is_taken_first() -> None:
    found = finishes(replace(ONE, max_batch=1), [0.0, 1.0, 2.0, 3.0], level=[1, 1, 1, 0])
    assert found == [11.0, 33.0, 44.0, 22.0]


def test_who_has_waited_longer_than_the_time_out_is_rejected() -> None:
    asked = requests([0.0, 1.0, 8.0])
    outcome = open_loop(SERVICE, replace(ONE, max_batch=1, timeout=5.0), asked)
    assert outcome.latency.tolist() == [11.0, math.inf, 14.0]
    assert outcome.violations(20.0) == pytest.approx(1 / 3)
    # Two rows in the 22 seconds from the first request to the last answer.
    assert outcome.rows_per_second == pytest.approx(2 / 22)


def test_a_rejected_request_takes_no_place_in_a_batch() -> None:
    found = finishes(replace(ONE, max_batch=2, timeout=10.0), [0.0, 0.5, 2.0, 2.5])
    assert found == [11.0, math.inf, 23.0, 23.0]


def test_an_execution_beside_another_is_slower_by_the_contention() -> None:
    service = replace(SERVICE, contention=(1.0, 2.0))
    batching = replace(ONE, instances=2, max_batch=1)
    assert finishes(batching, [0.0, 1.0, 30.0], service) == [11.0, 23.0, 41.0]


def test_after_an_execution_an_instance_takes_nothing_for_the_gap_of_its_rows() -> None:
    service = replace(SERVICE, gap=3.0)
    assert finishes(replace(ONE, max_batch=1), [0.0, 1.0, 40.0], service) == [11.0, 25.0, 51.0]


def test_the_overhead_is_seen_by_the_client_alone() -> None:
    service = replace(SERVICE, overhead=0.5)
    assert finishes(replace(ONE, max_batch=1), [0.0, 1.0], service) == [11.5, 22.5]


def test_executions_take_the_factors_of_their_distribution() -> None:
    service = replace(SERVICE, spread=(0.5, 1.5))
    latency = open_loop(service, ONE, Source(rows_per_request=SINGLE_ROWS).at(0.01, 400)).latency
    # At so low a rate nobody waits for somebody else for long.
    assert float(np.median(latency)) in {5.5, 16.5}
    assert {5.5, 16.5} <= set(np.round(latency, 6).tolist())


TIMES = st.integers(0, 60)
SIXTEENTHS = 16.0
#: By how much executions are longer for the lengths of a case.
LONGER = (1.0, 2.0, 8.0)


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    """Times in sixteenths, so that sums of them are exact in whatever order."""
    largest = draw(st.integers(1, 5))
    many = draw(st.integers(1, 30))
    steps = draw(st.lists(st.integers(0, 40), min_size=largest, max_size=largest))
    delay = draw(st.sampled_from([0, 0, 5, 30])) / SIXTEENTHS
    return {
        "arrival": sorted(draw(st.lists(TIMES, min_size=many, max_size=many))),
        "rows": draw(st.lists(st.integers(1, largest), min_size=many, max_size=many)),
        "level": draw(st.lists(st.integers(0, 2), min_size=many, max_size=many)),
        "table": [0.0, *(float(sum(steps[: n + 1]) + 1) / SIXTEENTHS for n in range(largest))],
        "spread": draw(st.lists(st.sampled_from([0.5, 1.0, 2.0]), min_size=1, max_size=3)),
        "draws": draw(st.lists(st.integers(0, 200), min_size=1, max_size=5)),
        "contention": [1.0, *(draw(st.sampled_from([1.0, 1.5, 2.0])) for _ in range(3))],
        "instances": draw(st.integers(1, 4)),
        "gap": draw(st.sampled_from([0, 0, 3])) / SIXTEENTHS,
        "delay": delay,
        # Shorter than the delay it would be of no use; see knobs.decide.
        "timeout": delay + draw(st.sampled_from([0.0, 10 / SIXTEENTHS, math.inf])),
        "overlooks": draw(st.sampled_from([0.0, 0.5, 1.0])),
        "luck": draw(st.lists(st.sampled_from([0.25, 0.75]), min_size=1, max_size=5)),
        "clients": draw(st.integers(1, 8)),
        "think": draw(st.sampled_from([0, 0, 7])) / SIXTEENTHS,
        "length": draw(st.none() | st.lists(st.integers(0, 2), min_size=many, max_size=many)),
        "padded": draw(st.booleans()),
    }  # fmt: skip


def reference(case: dict[str, Any]) -> Batcher:
    """The plain batcher of a case."""

    def duration(rows: int, number: int, together: int, now: float) -> float:
        del now
        drawn = case["draws"][number % len(case["draws"])] % len(case["spread"])
        seconds: float = case["table"][rows] * case["spread"][drawn] * case["contention"][together]
        return seconds

    return Batcher(
        instances=case["instances"],
        largest=len(case["table"]) - 1,
        duration=duration,
        delay=case["delay"],
        timeout=case["timeout"],
        gap=case["gap"],
        padded=case["padded"],
        overlooks=case["overlooks"],
        luck=case["luck"],
        longer=lambda length, _: LONGER[length] if case["length"] else 1.0,
    )


def lengths_of(case: dict[str, Any]) -> np.ndarray | None:
    """Of the requests, if they have several."""
    return np.array(case["length"], dtype=np.int64) if case["length"] else None


def times(case: dict[str, Any]) -> np.ndarray:
    """By length and batch size."""
    table: np.ndarray = np.array(case["table"])
    return np.array(LONGER if case["length"] else (1.0,))[:, None] * table


def counting(case: dict[str, Any]) -> np.ndarray:
    """Room for as many kinds of executions."""
    return np.zeros(times(case).shape, np.int64)


def shared(case: dict[str, Any]) -> tuple[Any, ...]:
    """What both loops take alike."""
    return (
        times(case),
        np.array(case["spread"]),
        np.array(case["draws"], dtype=np.int64) % len(case["spread"]),
        np.array(case["contention"][: case["instances"]]),
        case["instances"],
        case["gap"],
        case["delay"],
    )


def by_open_kernel(kernel: Any, case: dict[str, Any]) -> tuple[list[float], list[Any]]:
    """Latencies, and executions by length and batch size."""
    many = len(case["arrival"])
    level = np.array(case["level"])
    counts = np.bincount(level, minlength=3)
    order = np.zeros((3, many), np.int64)
    for number in range(3):
        order[number, : counts[number]] = np.flatnonzero(level == number)
    latency, executions = np.zeros(many), counting(case)
    kernel(
        np.array(case["arrival"]) / SIXTEENTHS,
        np.array(case["rows"], dtype=np.int64),
        lengths_of(case),
        case["padded"],
        order,
        counts,
        *shared(case),
        case["timeout"],
        case["overlooks"],
        np.array(case["luck"]),
        latency,
        executions,
    )
    return latency.tolist(), executions.tolist()


def kinds(case: dict[str, Any], batcher: Batcher) -> list[Any]:
    """Executions by length and batch size."""
    counted = counting(case)
    for one in batcher.done:
        counted[one.length, one.rows] += 1
    found: list[Any] = counted.tolist()
    return found


@settings(max_examples=200)
@given(cases())
def test_the_compiled_open_loop_is_the_plain_one(case: dict[str, Any]) -> None:
    batcher = reference(case)
    asked = [
        Asked(number=number, sent=at / SIXTEENTHS, rows=rows, level=level, length=length)
        for number, (at, rows, level, length) in enumerate(
            zip(
                case["arrival"],
                case["rows"],
                case["level"],
                case["length"] or [0] * len(case["rows"]),
                strict=True,
            )
        )
    ]
    batcher.open_loop(asked)
    expected = [one.latency for one in asked], kinds(case, batcher)
    assert by_open_kernel(kernels.open_loop, case) == expected


@settings(max_examples=100)
@given(cases())
def test_the_compiled_open_loop_does_what_its_source_says(case: dict[str, Any]) -> None:
    compiled = by_open_kernel(kernels.open_loop, case)
    assert compiled == by_open_kernel(kernels._open_loop, case)


ANSWERS = 30


def by_closed_kernel(kernel: Any, case: dict[str, Any]) -> list[float]:
    """Latencies in the order of the executions."""
    latency, executions = np.zeros(ANSWERS), counting(case)
    rows = np.array(case["rows"], dtype=np.int64)
    asked = rows, lengths_of(case), case["padded"]
    kernel(case["clients"], case["think"], *asked, *shared(case), latency, executions)
    found: list[float] = latency.tolist()
    return found


@settings(max_examples=200)
@given(cases())
def test_the_compiled_closed_loop_is_the_plain_one(case: dict[str, Any]) -> None:
    batcher = reference({**case, "timeout": math.inf, "overlooks": 0.0})
    lengths = case["length"] or [0]
    batcher.closed_loop(case["clients"], case["rows"], case["think"], ANSWERS, lengths)
    expected = [
        one.latency
        for execution in batcher.done
        for one in sorted(execution.requests, key=lambda one: one.number)
    ]
    assert by_closed_kernel(kernels.closed_loop, case) == expected[:ANSWERS]


@settings(max_examples=50)
@given(cases())
def test_the_compiled_closed_loop_does_what_its_source_says(case: dict[str, Any]) -> None:
    compiled = by_closed_kernel(kernels.closed_loop, case)
    assert compiled == by_closed_kernel(kernels._closed_loop, case)


#: Lengths 10 and 20, of which the longer take twice as long.
LENGTHS = ByLength(
    lengths=(10, 20), shares=(0.5, 0.5), batches=(1,), factors=((1.0,), (2.0,)), padded=True
)


def test_padded_requests_are_one_batch_and_take_the_time_of_the_longest() -> None:
    service = replace(SERVICE, by_length=LENGTHS)
    assert finishes(ONE, [0.0] * 3, service, length=[10, 20, 10]) == [26.0] * 3
    assert finishes(ONE, [0.0] * 3, service, length=[10, 10, 10]) == [13.0] * 3


def test_a_request_of_another_length_closes_the_batch_where_they_are_not_padded() -> None:
    """As Triton's batcher does it, whatever the delay; one that comes later does not jump ahead."""
    service = replace(SERVICE, by_length=replace(LENGTHS, padded=False))
    found = finishes(replace(ONE, delay=90.0), [0.0] * 4, service, length=[10, 10, 20, 10])
    # Two short ones, the long one alone, and the last one when its delay is over.
    assert found == [12.0, 12.0, 34.0, 101.0]


def test_executions_are_counted_by_length_and_batch_size() -> None:
    service = replace(SERVICE, by_length=LENGTHS)
    outcome = open_loop(service, ONE, requests([0.0] * 5, length=[10, 10, 20, 10, 10]))
    assert outcome.by_kind.tolist() == [[0, 1, 0, 0, 0], [0, 0, 0, 0, 1]]
    assert outcome.executions.tolist() == [0, 1, 0, 0, 1]


def test_clients_that_wait_have_lengths_too() -> None:
    service = replace(SERVICE, by_length=replace(LENGTHS, padded=False))
    lengths: np.ndarray = np.array([10, 20])
    outcome = closed_loop(service, ONE, 2, np.array([1, 1]), 8, lengths=lengths)
    assert outcome.by_kind[:, 1].sum() == outcome.by_kind.sum()
    assert outcome.by_kind[:, 1].min() >= 4


SINGLE = Source(rows_per_request=SINGLE_ROWS)


@pytest.mark.parametrize(("instances", "share"), [(1, 0.73), (2, 0.88), (4, 0.94), (8, 0.95)])
def test_utilization_within_a_goal_is_that_of_the_literature(instances: int, share: float) -> None:
    """L(b) = 60 + 20·b ms, B = 8, 500 ms, at most 0.5 % late; never beyond what may be counted on.

    The last one would be 0.98.
    """
    service = ServiceTime(batches=(1, 8), seconds=(0.080, 0.220))
    batching = Batching(instances=instances, max_batch=8)
    found = carried(service, batching, SINGLE, Goal(seconds=0.5, violations=0.005))
    utilization = found.rows_per_second / throughput(service, batching)
    assert utilization == pytest.approx(share, abs=0.03)
    assert utilization < 0.98


@pytest.mark.parametrize("load", [0.3, 0.5, 0.7])
@pytest.mark.parametrize(("name", "factor"), [("M/D/1", 0.5), ("M/M/1", 1.0)])
def test_waiting_for_one_instance_is_pollaczek_s_and_khinchin_s(
    load: float, name: str, factor: float
) -> None:
    """Mean wait: load ÷ (1 - load) executions, and half of that where each takes the same."""
    spread = (1.0,)
    if name == "M/M/1":
        middles = (np.arange(2000) + 0.5) / 2000
        drawn = -np.log1p(-middles)
        spread = tuple((drawn / drawn.mean()).tolist())
    service = ServiceTime(batches=(1,), seconds=(1.0,), spread=spread)
    waits = [
        open_loop(service, replace(ONE, max_batch=1), SINGLE.at(load, 100_000, seed)).latency.mean()
        for seed in range(4)
    ]
    assert np.mean(waits) - 1.0 == pytest.approx(factor * load / (1 - load), rel=0.06)


@pytest.mark.parametrize("instances", [1, 2, 5])
@pytest.mark.parametrize("largest", [1, 4, 16])
def test_clients_for_two_full_batches_of_each_instance_get_all_that_there_is(
    instances: int, largest: int
) -> None:
    batching = Batching(instances=instances, max_batch=largest)
    rows = np.ones(1, np.int64)
    outcome = closed_loop(SERVICE, batching, 2 * largest * instances, rows, 20_000)
    full = instances * largest / SERVICE.of(largest)
    assert outcome.rows_per_second == pytest.approx(full, rel=0.02)
    assert outcome.mean_batch == pytest.approx(largest, rel=0.02)


def test_a_lone_client_waits_for_nobody() -> None:
    service = replace(SERVICE, overhead=2.0)
    outcome = closed_loop(service, ONE, 1, np.ones(1, np.int64), 100)
    assert set(outcome.latency.tolist()) == {13.0}
    # It takes the overhead to come back, too.
    assert outcome.rows_per_second == pytest.approx(1 / 13.0, rel=0.03)


def test_a_client_that_is_answered_early_asks_again_before_those_that_are_answered_late() -> None:
    """Whoever came later to a quicker instance is not held up by the slower one."""
    service = ServiceTime(batches=(1, 4), seconds=(1.0, 100.0))
    rows = np.array([4, *[1] * 500], np.int64)
    outcome = closed_loop(service, Batching(instances=2, max_batch=4), 2, rows, 100)
    assert float(np.median(outcome.latency)) == 1.0


def test_nothing_asked_is_nothing_late() -> None:
    outcome = open_loop(SERVICE, ONE, requests([0.0]))
    assert outcome.violations(11.0) == 0.0
    assert outcome.quantile(99) == 11.0
    assert outcome.mean_batch == 1.0
    assert outcome.busy == pytest.approx(1.0)
