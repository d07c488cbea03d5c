"""T1 and T2: what is made of searches, readings and rates; the page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
TUNER = BENCHMARKS / "tuner"
sys.path[:0] = [str(TUNER), str(BENCHMARKS / "optimizer"), str(BENCHMARKS / "common")]

from bench_figures import document  # noqa: E402
from bench_figures.document import Document  # noqa: E402
from bench_figures.page import BEGIN, END  # noqa: E402
from bench_figures.rows import Figures, Row, group_of  # noqa: E402
from tuner_figures import page  # noqa: E402
from tuner_figures.peers.modes import BRUTE, MODES, OURS, QUICK  # noqa: E402
from tuner_figures.peers.picks import Pick  # noqa: E402
from tuner_figures.rates import findings as rates  # noqa: E402
from tuner_figures.rates.bracket import FIRST_SPREAD, FIRST_STEPS, Bracket  # noqa: E402
from tuner_figures.search import findings as search  # noqa: E402
from tuner_figures.search import section as search_section  # noqa: E402
from tuner_figures.search.findings import Reading, Score  # noqa: E402
from tuner_figures.serving.settings import Setting  # noqa: E402

MACHINE = {"cpu": "A", "cores": 2, "memoryGiB": 24.0, "kernel": "6.1", "loadAverageBefore": 0.5}
GOAL = 20.0
GOOD, POOR = (Setting(batch=size, instances=1, threads=1) for size in (8, 2))


def reading(concurrency: int, rows: float, latency: float) -> Reading:
    return Reading(concurrency=concurrency, rows_per_second=rows, latency_ms=latency)


def test_the_fastest_within_the_goal_are_measured_again() -> None:
    readings = [reading(1, 10, 5), reading(4, 30, 9), reading(8, 40, 15), reading(16, 90, 50)]
    assert search.promising(readings, GOAL, 2) == (4, 8)
    assert search.promising(readings, 1.0, 2) == (1,), "nothing is within: the least"


def test_what_a_short_window_does_not_tell_from_the_goal_is_measured_again() -> None:
    readings = [reading(1, 10, 5), reading(4, 30, 9), reading(8, 40, 15), reading(12, 50, 20.4)]
    assert search.promising([*readings, reading(16, 60, 25.1)], GOAL, 3) == (4, 8, 12)
    assert search.promising(readings, GOAL, 2) == (8, 12)
    assert search.promising(readings, GOAL, 1) == (8,), "one alone has to be within"


def test_a_score_is_that_of_the_best_concurrency_within_the_goal() -> None:
    readings = [reading(4, 30, 9), reading(4, 32, 30), reading(4, 31, 8)]
    score = Score.of([*readings, reading(8, 50, 50), reading(8, 50, 21)], GOAL)
    assert (score.concurrency, score.value, score.within) == (4, 31.0, True)
    nothing = Score.of([reading(1, 30, 90), reading(2, 50, 99)], GOAL)
    assert (nothing.concurrency, nothing.value, nothing.within) == (1, 0.0, False)


def score(*rows: float, within: bool = True) -> Score:
    return Score(
        concurrency=8, rows_per_second=rows, latencies_ms=(9.0,) * len(rows), within=within
    )


def test_settings_are_compared_round_by_round() -> None:
    assert search.share(score(9, 18, 45), score(10, 20, 50)) == pytest.approx(0.9)
    assert search.share(score(9, within=False), score(10)) == 0.0


def pick(setting: Setting | None, load: float, seconds: float) -> Pick:
    failure = "" if setting else "it broke"
    return Pick(setting=setting, runs=5, load_seconds=load, seconds=seconds, failure=failure)


def searches(ours: Setting | None = GOOD) -> dict[str, list[Pick]]:
    found = {mode.name: [pick(POOR, 80.0, 160.0), pick(GOOD, 90.0, 170.0)] for mode in MODES}
    return {OURS: [pick(ours, 20.0, 40.0), pick(ours, 30.0, 51.0)], **found}


def values(figures: Figures) -> dict[tuple[str, str], float]:
    return {(row.of, row.what): row.value for row in figures.rows}


def test_a_search_has_a_line_with_what_it_found_and_what_that_cost() -> None:
    found = search.figures("add", searches(), {GOOD: score(100, 100), POOR: score(50, 50)})
    cells = values(found)
    assert cells[OURS, search.SHARE] == 1.0
    assert cells[QUICK.name, search.SHARE] == 0.75
    assert cells[QUICK.name, search.LOAD] == 85.0
    everybody = ", ".join(f"{mode.name} (1)" for mode in MODES)
    assert cells[f"{GOOD.words()}: ours (2), {everybody}", search.ROWS] == 100.0
    targets = {target.id: target for target in found.targets}
    assert targets["T1.add.found"].holds()
    assert targets["T1.add.load"].value == pytest.approx(0.2917, abs=1e-3)
    assert targets["T1.add.time"].value == pytest.approx(0.275)


def test_a_search_that_found_nothing_misses() -> None:
    found = search.figures("add", searches(None), {GOOD: score(100, 100), POOR: score(50, 50)})
    targets = {target.id: target for target in found.targets}
    assert list(targets) == ["T1.add.found"], "what it cost to find nothing is no figure"
    assert targets["T1.add.found"].value == 0.0
    assert not targets["T1.add.found"].holds()


def test_only_the_peers_that_searched_are_spoken_of() -> None:
    some = {name: picks for name, picks in searches().items() if name in {OURS, BRUTE.name}}
    found = search.figures("add", some, {GOOD: score(100, 100), POOR: score(50, 50)})
    assert [target.id for target in found.targets] == ["T1.add.found"], "nothing of quick"
    assert "(ours, brute)" in found.targets[0].what
    assert not any(QUICK.name in row.of for row in found.rows)
    lines = "\n".join(search_section.lines(Document(rows=found.rows)))
    assert "*brute*: " in lines
    assert "*quick*: " not in lines


def test_a_bracket_closes_in_on_the_rate() -> None:
    bracket = Bracket.around(100.0, FIRST_SPREAD)
    for _ in range(FIRST_STEPS):
        bracket = bracket.narrowed(holds=bracket.next <= 70.0)
    assert bracket.low <= 70.0 <= bracket.high
    assert bracket.high / bracket.low < 1.03
    assert bracket.tried == FIRST_STEPS
    assert bracket.found == bracket.low


def test_a_rate_that_was_only_hoped_to_hold_is_not_told() -> None:
    bracket = Bracket.around(100.0, FIRST_SPREAD)
    for _ in range(FIRST_STEPS):
        bracket = bracket.narrowed(holds=False)
    assert bracket.found == 0.0
    assert bracket.next < 10.0, "hope sinks"
    assert bracket.narrowed(holds=True).found == bracket.next


def test_what_a_searcher_picked_most_often_is_its_usual_pick() -> None:
    found = {"quick": [pick(POOR, 1, 1), pick(GOOD, 1, 1), pick(GOOD, 1, 1)],
             "none": [pick(None, 1, 1)]}  # fmt: skip
    assert rates.usual(found) == {"quick": GOOD}


def carried(ours: float, goodput: float = 50.0) -> rates.Carried:
    highest = {
        ("Poisson", GOOD): [ours, ours], ("Poisson", POOR): [50.0, 50.0],
        ("bursty", GOOD): [30.0, 30.0], ("bursty", POOR): [30.0, 30.0],
    }  # fmt: skip
    return rates.Carried(
        model="add",
        peer=BRUTE.name,
        named={OURS: GOOD, BRUTE.name: POOR},
        highest=highest,
        goodput={(0.6, GOOD): [30.0, 30.0], (0.6, POOR): [30.0, 30.0],
                 (1.1, GOOD): [goodput, goodput], (1.1, POOR): [50.0, 50.0]},
    )  # fmt: skip


def test_the_gain_is_over_the_pick_of_model_analyzer() -> None:
    assert carried(72.0).gains() == {"Poisson": pytest.approx(1.44), "bursty": 1.0}
    overall = rates.together([carried(72.0)])
    assert overall.targets[0].value == pytest.approx(1.2)
    assert overall.targets[0].holds()
    assert "(brute)" in overall.targets[0].what
    assert not rates.together([carried(55.0)]).targets[0].holds()


def test_goodput_counts_where_it_is_worst() -> None:
    assert carried(72.0).behind() == 1.0
    figures = rates.figures(carried(72.0, goodput=40.0))
    assert figures.targets[0].value == pytest.approx(0.8)
    cells = values(figures)
    assert cells[f"ours: {GOOD.words()}", "Poisson, most"] == 72.0
    assert cells[f"brute: {POOR.words()}", "in time at 110%"] == 50.0


def test_where_no_rate_of_ours_holds_others_rates_are_asked_and_it_counts_as_a_tenth() -> None:
    none = carried(0.0)
    assert none.gains()["Poisson"] == pytest.approx(0.1)
    assert rates.common_rate(none.highest, "Poisson", GOOD) == 50.0
    assert rates.common_rate(carried(72.0).highest, "Poisson", GOOD) == 72.0
    nobody = {("Poisson", GOOD): [0.0], ("Poisson", POOR): [0.0]}
    assert rates.common_rate(nobody, "Poisson", GOOD) == 0.0


def test_without_a_pick_of_ours_or_theirs_there_is_no_gain() -> None:
    one = carried(72.0)
    assert (
        rates.Carried(
            model="add", peer=BRUTE.name, named={OURS: GOOD}, highest=one.highest, goodput={}
        ).gains()
        == {}
    )
    nothing = rates.Carried(model="x", peer=BRUTE.name, named={}, highest={}, goodput={})
    assert rates.together([one, nothing]) == Figures(rows=(), targets=())


def measured() -> Document:
    one = search.figures("add", searches(), {GOOD: score(100, 100), POOR: score(50, 50)})
    two, three = rates.figures(carried(72.0)), rates.together([carried(72.0)])
    found = Document()
    head = Document(machine=MACHINE, versions={"python": "3.11"}, date="2026-01-02T10:00:00")
    for figures in (one, two, three):
        found = document.merged(found, figures, head)
    return found


def test_the_page_has_every_table_between_its_markers() -> None:
    before = f"# The tuner\n\nWords.\n\n{BEGIN}\nstale words\n{END}\n\nMore.\n"
    text = page.renewed(before, measured())
    assert text.startswith("# The tuner\n\nWords.\n")
    assert text.endswith("\n\nMore.\n")
    assert "stale words" not in text
    assert "| ours | 1 |" in text
    assert "## T2: what a pick carries" in text
    assert "### All models" in text
    assert "| T1.add.found |" in text
    assert page.renewed(text, measured()) == text
    assert "Nothing was measured yet" in page.renewed(before, Document())


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}{BEGIN}", f"{BEGIN}\n" * 2])
def test_a_page_without_its_markers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="figures: begin"):
        page.renewed(text, Document())


def test_tuner_md_is_current() -> None:
    done = subprocess.run(
        [sys.executable, str(TUNER / "table.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_its_results_are_numbers_with_known_comparisons() -> None:
    found = document.read(TUNER / "results.json")
    for item in found.targets:
        assert item.op in {"<=", ">=", "=="}
        assert group_of(item.id, found.groups()), f"{item.id} has no rows"
    assert all(isinstance(item, Row) and item.low <= item.value <= item.high for item in found.rows)
