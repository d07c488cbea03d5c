"""Requests by traffic: at the rate that is asked for, the same each time, as a trace has them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.contract.traffic import SINGLE_ROWS, LengthShare, RowsShare
from modelservice_runtime.tuner.simulation.arrivals import (
    Source,
    Trace,
    TraceInvalid,
    parse_trace,
)

SINGLE = Source(rows_per_request=SINGLE_ROWS)
MIXED = Source(rows_per_request=(RowsShare(rows=1, percent=80.0), RowsShare(rows=8, percent=20.0)))
RATES = st.floats(0.01, 1e5)


@given(RATES, st.integers(1, 500), st.integers(0, 10))
def test_the_rate_is_kept_exactly(rate: float, count: int, seed: int) -> None:
    requests = SINGLE.at(rate, count, seed)
    assert len(requests.arrival) == count
    assert requests.rows_per_second == pytest.approx(rate)
    assert bool(np.all(np.diff(requests.arrival) >= 0))


@given(RATES, st.integers(0, 10))
def test_the_same_seed_gives_the_same_requests(rate: float, seed: int) -> None:
    one, two = MIXED.at(rate, 50, seed), MIXED.at(rate, 50, seed)
    assert one.arrival.tolist() == two.arrival.tolist()
    assert one.rows.tolist() == two.rows.tolist()


def test_another_seed_gives_others() -> None:
    assert SINGLE.at(10.0, 50, 1).arrival.tolist() != SINGLE.at(10.0, 50, 2).arrival.tolist()


@given(st.floats(0.1, 1000))
def test_at_twice_the_rate_all_comes_in_half_of_the_time(rate: float) -> None:
    one, two = SINGLE.at(rate, 100), SINGLE.at(2 * rate, 100)
    assert two.arrival == pytest.approx(one.arrival / 2)


def test_gaps_scatter_as_independent_clients_make_them() -> None:
    gaps = np.diff(SINGLE.at(10.0, 20_000).arrival)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)


def test_rows_come_in_the_shares_that_were_said() -> None:
    requests = MIXED.at(100.0, 20_000)
    assert set(requests.rows.tolist()) == {1, 8}
    assert float(np.mean(requests.rows == 8)) == pytest.approx(0.2, abs=0.01)
    assert MIXED.mean_rows == pytest.approx(2.4)
    # Requests are sent at the rate of rows ÷ mean rows; the rows drawn differ a little.
    assert requests.rows_per_second == pytest.approx(100.0, rel=0.03)


def test_priority_levels_come_in_their_shares() -> None:
    source = Source(rows_per_request=SINGLE_ROWS, levels=(0.25, 0.75))
    level = source.at(10.0, 10_000).level
    assert float(np.mean(level == 0)) == pytest.approx(0.25, abs=0.02)


GOOD = "seconds,requests\n0,10\n1,0\n2,40\n3,10\n"


def test_a_trace_is_read_and_its_last_line_lasts_as_long_as_the_others() -> None:
    trace = parse_trace(GOOD)
    assert trace.seconds.tolist() == [0, 1, 2, 3, 4]
    assert trace.counts.tolist() == [10, 0, 40, 10]
    assert trace.mean_rate == 15.0


def test_a_trace_may_have_more_columns_and_begin_whenever() -> None:
    trace = parse_trace("requests,who,seconds\n5,a,1700000000\n7,b,1700000060\n")
    assert trace.mean_rate == pytest.approx(0.1)


BAD = {
    "nothing": ("", "no column requests and no column seconds"),
    "the head alone": ("seconds,requests\n", "no column requests and no column seconds"),
    "no seconds": ("second,requests\n0,1\n1,1\n", "no column seconds"),
    "no requests": ("seconds,count\n0,1\n1,1\n", "no column requests"),
    "a word": ("seconds,requests\n0,1\n1,many\n", "line 3 of the trace: requests 'many'"),
    "a hole": ("seconds,requests\n0,1\n1,\n", "line 3 of the trace: requests ''"),
    "a short line": ("seconds,requests\n0,1\n1\n", "line 3 of the trace: requests None"),
    "not a number": ("seconds,requests\nnan,1\n1,1\n", "line 2 of the trace: seconds 'nan'"),
    "without end": ("seconds,requests\n0,inf\n1,1\n", "line 2 of the trace: requests 'inf'"),
    "back in time": ("seconds,requests\n0,1\n5,1\n4,1\n", "line 4 of the trace: seconds 4"),
    "twice the same": ("seconds,requests\n0,1\n0,1\n", "line 3 of the trace: seconds 0"),
    "less than none": ("seconds,requests\n0,1\n1,-2\n", "line 3 of the trace: -2 requests"),
    "one line": ("seconds,requests\n0,1\n", "fewer than two lines"),
    "silence": ("seconds,requests\n0,0\n1,0\n", "or no request"),
}


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD.keys())
def test_a_bad_trace_is_refused_with_its_line(text: str, words: str) -> None:
    with pytest.raises(TraceInvalid, match=words):
        parse_trace(text)


@given(st.text())
def test_garbage_is_a_trace_or_the_error(text: str) -> None:
    try:
        trace = parse_trace(text)
    except TraceInvalid:
        return
    assert trace.mean_rate > 0


CELLS = st.one_of(st.integers(-3, 50).map(str), st.sampled_from(["", "x", "1e400", "1e-3", "nan"]))


@given(st.lists(st.tuples(CELLS, CELLS), max_size=6))
def test_nearly_a_trace_is_one_or_the_error(lines: list[tuple[str, str]]) -> None:
    text = "seconds,requests\n" + "".join(f"{at},{count}\n" for at, count in lines)
    try:
        trace = parse_trace(text)
    except TraceInvalid:
        return
    assert math.isfinite(trace.mean_rate)
    assert bool(np.all(np.diff(trace.seconds) > 0))


def replayed(trace: Trace, rate: float, count: int, seed: int = 0) -> np.ndarray:
    """The arrivals."""
    return Source(rows_per_request=SINGLE_ROWS, trace=trace).at(rate, count, seed).arrival


def test_a_replay_has_the_rate_that_is_asked_for_on_average() -> None:
    counts = 50 + 40 * np.sin(np.arange(600) / 20)
    trace = Trace(seconds=np.arange(601.0), counts=counts)
    for rate in (5.0, 50.0, 500.0):
        arrival = replayed(trace, rate, 20_000)
        assert len(arrival) / arrival[-1] == pytest.approx(rate, rel=0.08)


def test_a_replay_keeps_the_bursts() -> None:
    """All within one second of each ten."""
    counts = np.where(np.arange(600) % 10 == 0, 100.0, 0.0)
    arrival = replayed(Trace(seconds=np.arange(601.0), counts=counts), 20.0, 5_000)
    gaps = np.diff(arrival)
    assert bool(np.all(gaps >= 0))
    assert arrival[0] >= 0.0
    pauses = int((gaps > 7.0).sum())
    assert pauses == pytest.approx(arrival[-1] / 10, abs=6)
    assert float(np.median(gaps)) < 1 / 100


@pytest.mark.parametrize("rate", [1.0, 30.0, 3000.0])
def test_a_replay_has_about_as_many_requests_as_are_asked_for(rate: float) -> None:
    """However fast they come: a run of two seconds is one, and no minute of the trace."""
    trace = Trace(seconds=np.arange(0.0, 3601.0, 60.0), counts=np.linspace(100, 900, 60))
    for count in (700, 5000):
        assert len(replayed(trace, rate, count)) == pytest.approx(count, rel=0.15)


def test_a_trace_shorter_than_what_is_asked_for_is_repeated() -> None:
    assert len(replayed(parse_trace(GOOD), 30.0, 2_000)) == pytest.approx(2_000, rel=0.1)


def test_a_replay_is_the_same_each_time() -> None:
    trace = parse_trace(GOOD)
    assert replayed(trace, 30.0, 100).tolist() == replayed(trace, 30.0, 100).tolist()


def test_a_trace_that_is_silent_nearly_everywhere_gives_a_request_all_the_same() -> None:
    seconds = np.arange(100_001.0)
    counts = np.zeros(100_000)
    counts[77_777] = 1.0
    assert len(replayed(Trace(seconds=seconds, counts=counts), 1e-5, 10)) >= 1


@given(st.floats(0.1, 100), st.integers(1, 300))
def test_rows_and_levels_are_as_many_as_arrivals(rate: float, count: int) -> None:
    source = Source(rows_per_request=MIXED.rows_per_request, trace=parse_trace(GOOD))
    requests = source.at(rate, count)
    assert len(requests.arrival) == len(requests.rows) == len(requests.level) > 0


@given(
    st.lists(st.sampled_from([0.0, 1.0, 500.0]), min_size=1, max_size=30),
    st.floats(0.5, 500),
    st.integers(30, 2000),
    st.integers(0, 20),
)
def test_whatever_pauses_a_trace_has_its_replay_has_the_rate(
    counts: list[float], rate: float, count: int, seed: int
) -> None:
    """Not even where a piece of it is nearly silent: then another one is taken."""
    trace = Trace(seconds=np.arange(len(counts) + 1.0), counts=np.array([*counts[1:], 3.0]))
    arrival = replayed(trace, rate, count, seed)
    assert len(arrival) == pytest.approx(count, abs=6 * count**0.5)
    assert arrival[0] >= 0
    assert arrival[-1] <= count / rate * 1.001


LENGTHS = (LengthShare(length=16, percent=75.0), LengthShare(length=128, percent=25.0))


@pytest.mark.parametrize("trace", [None, parse_trace(GOOD)])
def test_lengths_come_in_their_shares_and_the_same_each_time(trace: Trace | None) -> None:
    source = Source(rows_per_request=SINGLE_ROWS, trace=trace, lengths=LENGTHS)
    found, again = source.at(50.0, 4000, seed=3), source.at(50.0, 4000, seed=3)
    assert found.length is not None
    assert again.length is not None
    np.testing.assert_array_equal(found.length, again.length)
    assert len(found.length) == len(found.arrival)
    assert float(np.mean(found.length == 16)) == pytest.approx(0.75, abs=0.03)
    assert set(np.unique(found.length).tolist()) == {16, 128}


def test_lengths_change_neither_times_nor_rows() -> None:
    plain, long = (
        Source(rows_per_request=MIXED.rows_per_request, lengths=lengths).at(50.0, 500)
        for lengths in ((), LENGTHS)
    )
    assert plain.length is None
    np.testing.assert_array_equal(plain.arrival, long.arrival)
    np.testing.assert_array_equal(plain.rows, long.rows)


def test_a_source_of_one_length_has_no_other() -> None:
    source = Source(rows_per_request=SINGLE_ROWS, lengths=LENGTHS)
    climbing = source.of_length(128).climbing((10.0, 20.0), 50)
    assert climbing.length is not None
    assert climbing.length.tolist() == [128] * 50
    assert source.of_length(0).at(10.0, 50).length is None
