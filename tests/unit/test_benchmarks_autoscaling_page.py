"""The page is made of the results, and current; a replayed trace has its table and picture."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
AUTOSCALING = BENCHMARKS / "autoscaling"
sys.path[:0] = [str(AUTOSCALING), str(BENCHMARKS / "common")]

from autoscaling_figures import page  # noqa: E402
from autoscaling_figures.budget.findings import turns  # noqa: E402
from autoscaling_figures.replay import picture  # noqa: E402
from autoscaling_figures.runs.running import Run  # noqa: E402
from autoscaling_figures.runs.tables import Known, Table, blocks, interval  # noqa: E402
from autoscaling_figures.sensitivity.findings import of_overlooking  # noqa: E402
from autoscaling_figures.simulator.world import Change  # noqa: E402
from bench_figures import document  # noqa: E402
from bench_figures.document import Document  # noqa: E402
from bench_figures.page import BEGIN, END  # noqa: E402
from bench_figures.rows import group_of, row, target  # noqa: E402

MACHINE = {"cpu": "A", "cores": 2, "memoryGiB": 24.0, "kernel": "6.1", "loadAverageBefore": 0.5}


def made(missed: float, minutes: int = 60) -> Run:
    offered = np.full(minutes, 100.0)
    return Run(offered=offered, violations=missed * offered, seconds=np.full(minutes, 120.0))


def test_a_section_has_what_was_measured_and_no_other_is_there() -> None:
    found = Document(
        machine=MACHINE,
        rows=(row("C1", "ours", "%", [0.4], of="no fault"),),
        targets=(target("C1", "points", "<=", 1.0, 0.1),),
    )
    text = page.renewed(f"{BEGIN}\n{END}", found)
    assert "## C: faults and steps" in text
    assert "| no fault | 0.4 % |" in text
    assert "| C1 | points | ≤ 1 | 0.1 | kept |" in text
    assert "## B:" not in text
    assert page.renewed(text, found) == text


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}{BEGIN}", f"{BEGIN}\n" * 2])
def test_a_page_without_its_markers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="figures: begin"):
        page.renewed(text, Document())


def test_autoscaling_md_is_current() -> None:
    done = subprocess.run(
        [sys.executable, str(AUTOSCALING / "table.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_its_results_are_numbers_with_known_comparisons() -> None:
    found = document.read(AUTOSCALING / "results.json")
    for item in found.targets:
        assert item.op in {"<=", ">=", "=="}
        assert group_of(item.id, found.groups()), f"{item.id} has no rows"
    assert all(item.low <= item.value <= item.high for item in found.rows)


def test_blocks_of_seeds_are_drawn_anew_together() -> None:
    table = Table(
        blocks={"a": blocks([made(0.01), made(0.03)]), "b": blocks([made(0.04)] * 2)},
        missed={}, cost={}, known=[Known(cost=1.0, missed=0.0)],
    )  # fmt: skip
    assert table.length == 3
    assert table.point("a") == (pytest.approx(0.02), 2 * 60 * 120.0)
    found = interval(
        {"t": table},
        lambda weights: (
            table.point("a", weights and weights["t"])[0]
            / table.point("b", weights and weights["t"])[0]
        ),
    )
    assert found == pytest.approx((0.5, 0.5, 0.5)), "every block says the same"


def test_what_is_overlooked_stands_beside_nothing_overlooked() -> None:
    base, dearer = made(0.01), replace(made(0.02), seconds=np.full(60, 150.0))
    found = of_overlooking([base] * 2, {0.1: [base, dearer]})
    told = [(item.of, item.what, item.value) for item in found.rows]
    assert told == [
        ("0% of the moments", "violations", pytest.approx(1.0)),
        ("0% of the moments", "GPU-seconds", pytest.approx(1.0)),
        ("10% of the moments", "violations", pytest.approx(1.5)),
        ("10% of the moments", "GPU-seconds", pytest.approx(1.25**0.5, rel=1e-3)),
    ]


def test_a_gpu_that_comes_back_at_once_is_counted() -> None:
    def change(at: float, service: str, by: int) -> Change:
        return Change(at=at, service=service, before=3, after=3 + by)

    lent = [change(0, "a", -1), change(5, "b", 1)]
    assert turns([*lent, change(60, "b", -1), change(65, "a", 1)], 130.0) == 1
    assert turns([*lent, change(600, "b", -1), change(605, "a", 1)], 130.0) == 0
    assert turns([*lent, change(60, "c", -1), change(65, "a", 1)], 130.0) == 0


def test_the_picture_says_in_words_what_it_shows() -> None:
    svg = picture.drawn(np.linspace(0.0, 90.0, 360), 10.0, {"ours": made(0.01), "HPA": made(0.0)})
    assert "ours: 2.0 GPU-hours, 1.00 % violations; HPA: 2.0 GPU-hours, 0.00 % violations" in svg
    assert svg.count('<path class="l-1" d="M') >= 2
    assert "nan" not in svg
