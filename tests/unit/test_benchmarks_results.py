"""The results of the benchmark of the spine: the file, the page, and ``make`` by the clock."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelservice_harness.console import Console
from modelservice_harness.errors import CommandFailed, HarnessError
from modelservice_harness.layout import Layout
from modelservice_harness.processes import Runner
from modelservice_harness.workshop import Workshop, clean_environ

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SPINE = BENCHMARKS / "spine"
sys.path[:0] = [str(SPINE), str(BENCHMARKS / "common")]

from bench_figures import document  # noqa: E402
from bench_figures.document import Document  # noqa: E402
from bench_figures.machine import package_versions  # noqa: E402
from bench_figures.page import text_table  # noqa: E402
from bench_figures.rows import Figures, Row, group_of, rounded, row, target  # noqa: E402
from spine_figures import making, page  # noqa: E402

MACHINE = {"cpu": "A", "cores": 2, "memoryGiB": 24.0, "kernel": "6.1", "loadAverageBefore": 0.5}


def test_a_row_has_median_and_spread() -> None:
    found = row("F5", "rows", "rows/s", [3.0, 1.0, 2.0])
    assert (found.value, found.low, found.high, found.runs) == (2.0, 1.0, 3.0, 3)


@pytest.mark.parametrize(
    ("value", "digits"),
    [(0.123456, 0.1235), (98.76543, 98.77), (1234.56, 1235.0), (123456.7, 123457.0), (0.0, 0.0)],
)
def test_four_digits_are_kept_and_all_before_the_point(value: float, digits: float) -> None:
    assert rounded(value) == digits


@pytest.mark.parametrize(
    ("op", "value", "kept"),
    [("<=", 1.0, True), ("<=", 1.1, False), (">=", 1.0, True), (">=", 0.9, False), ("==", 1, True)],
)
def test_targets_compare_as_they_say(op: str, value: float, kept: bool) -> None:  # noqa: FBT001
    assert target("F1", "it", op, 1.0, value).holds() is kept


def test_a_target_belongs_to_the_longest_group_it_is_named_after() -> None:
    assert group_of("F1.cold", ["F1", "F1.cold"]) == "F1.cold"
    assert group_of("F3.cpu", ["F3", "F30"]) == "F3"
    assert group_of("F30", ["F3"]) == ""


def head(date: str, machine: dict[str, Any] | None = None) -> Document:
    return Document(machine=machine or MACHINE, versions={"python": "3.11"}, date=date)


def figures(group: str, value: float) -> Figures:
    return Figures(
        rows=(row(group, "it", "s", [value]),), targets=(target(group, "it", "<=", 5.0, value),)
    )


def test_what_was_not_measured_again_stays_with_its_date() -> None:
    first = document.merged(Document(), figures("F1.cold", 1.0), head("2026-01-01T00:00:00"))
    second = document.merged(first, figures("F4", 2.0), head("2026-01-02T00:00:00"))
    third = document.merged(second, figures("F4", 9.0), head("2026-01-03T00:00:00"))
    assert [(r.group, r.value, r.date[:10]) for r in third.rows] == [
        ("F1.cold", 1.0, "2026-01-01"),
        ("F4", 9.0, "2026-01-03"),
    ]
    assert [(item.id, item.holds()) for item in third.targets] == [("F1.cold", True), ("F4", False)]
    assert third.date == "2026-01-03T00:00:00"


def test_versions_that_only_an_earlier_run_knew_stay() -> None:
    earlier = dataclasses.replace(head("2026-01-01"), versions={"python": "3.10", "triton": "2"})
    first = document.merged(Document(), figures("F5", 1.0), earlier)
    second = document.merged(first, figures("F2", 2.0), head("2026-01-02"))
    assert second.versions == {"python": "3.11", "triton": "2"}


def test_figures_of_another_machine_stay_and_say_so() -> None:
    first = document.merged(Document(), figures("F1.cold", 1.0), head("2026-01-01"))
    unsaid = dataclasses.replace(
        first, rows=tuple(dataclasses.replace(item, machine="") for item in first.rows)
    )
    there = {**MACHINE, "cpu": "B"}
    for earlier in (first, unsaid):
        both = document.merged(earlier, figures("F4", 2.0), head("2026-01-02", there))
        assert [(item.group, item.machine) for item in both.rows] == [
            ("F1.cold", document.machine_name(MACHINE)),
            ("F4", document.machine_name(there)),
        ]
        assert [item.id for item in both.targets] == ["F1.cold", "F4"]
        text = page.markdown(both)
        assert f"| kept | 2026-01-01, {document.machine_name(MACHINE)} |" in text
        assert f"| kept | 2026-01-02, {document.machine_name(there)} |" in text


def test_the_file_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    assert document.read(path) == Document()
    made = document.merged(Document(), figures("F4", 2.0), head("2026-01-01"))
    document.write(path, made)
    assert document.read(path) == made
    assert set(json.loads(path.read_text())) == {
        "machine", "versions", "date", "rows", "targets",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["{}", "[]", '{"machine": {}', '{"rows": [{"x": 1}]}'])
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"results|JSON|Expecting"):
        document.loads(text)


def test_the_page_tells_what_was_missed_and_when() -> None:
    found = document.merged(Document(), figures("F4", 9.0), head("2026-01-02T10:00:00"))
    text = page.markdown(found)
    assert "| F4 | it | ≤ 5 | 9 | **missed** | 2026-01-02 |" in text
    assert "FAIL" in text_table(found)
    assert "Nothing was measured yet" in page.markdown(Document())


def test_versions_come_from_the_installed_packages() -> None:
    names = ["onnxruntime-1.31.1.dist-info", "onnxruntime", "nvidia_pytriton-0.7.0.dist-info"]
    packages = ["nvidia_pytriton", "onnxruntime", "tritonclient"]
    assert package_versions(names, packages) == {
        "nvidia-pytriton": "0.7.0",
        "onnxruntime": "1.31.1",
    }


def test_figures_md_is_current() -> None:
    done = subprocess.run(
        [sys.executable, str(SPINE / "table.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_its_results_are_numbers_with_known_comparisons() -> None:
    found = document.read(SPINE / "results.json")
    for item in found.targets:
        assert item.op in {"<=", ">=", "=="}
        assert isinstance(item.value, int | float)
        assert group_of(item.id, found.groups()), f"{item.id} has no rows"
    assert all(isinstance(item, Row) and item.low <= item.value <= item.high for item in found.rows)


MAKEFILE = """\
demo:
	@echo "  First answer: 0:07 after the start"
	@mkdir -p $$GOMODCACHE/sub && touch $$GOMODCACHE/sub/file && chmod 0555 $$GOMODCACHE/sub
	@echo told: $(ARGS)
	@echo caches: $$(ls $$XDG_CACHE_HOME $$UV_CACHE_DIR 2>/dev/null)
test:
	@exit 3
"""


@pytest.fixture
def terminal() -> io.StringIO:
    """What is told there."""
    return io.StringIO()


@pytest.fixture
def workshop(tmp_path: Path, terminal: io.StringIO) -> Workshop:
    """A checkout of its own, with a Makefile that does next to nothing."""
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "Makefile").write_text(MAKEFILE)
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *words], cwd=repository, check=True, capture_output=True)
    console = Console(terminal)
    return Workshop(
        layout=Layout(repository=repository, cache=tmp_path / "cache" / "modelservice-operator"),
        console=console,
        runner=Runner(console),
        environ={**clean_environ(os.environ), "XDG_CACHE_HOME": str(tmp_path / "cache")},
    )


def test_cold_means_a_clone_with_empty_caches_that_goes_afterwards(
    workshop: Workshop, terminal: io.StringIO, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(making.tempfile, "tempdir", str(tmp_path))
    found = list(making.demo(workshop, cold=True))
    assert [item.targets[0].id for item in found] == ["F1.cold", "F1.warm"]
    assert found[1].targets[0].value == 7.0
    assert "caches:\n" in terminal.getvalue()
    assert not list(tmp_path.glob("spine-cold-*"))


def test_what_the_make_above_was_told_is_not_told_to_the_make_below(
    workshop: Workshop, terminal: io.StringIO
) -> None:
    above = {"MAKEFLAGS": " -- ARGS=F1", "MAKEOVERRIDES": "ARGS=F1", "ARGS": "F1"}
    below = clean_environ({**workshop.environ, **above, "GOMODCACHE": str(workshop.layout.cache)})
    making.present(dataclasses.replace(workshop, environ=below)).make("demo")
    assert "told:\n" in terminal.getvalue()


def test_a_demo_that_is_up_is_left_alone(workshop: Workshop) -> None:
    (workshop.layout.clusters / "demo").mkdir(parents=True)
    with pytest.raises(HarnessError, match="make down"):
        list(making.demo(workshop, cold=False))
    assert (workshop.layout.clusters / "demo").is_dir()


def test_a_make_that_fails_gives_no_figure(workshop: Workshop) -> None:
    with pytest.raises(CommandFailed, match="code 2"):
        list(making.tests(workshop, cold=False))
