"""From everything that was seen to an outcome and one sentence for each candidate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modelservice_runtime.builder.gate.correctness import Correctness
from modelservice_runtime.builder.judged import (
    CHOSEN,
    FAILED,
    FINALIST,
    PASSED,
    REJECTED,
    SKIPPED,
    UNDECIDED,
    Judged,
)
from modelservice_runtime.builder.producing import Product
from modelservice_runtime.builder.recipes import PLAIN, Recipe, Step
from modelservice_runtime.builder.techniques.base import Made
from modelservice_runtime.builder.trying import Trial
from modelservice_runtime.builder.verdicts import Contestant, Outcome, judge
from modelservice_runtime.contract.manifest import LatencyPair
from modelservice_runtime.contract.requests import (
    MAX_DEGRADATION,
    THRESHOLD,
    BuildRequest,
    EvaluationRequest,
    Goal,
    OptimizationRequest,
    SourceRequest,
)

SCORING: Any = SimpleNamespace(metric=SimpleNamespace(name="Accuracy"))
MADE = Made(model_file="model.onnx")


def request(goals: Sequence[Goal] = (Goal(kind=MAX_DEGRADATION, value=0.01),)) -> BuildRequest:
    return BuildRequest(
        namespace="team",
        name="tiny",
        build_key="k",
        attempt=1,
        source=SourceRequest(kind="onnx", uri="file:///x"),
        store_uri="file:///s",
        artifact_uri="file:///s/a",
        max_batch_size=8,
        duration_seconds=60,
        evaluation=EvaluationRequest(goals=tuple(goals)),
        optimization=OptimizationRequest(min_speedup=1.1),
    )


def right(total: int, wrong: int = 0) -> np.ndarray:
    answers = np.ones(total, bool)
    answers[:wrong] = False
    return answers


def seen(total: int, lost: int, source_wrong: int = 0) -> Correctness:
    source = right(total)
    source[total - source_wrong :] = False
    candidate = source.copy()
    candidate[:lost] = False
    return Correctness(source=source, candidate=candidate)


def contestant(label: str = "", speed: float = 2.0, **trial: Any) -> Contestant:
    steps = (Step(technique="made", label=label),) if label else ()
    recipe = Recipe(steps=steps, exact=trial.pop("exact", not label)) if label else PLAIN
    product = trial.pop("product", Product(folder=Path("/nonexistent"), made=MADE))
    pair = LatencyPair(batch=1, source_ms=speed, artifact_ms=1.0)
    return Contestant(trial=Trial(recipe=recipe, product=product, **trial), latency=(pair,))


def judged(outcome: Outcome) -> dict[str, Judged]:
    return {candidate.recipe.name: candidate for candidate in outcome.candidates}


def test_the_fastest_that_is_proven_is_chosen() -> None:
    found = judge(
        [
            contestant(speed=1.2, evidence=seen(2000, 0)),
            contestant("int8", 3.0, evidence=seen(2000, 4)),
            contestant("int8-fast", 4.0, evidence=seen(2000, 60)),
        ],
        SCORING,
        request(),
    )
    by_name = judged(found)
    assert found.served == ("int8",)
    assert by_name["int8"].outcome == CHOSEN
    assert by_name["int8-fast"].outcome == REJECTED
    assert "a loss of 0.03" in by_name["int8-fast"].reason
    assert by_name["export"].outcome == PASSED
    assert "int8 is better" in by_name["export"].reason
    assert found.goal_met
    assert found.goal.startswith("Accuracy 0.9980, the source model has 1.0000, on 2000 samples")


def test_with_too_few_samples_the_source_model_is_kept_and_it_says_how_many_are_needed() -> None:
    found = judge(
        [
            contestant(speed=1.2, evidence=seen(20, 0)),
            contestant("int8", 3.0, evidence=seen(20, 0)),
        ],
        SCORING,
        request(),
    )
    assert found.served == ("export",)
    assert judged(found)["int8"].outcome == UNDECIDED
    assert found.goal_met, "the source model loses nothing"
    assert "int8 could not be proven" in found.goal
    assert "381 samples are needed" in found.goal


def test_a_goal_that_nobody_can_meet_leaves_the_source_model_and_is_not_met() -> None:
    goals = [Goal(kind=THRESHOLD, value=0.99)]
    found = judge(
        [
            contestant(speed=1.2, evidence=seen(500, 0, source_wrong=50)),
            contestant("fuse", 1.5, exact=True, evidence=seen(500, 0, source_wrong=50)),
            contestant("int8", 3.0, evidence=seen(500, 2, source_wrong=50)),
        ],
        SCORING,
        request(goals),
    )
    assert found.served == ("export",)
    assert not found.goal_met
    assert "the goal is at least 0.99" in found.goal
    assert "the source model is served as it is" in found.goal
    assert judged(found)["export"].outcome == CHOSEN


def test_a_value_of_its_own_must_be_proven_by_what_is_exact_too() -> None:
    goals = [Goal(kind=THRESHOLD, value=0.9)]
    found = judge(
        [
            contestant(speed=1.2, evidence=seen(2000, 0, source_wrong=20)),
            contestant("fuse", 1.5, exact=True, evidence=seen(2000, 0, source_wrong=20)),
        ],
        SCORING,
        request(goals),
    )
    assert found.served[0] == "fuse"
    assert found.goal_met


@pytest.mark.parametrize(
    ("trial", "outcome", "words"),
    [
        ({"fault": "it crashed"}, REJECTED, "it crashed"),
        (
            {"fault": "no", "product": Product(folder=Path("/none"), error="no")},
            FAILED,
            "no",
        ),
        (
            {"fault": "late", "product": Product(folder=Path("/none"), error="late", no_time=True)},
            SKIPPED,
            "late",
        ),
        ({"fault": "late", "no_time": True}, SKIPPED, "late"),
        ({"doubt": "Accuracy 0.5"}, REJECTED, "on the selection part: Accuracy 0.5"),
        ({"speed": 1.05}, REJECTED, "1.05 times as fast as the source model; minSpeedup asks"),
        ({"evidence": None}, UNDECIDED, "no evaluation data"),
    ],
)
def test_each_way_to_fail_has_its_outcome_and_its_words(
    trial: dict[str, Any], outcome: str, words: str
) -> None:
    bad = contestant("bad", **{"speed": 3.0, **trial})
    found = judge([contestant(speed=1.2), bad], SCORING, request())
    assert judged(found)["bad"].outcome == outcome
    assert words in judged(found)["bad"].reason
    assert found.served == ("export",)


def test_the_export_is_served_even_if_it_is_no_faster_than_the_source_model() -> None:
    found = judge([contestant(speed=0.8)], None, request())
    assert found.served == ("export",)
    assert found.goal_met


def test_candidates_at_the_gate_share_the_risk() -> None:
    alone = judge(
        [contestant(speed=1.2), contestant("int8", 3.0, evidence=seen(400, 0))],
        SCORING,
        request(),
    )
    many = [contestant(f"int8-{i}", 3.0, evidence=seen(400, 0)) for i in range(6)]
    together = judge([contestant(speed=1.2), *many], SCORING, request())
    assert judged(alone)["int8"].outcome == CHOSEN
    assert all(judged(together)[f"int8-{i}"].outcome == UNDECIDED for i in range(6))


def test_the_next_best_go_along_to_the_tuning() -> None:
    found = judge(
        [
            contestant(speed=1.2, evidence=seen(4000, 0)),
            contestant("int8", 3.0, evidence=seen(4000, 4)),
            contestant("int8-careful", 2.6, evidence=seen(4000, 1)),
        ],
        SCORING,
        request(),
    )
    assert found.served == ("int8", "int8-careful")
    assert judged(found)["int8-careful"].outcome == FINALIST
    assert "goes along to the tuning" in judged(found)["int8-careful"].reason
