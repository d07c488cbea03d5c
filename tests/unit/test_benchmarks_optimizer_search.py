"""O3: what is made of the reports of three builds."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path[:0] = [str(BENCHMARKS / "optimizer"), str(BENCHMARKS / "common")]

from bench_figures.document import Document  # noqa: E402
from optimizer_figures.builds import family, reports  # noqa: E402
from optimizer_figures.builds.reports import Report  # noqa: E402
from optimizer_figures.search import section  # noqa: E402
from optimizer_figures.search.findings import (  # noqa: E402
    HALF,
    ONE,
    SHARE,
    TRIED,
    TWO,
    Hurried,
    bound,
    figures,
    share,
)

COST = {
    "totalSeconds": 40.0,
    "workers": 2,
    "serialSeconds": 12.0,
    "predictedParallelSeconds": 5.0,
    "measuredParallelSeconds": 7.0,
    "peakMemoryBytes": {"builder": 100, "source model": 900, "export": 200, "fuse+int8": 300},
}


def candidate(*labels: str, outcome: str = "Passed", speedup: float | None = 2.0) -> dict[str, Any]:
    """As in ``report.json``, with what is read of it."""
    pairs = [] if speedup is None else [(1, speedup / 2), (8, speedup * 2)]
    return {
        "recipe": {
            "engine": "onnxruntime",
            "steps": [{"label": label, "technique": label.replace("-", "_")} for label in labels],
        },
        "outcome": outcome,
        "sizeBytes": 1000,
        "figures": {"maker_peak_bytes": 400.0} if labels else {},
        "latency": [
            {"batch": batch, "sourceMs": ratio, "artifactMs": 1.0} for batch, ratio in pairs
        ],
    }


def report(*candidates: Mapping[str, Any], **cost: float) -> Report:
    return reports.read(
        {
            "request": {"source": {"kind": "pytorch"}, "maxBatchSize": 8},
            "cost": {**COST, **cost},
            "candidates": [candidate(speedup=1.0), *candidates],
        }
    )


FULL = report(
    candidate("fuse", speedup=3.0),
    candidate("fuse", "int8", outcome="Chosen", speedup=4.0),
    candidate("prune-50", outcome="Failed", speedup=None),
)


def test_a_report_is_read_with_the_names_that_the_builder_gives() -> None:
    assert list(FULL.candidates) == ["export", "fuse", "fuse+int8", "prune-50"]
    assert FULL.chosen.name == "fuse+int8"
    assert FULL.chosen.techniques == ("fuse", "int8")
    assert FULL.chosen.speedup == pytest.approx(4.0)
    assert FULL.candidates["prune-50"].speedup == 0.0
    assert FULL.model_bytes == 1000


def test_something_else_than_a_report_is_refused() -> None:
    with pytest.raises(KeyError):
        reports.read({"candidates": []})


def hurried(chosen: Mapping[str, Any] | None) -> Hurried:
    return Hurried(seconds=20, report=None if chosen is None else report(chosen))


def test_the_share_is_what_the_full_search_measured_of_the_hurried_choice() -> None:
    slower = candidate("fuse", outcome="Chosen", speedup=9.0)
    assert share(FULL, hurried(slower)) == pytest.approx(0.75)
    same = candidate("fuse", "int8", outcome="Chosen", speedup=1.0)
    assert share(FULL, hurried(same)) == pytest.approx(1.0)


def test_a_candidate_that_the_full_search_did_not_time_counts_as_it_was_measured() -> None:
    unknown = candidate("openvino", outcome="Chosen", speedup=2.0)
    assert share(FULL, hurried(unknown)) == pytest.approx(0.5)


def test_a_search_that_published_nothing_reached_nothing() -> None:
    assert share(FULL, hurried(None)) == 0.0


@pytest.mark.parametrize(
    ("workers", "serial", "longest", "least"),
    [(1, 12.0, 5.0, 12.0), (2, 12.0, 5.0, 6.0), (2, 8.0, 5.0, 5.0), (4, 12.0, 5.0, 5.0)],
)
def test_no_number_of_workers_beats_the_longest_chain_or_a_fair_share(
    workers: int, serial: float, longest: float, least: float
) -> None:
    found = report(workers=workers, serialSeconds=serial, predictedParallelSeconds=longest)
    assert bound(found) == least


def test_there_is_a_line_for_each_search() -> None:
    one = report(candidate("fuse", outcome="Chosen"), workers=1, totalSeconds=60.0)
    found = figures("digits", one, FULL, hurried(candidate("fuse", outcome="Chosen")))
    values = {(row.of, row.what): row.value for row in found.rows}
    assert values[ONE, "to the artifact"] == 60.0
    assert values[TWO, "to the artifact"] == 40.0
    assert values[TWO, "max(t_i)"] == 5.0
    assert values[TWO, TRIED] == 3.0, "what could not be made was not judged"
    assert values[HALF, "time given"] == 20.0
    assert values[HALF, SHARE] == 0.75
    assert {row.group for row in found.rows} == {"O3.digits"}


def test_a_hurried_search_without_an_artifact_still_has_its_line() -> None:
    found = figures("digits", FULL, FULL, hurried(None))
    assert {row.what: row.value for row in found.rows if row.of == HALF} == {
        "time given": 20.0,
        SHARE: 0.0,
    }


def test_the_page_names_case_and_search() -> None:
    found = figures("digits", FULL, FULL, hurried(None))
    lines = section.lines(Document(rows=found.rows))
    assert any(line.startswith("| digits: 1 worker | 40 s | 7 s | 12 s | 5 s") for line in lines)
    assert section.lines(Document()) == []


def process(proc: Path, pid: int, children: Mapping[int, str], anonymous_kib: int) -> None:
    """A folder as in /proc. ``children``: by the thread that started them."""
    for thread, text in children.items():
        (proc / str(pid) / "task" / str(thread)).mkdir(parents=True)
        (proc / str(pid) / "task" / str(thread) / "children").write_text(text)
    lines = f"VmRSS: 999 kB\nRssAnon:\t{anonymous_kib} kB\nRssFile:\t500 kB\nRssShmem:\t1 kB\n"
    (proc / str(pid) / "status").write_text(lines)


def test_memory_of_a_family_is_summed_over_the_children_of_all_threads(tmp_path: Path) -> None:
    process(tmp_path, 1, {1: "2 ", 7: "3 9 "}, 100)
    process(tmp_path, 2, {2: ""}, 10)
    process(tmp_path, 3, {3: "4 "}, 20)
    process(tmp_path, 4, {4: ""}, 30)
    process(tmp_path, 5, {5: ""}, 1000)
    assert family.private_bytes(1, tmp_path) == (160 + 4) * 1024, "9 has ended, 5 is a stranger"
    assert family.private_bytes(77, tmp_path) == 0
