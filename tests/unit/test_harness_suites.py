"""The command line of ``make test``, and what each choice of suites needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelservice_harness.__main__ import parser
from modelservice_harness.commands import CLUSTER_WANTED, UP_WANTED, open_workshop
from modelservice_harness.junit import Totals
from modelservice_harness.layout import layout_of
from modelservice_harness.provision import Provisioned
from modelservice_harness.suites import SUITE_NAMES, SUITES, run_suites, wanted_for


def test_no_suite_means_all_of_them() -> None:
    """The defect that this caught: Python 3.11 refused the empty list as an invalid choice."""
    assert parser().parse_args(["test"]).suites == []


@pytest.mark.parametrize("name", SUITE_NAMES)
def test_every_suite_can_be_asked_for(name: str) -> None:
    assert parser().parse_args(["test", name]).suites == [name]


def test_an_unknown_suite_is_refused_with_those_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["test", "clusterr"])
    told = capsys.readouterr().err
    assert "'clusterr' is none of" in told
    assert all(name in told for name in SUITE_NAMES)


def test_options_for_pytest_are_passed_on() -> None:
    parsed = parser().parse_args(["test", "quick", "--pytest", "-k", "golden"])
    assert (parsed.suites, parsed.pytest) == (["quick"], ["-k", "golden"])


def test_all_suites_together_need_the_cluster_the_wheel_and_go() -> None:
    wanted = wanted_for(SUITE_NAMES)
    assert wanted.cluster
    assert wanted.project
    assert wanted.go
    assert {suite.environment for suite in SUITES} <= set(wanted.environments)


def test_the_go_tests_alone_need_neither_python_environments_nor_a_cluster() -> None:
    wanted = wanted_for(("localcluster",))
    assert wanted.environments == ()
    assert not wanted.cluster
    assert not wanted.project


def test_every_folder_of_tests_belongs_to_one_suite() -> None:
    """A folder that no suite names would never be run."""
    tests = layout_of(dict(os.environ)).repository / "tests"
    folders = {f"tests/{path.relative_to(tests).parts[0]}" for path in tests.rglob("test_*.py")}
    named = [folder for suite in SUITES for folder in suite.folders]
    assert sorted(named) == sorted(folders)


def test_what_judges_all_tests_runs_last_and_never_after_some_of_them() -> None:
    whole = [suite for suite in SUITES if suite.whole]
    assert [suite.name for suite in whole] == [SUITE_NAMES[-1]]
    workshop = open_workshop(dict(os.environ))
    provisioned = Provisioned(uv=Path("uv"), environments={}, localcluster=None)
    assert run_suites(workshop, provisioned, ("rights",), ("-k", "x")) == Totals()


def test_the_cluster_has_an_image_for_each_kind_of_source() -> None:
    assert {"builder", "builder-keras"} <= set(wanted_for(("cluster",)).environments)
    assert set(UP_WANTED.environments) > set(CLUSTER_WANTED.environments)
