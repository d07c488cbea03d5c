"""The last line of `make test`: nothing that failed is counted away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_harness.junit import Totals, go_totals, junit_totals
from modelservice_harness.suites import SUITE_NAMES, SUITES, go_output, wanted_for


def events(*rows: tuple[str, str, str]) -> list[str]:
    return [json.dumps({"Package": p, "Test": t, "Action": a}) for p, t, a in rows]


def test_counts_of_a_junit_file(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text(
        "<testsuites><testsuite>"
        "<testcase name='a'/><testcase name='b'><failure/></testcase>"
        "<testcase name='c'><error/></testcase><testcase name='d'><skipped/></testcase>"
        "<testcase name='e'><failure/><error/></testcase>"
        "</testsuite></testsuites>"
    )
    assert junit_totals(path) == Totals(passed=1, failed=3, skipped=1)


@pytest.mark.parametrize("text", [None, "", "<testsuites>"], ids=["missing", "empty", "cut off"])
def test_a_report_that_is_not_there_is_a_failure(tmp_path: Path, text: str | None) -> None:
    """A runner that crashed wrote no report: that may never look like success."""
    path = tmp_path / "junit.xml"
    if text is not None:
        path.write_text(text)
    assert junit_totals(path) == Totals(failed=1)


def test_go_subtests_count_and_their_parents_do_not() -> None:
    found = go_totals(
        events(
            ("p", "TestA", "run"),
            ("p", "TestA/one", "pass"),
            ("p", "TestA/two", "fail"),
            ("p", "TestA", "fail"),
            ("p", "TestB", "skip"),
            ("p", "TestC", "pass"),
            ("p", "", "fail"),
        )
    )
    assert found == Totals(passed=2, failed=1, skipped=1)


def test_a_go_package_that_does_not_compile_is_a_failure() -> None:
    assert go_totals(["# p", "main.go:1: syntax error", *events(("p", "", "fail"))]).failed == 1


@given(st.lists(st.text(), max_size=20))
def test_go_totals_take_any_lines(lines: list[str]) -> None:
    assert go_totals(lines).passed == 0


def test_the_line_adds_up() -> None:
    total = sum([Totals(passed=2), Totals(passed=1, failed=1, skipped=3)], start=Totals())
    assert total.line() == "3 passed, 1 failed, 3 skipped"
    assert Totals(passed=5).line() == "5 passed, 0 failed"


def test_a_person_reads_failures_of_go_tests_and_not_every_pass() -> None:
    assert go_output(json.dumps({"Action": "output", "Output": "=== RUN   TestA\n"})) is None
    assert go_output(json.dumps({"Action": "output", "Output": "--- PASS: TestA\n"})) is None
    assert (
        go_output(json.dumps({"Action": "output", "Output": "    a_test.go:3: no\n"})) is not None
    )
    assert go_output("a compiler's words") == "a compiler's words"


def test_every_suite_has_an_order_and_what_it_needs() -> None:
    assert {suite.name for suite in SUITES} | {"localcluster"} == set(SUITE_NAMES)
    everything = wanted_for(SUITE_NAMES)
    assert {suite.environment for suite in SUITES} <= set(everything.environments)
    assert everything.cluster
    assert everything.go
    assert everything.project
    assert not wanted_for(("builder",)).cluster
