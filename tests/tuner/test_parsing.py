"""What perf_analyzer prints becomes a measurement or an error in words, whatever it is."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.tuner.parsing import (
    Measurement,
    OutputUnreadableError,
    parse_report,
    trouble,
)

#: As perf_analyzer 2.51 wrote it.
REPORT = (
    "Concurrency,Inferences/Second,Client Send,Network+Server Send/Recv,Server Queue,"
    "Server Compute Input,Server Compute Infer,Server Compute Output,Client Recv,"
    "p50 latency,p90 latency,p95 latency,p99 latency\n"
    "8,6392.82,1,270,459,33,251,162,0,1062,1598,1985,3757\n"
)
LOG = """
Request concurrency: 8
  Client:
    Request count: 14155
    [WARNING] Perf Analyzer was not able to keep up with the desired request rate. \
3.60% of the requests were delayed.
    Throughput: 6392.82 infer/sec
"""


def test_a_report_is_read() -> None:
    measured = parse_report(REPORT, LOG)
    assert measured == Measurement(
        rows_per_second=6392.82,
        percentiles_ms={50: 1.062, 90: 1.598, 95: 1.985, 99: 3.757},
        requests=14155,
        delayed_percent=3.6,
    )


@pytest.mark.parametrize(
    ("wanted", "expected"), [(50, 1.062), (75, 1.598), (90, 1.598), (97.5, 3.757), (99, 3.757)]
)
def test_a_percentile_that_was_not_measured_is_the_next_larger_one(
    wanted: float, expected: float
) -> None:
    assert parse_report(REPORT, LOG).percentile_ms(wanted) == expected


def test_a_percentile_beyond_all_is_an_error() -> None:
    with pytest.raises(OutputUnreadableError, match=r"no p99\.9"):
        parse_report(REPORT, LOG).percentile_ms(99.9)


BAD = {
    "nothing": ("", "reported 0 measurements"),
    "the head alone": (REPORT.splitlines()[0] + "\n", "reported 0 measurements"),
    "two rows": (REPORT + REPORT.splitlines()[1] + "\n", "reported 2 measurements"),
    "a line cut short": (REPORT[: REPORT.index("1062")], "no latencies"),
    "a percentile that is none": (REPORT.replace("1062", "soon"), "no number"),
    "infinite throughput": (REPORT.replace("6392.82", "inf"), "no figure"),
    "no throughput": (REPORT.replace("6392.82", "0"), "no figure"),
    "another program's columns": ("a,b\n1,2\n", "no latencies"),
    "percentiles alone": ("p50 latency\n1\n", "no column 'Inferences/Second'"),
}


@pytest.mark.parametrize(("report", "words"), BAD.values(), ids=BAD.keys())
def test_a_bad_report_is_named(report: str, words: str) -> None:
    with pytest.raises(OutputUnreadableError, match=words):
        parse_report(report, LOG)


def _check(report: str, log: str) -> None:
    try:
        measured = parse_report(report, log)
    except OutputUnreadableError:
        return
    figures = [measured.rows_per_second, *measured.percentiles_ms.values()]
    assert figures[1:]
    assert all(math.isfinite(figure) and figure > 0 for figure in figures)


@given(st.text(), st.text())
def test_garbage_is_never_anything_but_a_measurement_or_the_error(report: str, log: str) -> None:
    _check(report, log)


@given(st.integers(0, len(REPORT)), st.integers(0, len(REPORT)), st.text(max_size=5))
def test_a_damaged_report_is_never_anything_else_either(start: int, end: int, patch: str) -> None:
    _check(REPORT[:start] + patch + REPORT[end:], LOG)


@given(st.text(), st.integers(-15, 255))
def test_trouble_is_always_a_few_words(log: str, code: int) -> None:
    words = trouble(log, code)
    assert words
    assert len(words) < 400


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("Failed to obtain stable measurement.", "no stable measurement"),
        ("No valid requests recorded within time interval.", "no request ended within"),
        ("fine\nerror: connection refused\n", "error: connection refused (exit code 99)"),
        ("", "it said nothing (exit code 99)"),
        (
            "Thread [0] had error: gone\nThread [1] had error: gone\n",
            "gone (exit code 99)",
        ),
    ],
)
def test_known_trouble_is_explained(log: str, words: str) -> None:
    assert words in trouble(log, 99)
