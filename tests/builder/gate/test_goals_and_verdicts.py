"""What a user reads: which candidates pass which goals, and why not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelservice_runtime.builder.gate import goals, judging
from modelservice_runtime.builder.gate.evidence import (
    Agreement,
    Correctness,
    Evidence,
    Scores,
    Tallies,
)
from modelservice_runtime.contract.codec import dumps
from modelservice_runtime.contract.requests import (
    GOAL_KINDS,
    MAX_DEGRADATION,
    MAX_DEGRADATION_PERCENT,
    MIN_IMPROVEMENT,
    MIN_IMPROVEMENT_PERCENT,
    THRESHOLD,
    Goal,
)

CONFIDENCE = 0.975
ONE_PERCENT = Goal(kind=MAX_DEGRADATION, value=0.01)


def accuracy(samples: int, lost: int, won: int = 0, wrong: int = 0) -> Correctness:
    source = np.ones(samples, bool)
    source[: won + wrong] = False
    candidate = source.copy()
    candidate[:won] = True
    candidate[samples - lost :] = False
    return Correctness(source=source, candidate=candidate)


def judge(
    seen: Evidence, *wanted: Goal, metric: str = "Accuracy"
) -> tuple[judging.Verdict, str, str]:
    verdict = judging.judge({"int8": seen}, wanted, CONFIDENCE, metric)["int8"]
    return verdict, verdict.outcome, verdict.reason


def test_a_small_loss_on_many_samples_passes() -> None:
    verdict, outcome, reason = judge(accuracy(2000, lost=4, wrong=200), ONE_PERCENT)
    assert outcome == judging.PASSES
    assert reason == (
        "Accuracy 0.898 instead of 0.9 on 2000 samples: a loss of 0.002, at most 0.005131 with"
        " 97.5 % confidence; the goal allows 0.01"
    )
    assert verdict.needed == 0
    assert verdict.metric is not None
    assert verdict.metric.drop == pytest.approx(0.002)
    assert verdict.metric.drop_low < 0.002 < verdict.metric.drop_high < 0.01
    assert (verdict.metric.name, verdict.metric.samples) == ("Accuracy", 2000)


def test_a_loss_beyond_the_goal_fails() -> None:
    verdict, outcome, reason = judge(accuracy(300, lost=6), ONE_PERCENT)
    assert outcome == judging.FAILS
    assert reason == (
        "Accuracy 0.98 instead of 1 on 300 samples: a loss of 0.02, up to 0.04294 is possible;"
        " the goal allows 0.01"
    )
    assert verdict.needed == 0


def test_too_few_samples_without_a_loss_cannot_tell_and_say_how_many_would() -> None:
    verdict, outcome, reason = judge(accuracy(300, lost=0), ONE_PERCENT)
    assert outcome == judging.CANNOT_TELL
    assert reason.startswith(
        "300 samples cannot tell: no loss was seen, but up to 0.01264 is possible and the goal"
        " allows 0.01; about 381 samples are needed without any loss, about "
    )
    assert reason.endswith(f"about {verdict.needed} with half of what is allowed")
    assert verdict.needed > 3 / 0.01


def test_with_a_loss_just_within_the_goal_the_samples_for_that_loss_are_named() -> None:
    verdict, outcome, reason = judge(accuracy(20_000, lost=190), ONE_PERCENT)
    assert outcome == judging.CANNOT_TELL
    assert "a loss of 0.0095 was seen, but up to 0.01094 is possible" in reason
    assert reason.endswith(f"; about {verdict.needed} samples are needed")
    assert verdict.needed > 20_000


def test_several_candidates_share_the_risk() -> None:
    one = accuracy(390, lost=0)
    assert judge(one, ONE_PERCENT)[1] == judging.PASSES
    several = judging.judge({"a": one, "b": one}, [ONE_PERCENT], CONFIDENCE, "Accuracy")
    assert [verdict.outcome for verdict in several.values()] == [judging.CANNOT_TELL] * 2
    # The bound in the sentence is the one that each of the two has to keep.
    assert "up to 0.01272 is possible (2 candidates share the risk) and the goal allows 0.01" in (
        several["a"].reason
    )
    certain = accuracy(4000, lost=0)
    both = judging.judge({"a": one, "b": certain}, [ONE_PERCENT], CONFIDENCE, "Accuracy")
    assert [verdict.outcome for verdict in both.values()] == [judging.PASSES] * 2
    assert list(both) == ["a", "b"]


def test_all_goals_must_hold() -> None:
    floor = Goal(kind=THRESHOLD, value=0.95)
    seen = accuracy(2000, lost=4, wrong=200)
    assert goals.p_of_all([ONE_PERCENT, floor], seen) == goals.p_value(floor, seen)
    assert judge(seen, ONE_PERCENT, floor)[1:] == (
        judging.FAILS,
        "Accuracy 0.898 instead of 0.9 on 2000 samples: a loss of 0.002; the goal is at least 0.95",
    )


def test_without_a_goal_everything_passes() -> None:
    assert judge(accuracy(10, lost=5))[1] == judging.PASSES


@pytest.mark.parametrize(
    ("goal", "outcome", "words"),
    [
        (Goal(kind=THRESHOLD, value=0.89), judging.PASSES, "the goal is at least 0.89"),
        (Goal(kind=THRESHOLD, value=0.915), judging.CANNOT_TELL, "0.92 may be chance, the goal is"),
        (Goal(kind=THRESHOLD, value=0.93), judging.FAILS, "the goal is at least 0.93"),
        (
            Goal(kind=MIN_IMPROVEMENT, value=0.01),
            judging.PASSES,
            "a gain of 0.02, at least 0.01472 of gain with 97.5 % confidence; the goal is a gain",
        ),
        (
            Goal(kind=MIN_IMPROVEMENT_PERCENT, value=5),
            judging.FAILS,
            "a gain of 0.02; the goal is a gain of at least 0.045 (5 % of 0.9)",
        ),
        (
            Goal(kind=MIN_IMPROVEMENT, value=0.018),
            judging.CANNOT_TELL,
            "a gain of 0.02 was seen, but no more than a gain of 0.01472 is certain",
        ),
        (
            Goal(kind=MAX_DEGRADATION_PERCENT, value=1),
            judging.PASSES,
            "the goal allows 0.009 (1 % of 0.9)",
        ),
    ],
)
def test_every_kind_of_goal_speaks_its_own_language(goal: Goal, outcome: str, words: str) -> None:
    verdict, found, reason = judge(accuracy(2000, lost=0, won=40, wrong=160), goal)
    assert (found, words in reason) == (outcome, True), reason
    assert (verdict.needed > 2000) is (outcome == judging.CANNOT_TELL)


def errors(ratio: float, samples: int = 3000) -> Scores:
    own = 0.5 + np.random.default_rng(0).random(samples)
    return Scores(source=own, candidate=own * ratio, more_is_better=False, seed=1)


@pytest.mark.parametrize(
    ("seen", "goal", "outcome"),
    [
        (errors(1.004), Goal(kind=MAX_DEGRADATION_PERCENT, value=1), judging.PASSES),
        (errors(1.02), Goal(kind=MAX_DEGRADATION_PERCENT, value=1), judging.FAILS),
        (errors(1.004), Goal(kind=THRESHOLD, value=1.1), judging.PASSES),
        (errors(1.004), Goal(kind=THRESHOLD, value=0.9), judging.FAILS),
        (errors(0.8), Goal(kind=MIN_IMPROVEMENT, value=0.1), judging.PASSES),
        (errors(0.8), Goal(kind=MIN_IMPROVEMENT_PERCENT, value=30), judging.FAILS),
        (errors(1.004, samples=60), ONE_PERCENT, judging.CANNOT_TELL),
    ],
)
def test_of_an_error_less_is_better(seen: Scores, goal: Goal, outcome: str) -> None:
    verdict, found, reason = judge(seen, goal, metric="MeanAbsoluteError")
    assert found == outcome, reason
    assert verdict.metric is not None
    assert verdict.metric.drop == pytest.approx(seen.candidate.mean() - seen.source.mean())
    if goal.kind == THRESHOLD:
        assert "the goal is at most" in reason


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_a_metric_that_is_nan_fails_in_words(poison: float) -> None:
    scores = np.ones(200)
    broken = scores.copy()
    broken[[3, 50, 199]] = poison
    seen = Scores(source=scores, candidate=broken, more_is_better=True, seed=0)
    verdict, outcome, reason = judge(seen, ONE_PERCENT, metric="Cosine")
    assert (outcome, reason) == (
        judging.FAILS, "Cosine is NaN or infinite for 3 of 200 samples",
    )  # fmt: skip
    assert verdict.metric is None
    assert goals.within([ONE_PERCENT], seen, "Cosine") == reason
    own = dataclasses.replace(seen, source=broken)
    assert "of the source model itself is NaN or infinite for 3 of 200" in judge(own)[2]


def test_a_broken_candidate_does_not_share_the_risk_of_the_others() -> None:
    broken = Scores(
        source=np.ones(390), candidate=np.full(390, np.nan), more_is_better=True, seed=0
    )
    found = judging.judge({"a": accuracy(390, lost=0), "b": broken}, [ONE_PERCENT], CONFIDENCE)
    assert [verdict.outcome for verdict in found.values()] == [judging.PASSES, judging.FAILS]


@pytest.mark.parametrize("samples", [1, 12, 29])
def test_fewer_than_thirty_samples_never_prove_a_mean_or_an_f1(samples: int) -> None:
    counts = np.tile([[2, 0, 0]], (samples, 1, 1))
    ones = np.ones(samples)
    for seen in (
        Tallies(source=counts, candidate=counts, seed=0),
        Scores(source=ones, candidate=ones, more_is_better=True, seed=0),
    ):
        verdict, outcome, reason = judge(seen, Goal(kind=MAX_DEGRADATION, value=0.5))
        assert outcome == judging.CANNOT_TELL
        assert "Accuracy of fewer than 30 proves nothing" in reason
        assert verdict.needed >= 30


def test_no_samples_at_all_cannot_tell() -> None:
    nothing = Correctness(source=np.zeros(0, bool), candidate=np.zeros(0, bool))
    verdict, outcome, reason = judge(nothing, ONE_PERCENT)
    assert (outcome, verdict.metric) == (judging.CANNOT_TELL, None)
    assert reason == "Accuracy: there are no samples"


def test_the_estimate_on_the_selection_part_is_judged_without_a_proof() -> None:
    assert goals.within([ONE_PERCENT], accuracy(100, lost=1), "Accuracy") == ""
    assert goals.within([ONE_PERCENT], accuracy(100, lost=2), "Accuracy") == (
        "Accuracy 0.98 instead of 1 on 100 samples: a loss of 0.02; the goal allows 0.01"
    )


def test_a_gain_in_agreement_with_the_source_model_cannot_be() -> None:
    seen = Agreement(same=np.ones(10_000, bool))
    assert judge(seen, Goal(kind=MIN_IMPROVEMENT, value=0.01))[1] == judging.FAILS


def test_an_unknown_kind_of_goal_is_refused() -> None:
    with pytest.raises(ValueError, match="goal 'Best': not one of Threshold, MaxDegradation"):
        judge(accuracy(10, lost=0), Goal(kind="Best", value=1.0))


@given(
    st.tuples(st.integers(1, 400), st.integers(0, 40), st.integers(0, 40)),
    st.sampled_from(GOAL_KINDS),
    st.floats(0, 100),
    st.floats(0.5, 0.999),
)
@example(counts=(1, 0, 0), kind=MAX_DEGRADATION, value=1.1e-308, confidence=0.75)
@example(counts=(1, 0, 0), kind="MaxDegradationPercent", value=1.1e-308, confidence=0.75)
def test_every_verdict_is_a_sentence_and_goes_into_the_manifest(
    counts: tuple[int, int, int], kind: str, value: float, confidence: float
) -> None:
    samples, lost, won = counts
    lost, won = min(lost, samples), min(won, samples - min(lost, samples))
    seen = accuracy(samples, lost=lost, won=won)
    goal = Goal(kind=kind, value=value)
    (verdict,) = judging.judge({"c": seen}, [goal], confidence, "Accuracy").values()
    assert dumps(verdict.metric)
    assert "  " not in verdict.reason
    assert "nan" not in verdict.reason
    missed = goals.within([goal], seen) != ""
    assert (verdict.outcome == judging.FAILS) is missed
    assert (verdict.needed > samples) is (verdict.outcome == judging.CANNOT_TELL)


@given(st.integers(30, 3000), st.integers(0, 12), st.floats(0.001, 0.2))
def test_another_loss_never_turns_a_verdict_to_the_better(
    samples: int, lost: int, margin: float
) -> None:
    order = [judging.FAILS, judging.CANNOT_TELL, judging.PASSES]
    goal = Goal(kind=MAX_DEGRADATION, value=margin)
    before, after = (
        order.index(judge(accuracy(samples, lost=count), goal)[1]) for count in (lost, lost + 1)
    )
    assert after <= before
