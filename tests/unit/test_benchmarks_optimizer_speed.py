"""O1: the cases, and what is made of times and verdicts."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_harness.errors import CommandFailed, HarnessError

REPOSITORY = Path(__file__).resolve().parents[2]
BENCHMARKS = REPOSITORY / "benchmarks"
sys.path[:0] = [str(BENCHMARKS / "optimizer"), str(BENCHMARKS / "common")]

from bench_figures.document import Document  # noqa: E402
from bench_figures.rows import Figures, Target  # noqa: E402
from optimizer_figures.builds.cases import CASES, KERAS, QUICK, STRICT, chosen  # noqa: E402
from optimizer_figures.builds.site import Site  # noqa: E402
from optimizer_figures.speed import section  # noqa: E402
from optimizer_figures.speed.findings import Measured, Verdict, figures  # noqa: E402
from optimizer_figures.speed.measuring import gathered  # noqa: E402
from optimizer_figures.speed.peers import (  # noqa: E402
    EAGER,
    ORT,
    ORT_INT8,
    PEERS,
    PICKED,
    SHIPPED,
    TITLES,
    TORCHAO,
    peers_for,
)

MILLISECONDS = {EAGER: 4.0, ORT: 2.0, ORT_INT8: 0.5, SHIPPED: 1.0}


def verdicts(*outside: str, names: Sequence[str] = tuple(MILLISECONDS)) -> dict[str, Verdict]:
    return {name: Verdict(engine=name, within=name not in outside) for name in names}


def times(
    milliseconds: Mapping[str, float] = MILLISECONDS, batches: Sequence[int] = (1, 8, 32)
) -> dict[tuple[str, int], list[float]]:
    """Three rounds, the second one disturbed by a factor of two for all engines alike."""
    return {
        (name, batch): [taken * batch * factor for factor in (1.0, 2.0, 1.0)]
        for name, taken in milliseconds.items()
        for batch in batches
    }


def measured(
    *outside: str,
    case: str = "token-tagger",
    changes: Mapping[tuple[str, int], float] | None = None,
) -> Measured:
    found = times() | {key: [value] * 3 for key, value in (changes or {}).items()}
    return Measured(case=case, batch=32, verdicts=verdicts(*outside), times=found)


def promised(found: Figures) -> dict[str, Target]:
    return {target.id.rpartition(".")[2]: target for target in found.targets}


def test_only_recipes_within_the_goals_are_compared_with() -> None:
    found = promised(figures(measured(ORT_INT8)))
    assert found["tuned"].value == 2.0
    assert found["tuned"].holds()
    assert "ONNX Runtime" in found["tuned"].what
    beaten = promised(figures(measured()))
    assert beaten["tuned"].value == 0.5
    assert not beaten["tuned"].holds()


def test_a_disturbed_round_moves_no_ratio_since_it_slows_both() -> None:
    rows = figures(measured(ORT_INT8)).rows
    (beside,) = (row for row in rows if row.what.endswith("batch 32") and not row.of)
    assert (beside.value, beside.low, beside.high, beside.runs) == (2.0, 2.0, 2.0, 3)


@pytest.mark.parametrize(("ours", "holds"), [(1.0, True), (0.98, True), (1.04, False)])
def test_three_percent_behind_at_the_tuned_batch_is_still_equal(ours: float, holds: bool) -> None:  # noqa: FBT001
    found = measured(ORT_INT8, changes={(SHIPPED, 32): ours, (ORT, 32): 1.0})
    assert promised(figures(found))["tuned"].holds() == holds


def test_at_other_batch_sizes_the_worst_one_counts() -> None:
    found = promised(figures(measured(ORT_INT8, changes={(SHIPPED, 1): 4.0})))
    assert found["others"].value == 0.5
    assert "batch 1 and 8" in found["others"].what
    assert not found["others"].holds()
    assert found["tuned"].holds()


def test_a_model_of_one_batch_size_promises_nothing_at_others() -> None:
    found = Measured(case="x", batch=1, verdicts=verdicts(ORT_INT8), times=times(batches=(1,)))
    assert set(promised(figures(found))) == {"gate", "tuned"}


def test_a_shipped_artifact_that_misses_the_goals_is_told() -> None:
    assert promised(figures(measured()))["gate"].holds()
    assert not promised(figures(measured(SHIPPED)))["gate"].holds()


def test_the_pruned_network_has_a_higher_aim_than_the_others() -> None:
    assert "pruned" not in promised(figures(measured(ORT_INT8)))
    pruned = promised(figures(measured(ORT_INT8, case="digits")))["pruned"]
    assert (pruned.value, pruned.holds()) == (2.0, False)
    faster = measured(ORT_INT8, case="digits", changes={(SHIPPED, 32): 10.0})
    assert promised(figures(faster))["pruned"].holds()


def test_the_strict_sentence_encoder_is_held_against_eager() -> None:
    found = promised(figures(measured(ORT_INT8, case=STRICT.name)))["eager"]
    assert (found.value, found.op, found.target) == (4.0, ">=", 2.0)


def test_what_the_tuning_picked_counts_in_place_of_the_builders_choice() -> None:
    known = {**MILLISECONDS, PICKED: 0.4}
    found = Measured(
        case="x",
        batch=32,
        verdicts=verdicts(names=tuple(known)),
        times=times(known),
    )
    assert promised(figures(found))["tuned"].value == 1.25


def test_a_recipe_that_could_not_be_made_is_told_with_its_reason() -> None:
    known = verdicts(ORT_INT8) | {TORCHAO: Verdict(engine=TORCHAO, failure="no linear layers")}
    found = figures(Measured(case="x", batch=32, verdicts=known, times=times()))
    (left_out,) = (row for row in found.rows if row.of == TITLES[TORCHAO])
    assert left_out.what == "left out: no linear layers"


def test_the_loss_is_told_where_the_metric_decided() -> None:
    judged = Verdict(engine=ORT_INT8, within=True, loss=0.02, words="bf16")
    found = figures(
        Measured(case="x", batch=32, verdicts={**verdicts(), ORT_INT8: judged}, times=times())
    )
    losses = {row.of: row.value for row in found.rows if row.what == "loss"}
    assert losses == {f"{TITLES[ORT_INT8]} (bf16)": 0.02}


positive = st.floats(min_value=1e-3, max_value=1e3)


@given(st.fixed_dictionaries(dict.fromkeys(MILLISECONDS, positive)))
def test_the_fastest_is_never_slower_than_another_one_within_the_goals(
    milliseconds: dict[str, float],
) -> None:
    found = Measured(case="x", batch=32, verdicts=verdicts(ORT_INT8), times=times(milliseconds))
    best = found.fastest(32)
    assert best in {EAGER, ORT}
    assert milliseconds[best] == min(milliseconds[EAGER], milliseconds[ORT])


def line(engine: str, **changes: Any) -> dict[str, Any]:
    words = {"within": True, "reason": "", "loss": None, "failure": "", "words": "", **changes}
    return {"verdict": {"engine": engine, **words}}


def timed(engine: str, batch: int, milliseconds: float) -> dict[str, Any]:
    return {"engine": engine, "batch": batch, "milliseconds": milliseconds}


LINES = [
    {"say": "making it"},
    line(EAGER),
    line(SHIPPED, words="export"),
    timed(EAGER, 8, 3.0),
    timed(SHIPPED, 8, 1.0),
    timed(EAGER, 8, 4.0),
    timed(SHIPPED, 8, 2.0),
]


def test_lines_are_gathered_by_engine_and_batch_in_the_order_of_the_rounds() -> None:
    found = gathered("x", 8, LINES)
    assert found.times == {(EAGER, 8): [3.0, 4.0], (SHIPPED, 8): [1.0, 2.0]}
    assert found.ratios(EAGER, 8) == [3.0, 2.0]
    assert found.verdicts[SHIPPED].words == "export"


@pytest.mark.parametrize("missing", [EAGER, SHIPPED])
def test_without_the_source_model_or_the_artifact_there_is_no_comparison(missing: str) -> None:
    broken = [item for item in LINES if item.get("engine") != missing]
    failed = [item for item in broken if item.get("verdict", {}).get("engine") != missing]
    with pytest.raises(CommandFailed, match=f"{missing} does not run: it was not measured"):
        gathered("x", 8, failed)
    with pytest.raises(CommandFailed, match=f"{missing} does not run: no memory"):
        gathered("x", 8, [*failed, line(missing, failure="no memory")])


def test_recipes_of_pytorch_are_left_out_for_other_sources() -> None:
    assert peers_for("pytorch") == PEERS
    names = [peer.name for peer in peers_for("tensorflow")]
    assert ORT in names
    assert TORCHAO not in names


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case_has_its_manifest(case: Any) -> None:
    text = (REPOSITORY / "examples" / f"{case.example}.yaml").read_text()
    made = case.manifest(text)
    assert (made != text) == bool(case.changes)
    assert (case.environment == KERAS) == ("tensorflow:" in text)


def test_every_example_is_a_case() -> None:
    assert {case.example for case in CASES} == {
        path.stem for path in (REPOSITORY / "examples").glob("*.yaml")
    }


def test_the_strict_case_asks_for_an_agreement_of_99_percent_on_more_rows() -> None:
    made = STRICT.manifest((REPOSITORY / "examples" / "sentence-encoder.yaml").read_text())
    assert re.findall(r'MaxDegradation, value: "([\d.]+)"', made) == ["0.01"]
    assert "evaluation-large.safetensors" in made
    assert (REPOSITORY / "examples" / "checksums.txt").read_text().count(
        "sentence-encoder-data/evaluation-large.safetensors"
    ) == 1


@pytest.mark.parametrize("text", ["", 'type: MaxDegradation, value: "0.02"' * 2])
def test_a_manifest_without_what_is_to_be_changed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="times in it, not 1"):
        STRICT.manifest(text)


def test_cases_are_chosen_by_name_and_a_quick_run_takes_the_smallest() -> None:
    assert chosen((), quick=False) == CASES
    assert chosen((), quick=True) == QUICK
    assert [case.name for case in chosen(["digits"], quick=True)] == ["digits"]
    with pytest.raises(HarnessError, match="no case digit; there are tumour-classifier"):
        chosen(["digit"], quick=False)


def test_what_was_measured_long_ago_is_measured_again(tmp_path: Path) -> None:
    site = Site(bench=None)  # type: ignore[arg-type]  # not asked
    path = tmp_path / "kept"
    assert not site.is_kept(path)
    path.touch()
    assert site.is_kept(path)
    day_ago = time.time() - 24 * 3600
    os.utime(path, (day_ago, day_ago))
    assert not site.is_kept(path)


def test_the_page_has_a_table_for_each_case_and_says_what_was_left_out() -> None:
    known = verdicts(ORT_INT8) | {TORCHAO: Verdict(engine=TORCHAO, failure="no linear layers")}
    one = figures(Measured(case="digits", batch=32, verdicts=known, times=times()))
    two = figures(measured(ORT_INT8))
    document = Document(rows=(*one.rows, *two.rows), targets=(*one.targets, *two.targets))
    lines = section.lines(document)
    text = "\n".join(lines)
    assert lines.count("| engine | batch 1 | batch 8 | batch 32 | within the goals |") == 2
    assert text.index("### digits") < text.index("### token-tagger")
    assert f"- left out: {TITLES[TORCHAO]}: no linear layers" in lines
    assert "- speed beside ONNX Runtime, the fastest within the goals, batch 8: 2" in lines
    assert section.lines(Document()) == []
