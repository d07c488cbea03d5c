"""How long is measured: windows follow the latency, and time is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.tuner import runs
from modelservice_runtime.tuner.deadline import RESERVE_SECONDS, Deadline

LATENCIES = st.floats(0.01, 120_000)


def option(run: runs.Run, name: str) -> str:
    """The value after ``name``, or of ``name=value``."""
    for word, after in zip(run.words, (*run.words[1:], ""), strict=True):
        if word == name:
            return after
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    raise AssertionError(f"{name} is not among {run.words}")


@given(st.integers(1, 256), LATENCIES)
def test_a_window_is_longer_than_what_it_measures(concurrency: int, latency: float) -> None:
    run = runs.closed(concurrency, latency)
    if "-p" in run.words:
        assert int(option(run, "-p")) >= runs.WINDOW_LATENCIES * latency - 1
        assert run.seconds <= runs.WINDOWS * runs.WINDOW_SECONDS_MOST
    else:
        assert int(option(run, "--measurement-request-count")) >= concurrency
        assert run.seconds >= 3 * latency / 1000


@given(st.integers(1, 256), LATENCIES)
def test_a_lone_run_is_a_second_or_a_few_requests(batch: int, latency: float) -> None:
    run = runs.lone(batch, latency)
    count = int(option(run, "--request-count"))
    assert 2 <= count <= runs.MOST_REQUESTS
    assert run.seconds <= max(runs.LONE_SECONDS_MOST, 2 * latency / 1000)
    assert option(run, "-b") == str(batch)


@given(st.floats(0.001, 1e5), st.floats(0, 600))
def test_an_open_run_fits_into_its_time_or_is_not_made(rate: float, seconds: float) -> None:
    run = runs.open_loop(rate, seconds)
    if run is None:
        assert rate * seconds < runs.OPEN_REQUESTS_LEAST + 1
    else:
        assert run.seconds <= seconds * 1.001
        assert len(run.intervals) == int(option(run, "--request-count"))


@given(st.floats(0.01, 2e4), st.integers(10, 2000))
def test_arrivals_keep_the_rate_exactly(rate: float, count: int) -> None:
    intervals = runs.arrivals(rate, count)
    assert len(intervals) == count
    assert min(intervals) >= 1
    # A microsecond is the grain of perf_analyzer's file.
    assert sum(intervals) == pytest.approx(count / rate * 1e6, abs=count)


@given(st.floats(0.1, 1000))
def test_two_rates_see_the_same_arrivals_but_for_the_unit(rate: float) -> None:
    one, two = runs.arrivals(rate, 100), runs.arrivals(2 * rate, 100)
    assert all(abs(a - 2 * b) <= 3 for a, b in zip(one, two, strict=True))


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
