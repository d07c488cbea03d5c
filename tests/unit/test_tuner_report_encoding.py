"""The report's JSON: reads back, has no figure that JSON does not know, says how it agrees."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest
import tuning_reports
from hypothesis import given
from hypothesis import strategies as st
from tuning_reports import REPORTS, make_report, run, setting

from modelservice_runtime.contract import codec
from modelservice_runtime.tuner.report import TuningReport, write
from modelservice_runtime.tuner.report.agreement import agreements
from modelservice_runtime.tuner.report.encoding import encode
from modelservice_runtime.tuner.report.page import page

FINITE = st.floats(allow_nan=False, allow_infinity=False)
ANY = st.floats()


@pytest.mark.parametrize("kind", sorted(REPORTS))
def test_both_files_are_written_and_the_same_report_gives_the_same_bytes(
    kind: str, tmp_path: Path
) -> None:
    report = REPORTS[kind]()
    write(report, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json"]
    text = (tmp_path / "report.json").read_text()
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"
    assert text == encode(REPORTS[kind]())
    assert (tmp_path / "report.html").read_text() == page(REPORTS[kind]())


@pytest.mark.parametrize("kind", sorted(set(REPORTS) - {"unknown"}))
def test_the_json_becomes_the_same_value_again(kind: str) -> None:
    report = REPORTS[kind]()
    assert codec.loads(TuningReport, encode(report)) == report


def test_names_are_in_camel_case() -> None:
    document = json.loads(encode(make_report()))
    assert document["settings"][0]["queueDelayMicroseconds"] == 0
    assert document["runs"][0]["measuredViolationPercent"] == 0.62
    assert document["capacity"]["answeredPercent"][0][0] == pytest.approx(100.0)
    assert document["objective"] == {"percentile": 99.0, "milliseconds": 20.0}
    assert "measuredCapacity" not in document["settings"][0]


def test_what_is_not_known_is_null() -> None:
    document = json.loads(encode(tuning_reports.unknown()), parse_constant=pytest.fail)
    assert document["settings"][0]["simulatedCapacity"] is None
    assert document["capacity"]["answeredPercent"] == [[None], [100.0, 99.96, 0.0, 7.0], [1.0]]


@given(st.text(), st.lists(st.tuples(ANY, ANY, st.none() | ANY, st.none() | ANY), max_size=4), ANY)
def test_any_figures_and_words_become_json_and_a_page(
    name: str, figures: list[tuple[float, float, float | None, float | None]], other: float
) -> None:
    found = tuple(
        setting("finalist", rows, ms, label=name, measured_capacity=a, measured_latency_ms=b)
        for rows, ms, a, b in figures
    )
    report = make_report(
        settings=found,
        runs=(run(name, other, other, measured_violation_percent=other),),
        curves=(tuning_reports.curve(name, 1, 1, other, noise_percent=other),),
    )
    document = json.loads(encode(report), parse_constant=pytest.fail)
    assert [each["label"] for each in document["settings"]] == [name] * len(figures)
    assert page(report).endswith("</html>\n")


@given(st.lists(st.tuples(st.floats(1, 1e6), st.floats(1, 1e6)), min_size=1, max_size=6))
def test_a_finite_report_reads_back(figures: list[tuple[float, float]]) -> None:
    report = make_report(settings=tuple(setting("rejected", *pair) for pair in figures))
    assert codec.loads(TuningReport, encode(report)) == report


def test_the_agreement_is_of_the_runs_that_count_and_the_settings_that_were_measured() -> None:
    runs = (
        run("a", 100.0, 10.0, simulated_p99_ms=11.0),
        run("b", 100.0, 10.0, simulated_p99_ms=8.0),
        run("c", 100.0, 10.0, simulated_p99_ms=10.5),
        run("d", 100.0, 10.0, simulated_p99_ms=90.0, discarded="disturbed"),
    )
    settings = (
        setting("chosen", 105.0, 10.0, measured_capacity=100.0, measured_latency_ms=10.0),
        setting("rejected", 900.0, 10.0),
    )
    found = {each.figure: each for each in agreements(make_report(runs=runs, settings=settings))}
    p99 = found["p99 of a run"]
    assert (p99.compared, p99.bias, p99.typical, p99.largest) == (3, 5.0, 10.0, 20.0)
    capacity = found["capacity of a setting"]
    assert (capacity.compared, capacity.bias) == (1, pytest.approx(5.0))
    assert found["requests late in a run"].unit == "points"
    assert found["requests late in a run"].bias == pytest.approx(0.19)


def test_nothing_measured_agrees_with_nothing() -> None:
    assert agreements(tuning_reports.little()) == ()
    nowhere = dataclasses.replace(make_report(), settings=(), runs=(run("a", math.nan, 0.0),))
    assert [each.figure for each in agreements(nowhere)] == ["requests late in a run"]
