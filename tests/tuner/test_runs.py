"""How long is measured: windows follow the latency, and time is kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.contract.traffic import SINGLE_ROWS, LengthShare, RowsShare
from modelservice_runtime.tuner import runs
from modelservice_runtime.tuner.deadline import RESERVE_SECONDS, Deadline
from modelservice_runtime.tuner.simulation.arrivals import Requests, Source

LATENCIES = st.floats(0.01, 120_000)
SINGLE = Source(rows_per_request=SINGLE_ROWS)
MIXED = Source(rows_per_request=(RowsShare(rows=1, percent=70.0), RowsShare(rows=8, percent=30.0)))


def option(part: runs.Part, name: str) -> str:
    """The value after ``name``, or of ``name=value``."""
    for word, after in zip(part.words, (*part.words[1:], ""), strict=True):
        if word == name:
            return after
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    raise AssertionError(f"{name} is not among {part.words}")


@given(st.integers(1, 256), LATENCIES, st.integers(1, 16))
def test_a_window_is_longer_than_what_it_measures(
    concurrency: int, latency: float, batch: int
) -> None:
    run = runs.closed(concurrency, latency, batch)
    (part,) = run.parts
    assert option(part, "-b") == str(batch)
    assert option(part, "--concurrency-range") == str(concurrency)
    if "-p" in part.words:
        assert int(option(part, "-p")) >= runs.WINDOW_LATENCIES * latency - 1
        assert run.seconds <= runs.WINDOWS * runs.WINDOW_SECONDS_MOST
    else:
        assert int(option(part, "--measurement-request-count")) >= concurrency
        assert run.seconds >= 3 * latency / 1000


@given(st.integers(1, 256), LATENCIES)
def test_a_lone_run_is_a_second_or_a_few_requests(batch: int, latency: float) -> None:
    run = runs.lone(batch, latency)
    (part,) = run.parts
    count = int(option(part, "--request-count"))
    assert part.requests == count
    assert 2 <= count <= runs.MOST_REQUESTS
    assert run.seconds <= max(runs.LONE_SECONDS_MOST, 2 * latency / 1000)
    assert option(part, "-b") == str(batch)


def test_the_first_requests_of_all_are_few() -> None:
    (part,) = runs.probe().parts
    assert part.requests == int(option(part, "--request-count")) < 10


@given(st.floats(0.001, 1e5), st.floats(0, 600))
def test_an_open_run_fits_into_its_time_or_is_not_made(rate: float, seconds: float) -> None:
    count = runs.open_requests(rate, seconds)
    if count:
        assert count >= runs.OPEN_REQUESTS_LEAST
        assert count / rate <= seconds * 1.001
        assert runs.open_loop(SINGLE.at(rate, min(count, 500))).open_loop
    else:
        assert rate * seconds < runs.OPEN_REQUESTS_LEAST + 1


@given(st.floats(0.01, 2e4), st.integers(10, 2000))
def test_what_is_sent_keeps_the_rate_exactly(rate: float, count: int) -> None:
    run = runs.open_loop(SINGLE.at(rate, count))
    (part,) = run.parts
    assert len(part.intervals) == part.requests == int(option(part, "--request-count")) == count
    assert min(part.intervals) >= 1
    # A microsecond is the grain of perf_analyzer's file.
    assert sum(part.intervals) == pytest.approx(count / rate * 1e6, abs=count)
    assert run.seconds == pytest.approx(count / rate)


@given(st.floats(1.0, 2000), st.integers(20, 500))
def test_requests_of_each_size_come_from_a_generator_of_its_own_at_their_times(
    rate: float, count: int
) -> None:
    requests = MIXED.at(rate, count)
    run = runs.open_loop(requests)
    assert [part.batch for part in run.parts] == sorted(set(requests.rows.tolist()))
    assert sum(part.requests for part in run.parts) == count
    for part in run.parts:
        times = requests.arrival[requests.rows == part.batch]
        sent = np.cumsum(part.intervals) / 1e6
        assert len(sent) == len(times)
        # Two within a microsecond are sent a microsecond apart.
        assert bool(np.all(np.abs(sent - times) <= 1e-6 * (1 + len(times))))
        assert option(part, "-b") == str(part.batch)


def test_the_error_of_whole_microseconds_does_not_add_up() -> None:
    many = 5000
    requests = Requests(
        arrival=np.arange(1, many + 1) * 10.4e-6,
        rows=np.ones(many, np.int64),
        level=np.zeros(many, np.int64),
    )
    (part,) = runs.open_loop(requests).parts
    sent = np.cumsum(part.intervals)
    assert float(np.abs(sent - requests.arrival * 1e6).max()) <= 1.0


@given(LATENCIES, st.floats(0, 7200))
def test_no_run_outlives_the_time_that_is_left(latency: float, left: float) -> None:
    assert runs.timeout(runs.lone(1, latency), left) <= left


@given(st.integers(60, 7200), st.floats(0, 1e6), st.floats(0, 8000))
def test_a_deadline_keeps_time_back_for_the_end(duration: int, began: float, later: float) -> None:
    deadline = Deadline.after(duration, began)
    now = began + later
    limit = began + duration
    assert 0 <= deadline.for_search().remaining(now) <= deadline.remaining(now)
    assert now + deadline.remaining(now) <= max(now, limit)
    assert deadline.remaining(now) <= deadline.alarm(now)
    assert now + deadline.alarm(now) < limit or later >= duration - RESERVE_SECONDS


@given(st.integers(60, 7200), st.floats(0, 1e6), st.floats(0.01, 1))
def test_a_part_of_the_search_ends_before_all_of_it(
    duration: int, began: float, share: float
) -> None:
    deadline = Deadline.after(duration, began)
    part, search = deadline.for_search(share), deadline.for_search()
    assert began < part.end <= search.end < deadline.end


def test_requests_of_each_size_and_length_come_from_a_load_generator_of_their_own() -> None:
    lengths = (LengthShare(length=16, percent=60.0), LengthShare(length=128, percent=40.0))
    requests = Source(rows_per_request=MIXED.rows_per_request, lengths=lengths).at(100.0, 400)
    assert requests.length is not None
    run = runs.open_loop(requests)
    assert [(part.batch, part.length) for part in run.parts] == [
        (1, 16), (1, 128), (8, 16), (8, 128),
    ]  # fmt: skip
    assert sum(part.requests for part in run.parts) == 400
    for part in run.parts:
        own = (requests.rows == part.batch) & (requests.length == part.length)
        ends = np.cumsum(part.intervals) / 1e6
        np.testing.assert_allclose(ends, requests.arrival[own], atol=1e-3)


def test_runs_of_one_kind_say_their_length() -> None:
    made = (runs.probe(16), runs.lone(1, 2.0, 16), runs.closed(4, 2.0, 1, 16))
    assert [part.length for run in made for part in run.parts] == [16, 16, 16]
    assert [part.length for part in runs.lone(1, 2.0).parts] == [0]
