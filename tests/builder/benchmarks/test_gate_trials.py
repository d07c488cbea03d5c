"""Samples of a population, the gate's verdicts on them, and those of others."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from optimizer_figures.gate import peers, trials
from optimizer_figures.gate.findings import Finding
from optimizer_figures.gate.kinds import MILD, SEVERE, Kind
from optimizer_figures.gate.sources import Source
from optimizer_figures.gate.task import Task, task

from modelservice_runtime.builder.gate.judging import CANNOT_TELL, FAILS, PASSES
from modelservice_runtime.contract.requests import (
    NEIGHBOUR_AGREEMENT,
    THRESHOLD,
    EvaluationRequest,
    Goal,
)

ROWS, CLASSES, SEEDS = 4000, 4, 10
KIND = Kind(name="a fault", example="small", fault="truncated", severe={}, mild={})


def answering(classes: np.ndarray) -> np.ndarray:
    """Logits [n, 4] whose largest is that of ``classes``."""
    logits = np.random.default_rng(5).uniform(-1, 0, (len(classes), CLASSES)).astype(np.float32)
    logits[np.arange(len(classes)), classes] = 1
    return logits


LABELS = np.arange(ROWS) % CLASSES


@pytest.fixture
def digits(classifier: Source) -> Task:
    """A source model that is always right; the goal allows a loss of 0.05."""
    return task(classifier, LABELS, answering(LABELS))


def losing(share: float) -> np.ndarray:
    """Wrong in that share of the rows, spread evenly."""
    wrong = np.floor(np.arange(ROWS) * share) != np.floor((np.arange(ROWS) + 1) * share)
    return answering(np.where(wrong, (LABELS + 1) % CLASSES, LABELS))


def found(digits: Task, share: float, strength: str) -> Finding:
    return trials.finding(digits, KIND, strength, losing(share), SEEDS)


def test_the_truth_is_that_of_the_whole_population(digits: Task) -> None:
    finding = found(digits, 0.15, SEVERE)
    assert finding.drop == pytest.approx(0.15)
    assert finding.share == pytest.approx(3.0)
    assert (finding.rows, finding.metric, finding.goal) == (ROWS, "Accuracy", 0.05)


def test_three_times_the_goal_is_refused_on_every_sample(digits: Task) -> None:
    finding = found(digits, 0.15, SEVERE)
    size = digits.size_for_goal(np.random.default_rng(0))
    assert finding.judged.sizes == (size,) * SEEDS
    assert finding.judged.gate == finding.judged.failed == finding.judged.estimate == SEEDS


def test_with_few_samples_the_gate_refuses_what_an_estimate_lets_through(digits: Task) -> None:
    few = trials.finding(digits, KIND, SEVERE, losing(0.06), 40).few
    assert few is not None
    assert few.sizes == (trials.FEW,) * 40
    assert few.gate == 40
    assert 0 < few.estimate < 40
    assert few.failed == few.estimate


def test_exactly_the_goal_is_refused_almost_always_and_by_an_estimate_half_the_time(
    digits: Task,
) -> None:
    limit = trials.finding(digits, KIND, SEVERE, losing(0.15), 40).limit
    assert limit is not None
    assert limit.gate >= 36
    assert 8 <= limit.estimate <= 32


def test_half_of_the_goal_passes_on_as_many_samples_as_the_gate_asked_for(digits: Task) -> None:
    finding = found(digits, 0.025, MILD)
    assert finding.few is finding.limit is None
    assert finding.judged.gate <= 1
    assert finding.judged.tolerance == SEEDS


def test_where_the_gate_cannot_tell_it_gets_the_samples_that_it_asks_for(digits: Task) -> None:
    candidate, random = losing(0.02), np.random.default_rng(3)
    first = trials.trial(digits, candidate, 100, np.random.default_rng(3))
    assert first.outcome == CANNOT_TELL
    then = trials.asked(digits, candidate, 100, random)
    assert then.size > 500
    assert then.outcome == PASSES


def test_what_fails_is_not_asked_for_more(digits: Task) -> None:
    failed = trials.asked(digits, losing(0.5), 100, np.random.default_rng(3))
    assert (failed.size, failed.outcome) == (100, FAILS)


def test_the_same_seeds_give_the_same_samples_and_other_kinds_others(digits: Task) -> None:
    assert found(digits, 0.06, SEVERE) == found(digits, 0.06, SEVERE)
    another = dataclasses.replace(KIND, name="another")
    one = found(digits, 0.06, SEVERE).few
    assert trials.finding(digits, another, SEVERE, losing(0.06), SEEDS).few != one


def test_one_answer_of_nan_is_a_wrong_one_in_the_truth_and_fails_at_the_gate(
    digits: Task,
) -> None:
    candidate = answering(LABELS)
    candidate[LABELS == 1] = np.nan
    finding = trials.finding(digits, KIND, SEVERE, candidate, SEEDS)
    assert finding.drop == pytest.approx(0.25)
    assert finding.judged.failed == finding.judged.aitune == SEEDS
    assert finding.limit is None


def test_a_goal_that_is_no_limit_is_refused(classifier: Source) -> None:
    request = dataclasses.replace(classifier.request, goals=(Goal(kind=THRESHOLD, value=0.9),))
    with pytest.raises(ValueError, match="Threshold is no limit of a loss"):
        task(dataclasses.replace(classifier, request=request), LABELS, answering(LABELS))


@pytest.fixture
def sentences(classifier: Source) -> Task:
    """Embeddings of 300 rows in four directions."""
    request = EvaluationRequest(metric=NEIGHBOUR_AGREEMENT)
    rows = np.random.default_rng(6).standard_normal((300, CLASSES)).astype(np.float32)
    return task(dataclasses.replace(classifier, request=request), None, rows)


def test_rows_that_are_compared_with_each_other_are_drawn_once(sentences: Task) -> None:
    drawn = sentences.draw(300, np.random.default_rng(0))
    assert len(set(drawn.tolist())) == 300
    with pytest.raises(ValueError, match="larger"):
        sentences.draw(301, np.random.default_rng(0))
    assert sentences.most == 300


def test_other_rows_are_drawn_again_and_again(digits: Task) -> None:
    drawn = digits.draw(ROWS, np.random.default_rng(0))
    assert len(set(drawn.tolist())) < ROWS


def test_the_truth_about_neighbours_depends_on_how_many_there_are(sentences: Task) -> None:
    noise = np.random.default_rng(7).standard_normal(sentences.expected.shape)
    candidate = (sentences.expected + 0.1 * noise).astype(np.float32)
    few = sentences.drop(candidate, 10, np.random.default_rng(0))
    many = sentences.drop(candidate, 300, np.random.default_rng(0))
    assert 0 < few < many - 0.05


@pytest.mark.parametrize(
    ("change", "aitune", "tolerance"),
    [
        (lambda a: a, False, False),
        (lambda a: a + 5e-4, False, False),
        (lambda a: a + 0.2, False, True),
        (lambda a: np.where(a > 0.9, np.nan, a), True, True),
        (lambda a: np.where(a > 0.9, np.inf, a), True, True),
    ],
    ids=["equal", "rounded", "another", "nan", "infinite"],
)
def test_what_others_refuse(change, aitune: bool, tolerance: bool) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001, FBT001
    source = np.linspace(-1, 1, 20)
    candidate = change(source)
    assert peers.aitune_refuses(source, candidate) is aitune
    assert peers.tolerance_refuses(source, candidate) is tolerance


def test_another_shape_is_what_aitune_sees() -> None:
    assert peers.aitune_refuses(np.zeros((3, 2)), np.zeros((3, 1)))


def test_an_estimate_at_the_goal_is_within_it() -> None:
    assert not peers.estimate_refuses(0.02, 0.02)
    assert not peers.estimate_refuses(0.1 + 0.2, 0.3)
    assert peers.estimate_refuses(0.021, 0.02)
