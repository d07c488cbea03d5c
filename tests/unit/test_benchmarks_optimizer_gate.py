"""What the benchmark of the gate makes of its findings: rows, targets, tables."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from modelservice_harness.errors import CommandFailed

ROOT = Path(__file__).resolve().parents[2]
OPTIMIZER = ROOT / "benchmarks" / "optimizer"
sys.path[:0] = [str(OPTIMIZER), str(ROOT / "benchmarks" / "common")]

from bench_figures import document, tables  # noqa: E402
from bench_figures.document import Document  # noqa: E402
from bench_figures.page import text_table  # noqa: E402
from bench_figures.rows import Row, group_of, row  # noqa: E402
from optimizer_figures import child, page  # noqa: E402
from optimizer_figures.gate import figures as made  # noqa: E402
from optimizer_figures.gate import section  # noqa: E402
from optimizer_figures.gate.findings import Finding, Precision, Refusals  # noqa: E402
from optimizer_figures.gate.kinds import KINDS, MILD, ROWS, SEVERE  # noqa: E402

GOAL = 0.02
MACHINE = {"cpu": "A", "cores": 2, "memoryGiB": 24.0, "kernel": "6.1", "loadAverageBefore": 0.5}
PRECISION = Precision(
    ways={"builder: no hint": "computes in bf16", "runner: no hint": "computes in bf16"},
    rows=10_000,
    goal=GOAL,
    asserted_difference=1e-6,
    silent_difference=0.1,
    silent_drop=0.001,
    silent_outcome="Passes",
)


def refusals(gate: int, *, seeds: int = 40, estimate: int = 0, size: int = 2204) -> Refusals:
    return Refusals(
        sizes=(size,) * seeds, gate=gate, failed=0, estimate=estimate, tolerance=seeds, aitune=0
    )


def severe(name: str, share: float = 3.0, *, caught: int = 40) -> Finding:
    return Finding(
        kind=name, strength=SEVERE, example="digits", metric="Accuracy", goal=GOAL,
        drop=share * GOAL, rows=40_000, judged=refusals(caught),
        few=refusals(40, estimate=31, size=100), limit=refusals(39, estimate=19, size=900),
    )  # fmt: skip


def mild(name: str, share: float = 0.4, *, refused: int = 1) -> Finding:
    return dataclasses.replace(
        severe(name, share), strength=MILD, judged=refusals(refused), few=None, limit=None
    )


def targets(*findings: Finding) -> dict[str, tuple[float, bool]]:
    found = made.figures(findings, PRECISION).targets
    return {item.id: (item.value, item.holds()) for item in found}


def test_a_finding_comes_back_from_json_as_it_was() -> None:
    for finding in (severe("a"), mild("b")):
        assert Finding.decode(json.loads(json.dumps(finding.encode()))) == finding
    assert Precision.decode(json.loads(json.dumps(PRECISION.encode()))) == PRECISION


def test_one_of_all_may_be_let_through_and_no_more() -> None:
    kinds = [severe(str(number)) for number in range(11)]
    one = targets(*kinds, severe("x", caught=39))
    assert one["O2.severe.through"] == (1, True)
    assert one["O2.severe.kind"] == (39, True)
    two = targets(*kinds, severe("x", caught=39), severe("y", caught=39))
    assert two["O2.severe.through"] == (2, False)
    assert two["O2.severe.kind"] == (39, True)
    assert targets(*kinds, severe("x", caught=38))["O2.severe.kind"] == (38, False)


def test_eleven_kinds_that_cost_enough_are_too_few() -> None:
    enough = [severe(str(number)) for number in range(12)]
    assert targets(*enough)["O2.severe.kinds"] == (12, True)
    assert targets(*enough[1:], severe("0", share=1.9))["O2.severe.kinds"] == (11, False)


def test_what_costs_something_between_is_told_and_not_counted() -> None:
    findings = [severe("a"), severe("b", 1.9, caught=0), mild("c", 0.51, refused=40), mild("d")]
    found = made.figures(findings, PRECISION)
    between = [item.of for item in found.rows if item.group == made.BETWEEN]
    assert between == ["b (digits)", "c (digits)"]
    assert targets(*findings)["O2.severe.through"] == (0, True)
    assert targets(*findings)["O2.mild.refused"] == (2.5, True)


def test_more_than_one_harmless_in_twenty_refused_is_missed() -> None:
    assert targets(mild("a", refused=2))["O2.mild.refused"] == (5.0, True)
    assert targets(mild("a", refused=3))["O2.mild.refused"] == (7.5, False)


def test_a_candidate_that_became_better_is_harmless() -> None:
    assert "O2.mild.refused" in targets(mild("a", share=-0.3))


def test_each_way_to_silent_bf16_has_to_be_refused() -> None:
    assert targets()["O2.precision.refused"] == (2, True)
    missed = dataclasses.replace(PRECISION, ways={**PRECISION.ways, "another": ""})
    (found,) = made.figures([], missed).targets
    assert (found.value, found.target, found.holds()) == (2, 3, False)


def test_truth_from_too_few_rows_is_said() -> None:
    few = dataclasses.replace(severe("a"), rows=9_999)
    assert targets(few)["O2.severe.truth"] == (9_999, False)


def test_sums_stand_below_the_kinds() -> None:
    rows = made.figures([severe("a"), severe("b", caught=39)], PRECISION).rows
    sums = {
        item.what: item.value for item in rows if item.of == "**all**" and "severe" in item.group
    }
    assert sums["trials"] == 80
    assert sums["gate"] == 79
    assert sums["100 samples: point estimate"] == 62
    assert "lost / goal" not in sums


def test_what_was_not_tried_at_the_limit_is_no_line_there() -> None:
    findings = [severe("a"), dataclasses.replace(severe("b"), limit=None)]
    rows = made.figures(findings, PRECISION).rows
    assert {item.of for item in rows if item.group == made.LIMIT} == {"a (digits)", "**all**"}
    assert {item.of for item in rows if item.group == made.SEVERE} >= {"a (digits)", "b (digits)"}


def test_cells_of_tables_are_not_for_the_terminal() -> None:
    text = text_table(measured())
    assert "wrong layout" not in text
    assert "O2.severe.through" in text


def test_a_table_has_a_line_for_each_thing_and_a_column_for_each_value() -> None:
    rows = [
        row("G", "size", "", [1.0, 3.0, 2.0], of="a"),
        row("G", "lost", "%", [5.0], of="a"),
        row("G", "lost", "%", [6.0], of="b"),
    ]
    assert tables.table(rows, "thing") == [
        "| thing | size | lost |",
        "| --- | ---: | ---: |",
        "| a | 2 (1 to 3) | 5 % |",
        "| b |  | 6 % |",
    ]
    assert tables.table([], "thing") == []


def measured() -> Document:
    found = made.figures([severe("wrong layout"), mild("wrong layout")], PRECISION)
    head = Document(machine=MACHINE, versions={"python": "3.11"}, date="2026-01-02T10:00:00")
    return document.merged(Document(), found, head)


def test_the_page_shows_what_was_measured_and_nothing_else() -> None:
    text = page.markdown(measured())
    assert "| O2.severe.kinds | kinds of fault" in text
    assert "| ≥ 12 | 1 | **missed** | 2026-01-02 |" in text
    assert "| wrong layout (digits) | 3 | 2204 | 40 | 40 | 0 | 40 | 0 | 40 | 31 |" in text
    assert "Something between" not in text
    assert "Nothing was measured yet" in page.markdown(Document())
    assert section.lines(Document()) == []


def test_optimizer_md_is_current() -> None:
    done = subprocess.run(
        [sys.executable, str(OPTIMIZER / "table.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_its_results_are_numbers_with_known_comparisons() -> None:
    found = document.read(OPTIMIZER / "results.json")
    for item in found.targets:
        assert item.op in {"<=", ">=", "=="}
        assert isinstance(item.value, int | float)
        assert group_of(item.id, found.groups()), f"{item.id} has no rows"
    assert all(isinstance(item, Row) and item.low <= item.value <= item.high for item in found.rows)


def test_there_are_twelve_kinds_or_more_of_the_examples_that_there_are() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS) >= made.KINDS_LEAST
    for kind in KINDS:
        assert (ROOT / "examples" / f"{kind.example}.yaml").is_file()
        assert ROWS[kind.example] >= made.ROWS_LEAST
        assert kind.severe != kind.mild


def test_a_figure_that_is_none_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, str(OPTIMIZER / "run.py"), "O9"],
        env={"PYTHONPATH": f"{ROOT / 'harness'}:{ROOT / 'demo'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "'O9' is none of O" in done.stderr


def test_lines_of_a_program_are_told_as_they_come() -> None:
    code = "print('{\"a\": 1}'); print('{\"b\": 2}')"
    assert list(child.lines([sys.executable, "-c", code], {})) == [{"a": 1}, {"b": 2}]


def test_a_program_that_fails_is_told_after_its_lines() -> None:
    code = "print('{\"a\": 1}', flush=True); raise SystemExit(3)"
    lines = child.lines([sys.executable, "-c", code], {})
    assert next(lines) == {"a": 1}
    with pytest.raises(CommandFailed, match="code 3"):
        next(lines)


@pytest.mark.timeout(30)
def test_a_program_that_nobody_listens_to_is_ended_with_its_own_processes(tmp_path: Path) -> None:
    """A child of it holds the lock of a file as long as it lives."""
    lock = tmp_path / "lock"
    inner = f"import fcntl, time; f = open({str(lock)!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX);"
    inner += "print('[1]', flush=True); time.sleep(60)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    lines = child.lines([sys.executable, "-c", code], {})
    assert next(lines) == [1]
    lines.close()
    free = "import fcntl, sys; fcntl.flock(open(sys.argv[1], 'w'), fcntl.LOCK_EX)"
    subprocess.run([sys.executable, "-c", free, str(lock)], check=True, timeout=20)
