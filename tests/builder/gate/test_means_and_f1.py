"""Means and F1: the bootstrap with one made-up loss, exact for shares, simulated for others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelservice_runtime.builder.gate import means, mixtures, proportions
from modelservice_runtime.builder.gate.evidence import Scores, Tallies
from modelservice_runtime.builder.gate.proportions import Share
from modelservice_runtime.builder.gate.tallies import f1

RISK = 0.025
#: Simulated passes at the limit may be so many of 200 (99.9 % of runs at a risk of 2.5 %).
MOST_OF_200 = 13


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer resamples, for simulations."""
    monkeypatch.setattr(mixtures, "RESAMPLES", 600)
    monkeypatch.setattr(means, "RESAMPLES", 600)


@pytest.mark.parametrize(("samples", "lost"), [(300, 0), (300, 3), (60, 10)])
def test_for_right_or_wrong_the_bound_is_the_exact_binomial_one(samples: int, lost: int) -> None:
    losses = np.zeros(samples)
    losses[:lost] = 1.0
    exact = 1 - proportions.bounds(Share(samples=samples, hits=samples - lost), 1 - RISK)[0]
    assert means.upper(losses, 1.0, 1 - RISK, seed=3) == pytest.approx(exact, rel=0.06)
    at = means.p_value(losses, 1.0, exact, seed=3)
    assert at == pytest.approx(RISK, abs=0.008)


def exponential(random: np.random.Generator, samples: int) -> tuple[Any, Any]:
    return np.ones(samples), 1 - np.minimum(random.exponential(0.02, samples), 1.0)


def kept_neighbours(random: np.random.Generator, samples: int) -> tuple[Any, Any]:
    return np.ones(samples), 1 - random.binomial(10, 0.03, samples) / 10


def rare_breakdown(random: np.random.Generator, samples: int) -> tuple[Any, Any]:
    return np.ones(samples), (random.random(samples) >= 0.02).astype(float)


def skewed_errors(random: np.random.Generator, samples: int) -> tuple[Any, Any]:
    own = np.abs(random.normal(size=samples))
    return own, own + random.lognormal(-5, 1.5, samples)


def noisy_errors(random: np.random.Generator, samples: int) -> tuple[Any, Any]:
    own = random.normal(size=samples)
    return np.abs(own), np.abs(own + random.normal(size=samples) * 0.4)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("samples", [30, 200])
@pytest.mark.parametrize(
    "kind", [exponential, kept_neighbours, rare_breakdown, skewed_errors, noisy_errors]
)
def test_a_mean_at_the_limit_seldom_passes(
    kind: Callable[[np.random.Generator, int], tuple[Any, Any]], samples: int
) -> None:
    more = kind not in (skewed_errors, noisy_errors)
    source, candidate = kind(np.random.default_rng(1), 400_000)
    margin = abs(float(source.mean() - candidate.mean()))
    passed = 0
    for seed in range(200):
        source, candidate = kind(np.random.default_rng(1000 + seed), samples)
        seen = Scores(source=source, candidate=candidate, more_is_better=more, seed=seed)
        passed += seen.p_of_drop(margin) <= RISK
    assert passed <= MOST_OF_200


def sentences(random: np.random.Generator, units: int) -> Any:
    """Entities found, made up and missed by the source model, for each sentence."""
    entities = 1 + random.poisson(2, units)
    counts = np.zeros((units, 1, 3), int)
    counts[:, 0, 0] = random.binomial(entities, 0.93)
    counts[:, 0, 1] = random.binomial(entities, 0.05)
    counts[:, 0, 2] = entities - counts[:, 0, 0]
    return counts


def lose(counts: Any, taken: Any) -> Any:
    """The entities ``taken`` of each sentence are found as something else."""
    worse = counts.copy()
    worse[:, 0, 0] -= taken
    worse[:, 0, 1] += taken
    worse[:, 0, 2] += taken
    return worse


def any_entity(random: np.random.Generator, counts: Any) -> Any:
    return lose(counts, random.binomial(counts[:, 0, 0], 0.03))


def whole_sentences(random: np.random.Generator, counts: Any) -> Any:
    return lose(counts, counts[:, 0, 0] * (random.random(len(counts)) < 0.03))


def only_long_sentences(random: np.random.Generator, counts: Any) -> Any:
    hit = (random.random(len(counts)) < 0.15) & (counts[:, 0, 0] >= 5)
    return lose(counts, counts[:, 0, 0] * hit)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("units", [100, 400])
@pytest.mark.parametrize("kind", [any_entity, whole_sentences, only_long_sentences])
def test_an_entity_f1_at_the_limit_seldom_passes(
    kind: Callable[[np.random.Generator, Any], Any], units: int
) -> None:
    random = np.random.default_rng(5)
    everything = sentences(random, 200_000)
    margin = drop_of(everything, kind(random, everything))
    passed = 0
    for seed in range(200):
        random = np.random.default_rng(9000 + seed)
        source = sentences(random, units)
        seen = Tallies(source=source, candidate=kind(random, source), seed=seed)
        passed += seen.p_of_drop(margin) <= RISK
    assert passed <= MOST_OF_200


@pytest.mark.usefixtures("quick")
def test_a_macro_f1_whose_rarest_class_is_lost_seldom_passes() -> None:
    """The average sample would not do for the made-up one: the rarest class decides."""
    priors = np.array([0.6, 0.2, 0.1, 0.07, 0.03])
    margin = drop_of(*labelled(np.random.default_rng(2), 200_000, priors))
    passed = 0
    for seed in range(200):
        source, candidate = labelled(np.random.default_rng(500 + seed), 250, priors)
        passed += Tallies(source=source, candidate=candidate, seed=seed).p_of_drop(margin) <= RISK
    assert passed <= MOST_OF_200


def labelled(random: np.random.Generator, units: int, priors: Any) -> tuple[Any, Any]:
    """A source model that is mostly right, and a candidate that loses a fifth of the last class."""
    labels = random.choice(len(priors), units, p=priors)
    answers = np.where(random.random(units) < 0.05, (labels + 1) % len(priors), labels)
    hit = (random.random(units) < 0.2) & (labels == len(priors) - 1) & (answers == labels)
    return one_hot(labels, answers), one_hot(labels, np.where(hit, 0, answers))


def one_hot(labels: Any, answers: Any) -> Any:
    counts = np.zeros((len(labels), 5, 3), int)
    rows, right = np.arange(len(labels)), labels == answers
    counts[rows[right], labels[right], 0] = 1
    counts[rows[~right], answers[~right], 1] = 1
    counts[rows[~right], labels[~right], 2] = 1
    return counts


def drop_of(source: Any, candidate: Any) -> float:
    return float(f1(source.sum(axis=0)) - f1(candidate.sum(axis=0)))


def test_f1_is_micro_over_one_class_and_macro_over_those_that_are_labelled() -> None:
    assert f1(np.array([[8, 2, 2]])) == pytest.approx(0.8)
    # The third class has no labels; that it was answered once counts where a label was missed.
    assert f1(np.array([[8, 2, 2], [1, 0, 3], [0, 1, 0]])) == pytest.approx((0.8 + 0.4) / 2)
    assert f1(np.zeros((1, 3))) == 0.0


@settings(max_examples=30)
@given(st.integers(30, 60), st.integers(0, 20), st.integers(1, 9), st.floats(0.001, 0.2))
def test_more_losses_never_lower_p_and_a_larger_margin_never_raises_it(
    units: int, lost: int, more: int, margin: float
) -> None:
    source = np.zeros((units, 1, 3), int)
    source[:, 0, 0] = 1 + np.arange(units) % 3
    worse = [lose(source, source[:, 0, 0] * (np.arange(units) < n)) for n in (lost, lost + more)]
    few, many = (Tallies(source=source, candidate=each, seed=1) for each in worse)
    assert few.p_of_drop(margin) <= many.p_of_drop(margin)
    assert few.p_of_drop(margin * 1.5) <= few.p_of_drop(margin)
    ones = [np.where(np.arange(units) < n, 0.0, 1.0) for n in (lost, lost + more)]
    kept, gone = (
        Scores(source=np.ones(units), candidate=each, more_is_better=True, seed=1) for each in ones
    )
    assert kept.p_of_drop(margin) <= gone.p_of_drop(margin)
    assert kept.p_of_drop(margin * 1.5) <= kept.p_of_drop(margin)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(30, 50), st.floats(0.6, 0.99))
def test_the_bounds_hold_the_estimate_and_turn_round_with_the_models(
    seed: int, units: int, confidence: float
) -> None:
    random = np.random.default_rng(seed)
    source = sentences(random, units)
    candidate = lose(source, random.binomial(source[:, 0, 0], 0.2))
    for one, two in (
        (
            Tallies(source=source, candidate=candidate, seed=4),
            Tallies(source=candidate, candidate=source, seed=4),
        ),
        (errors(source, candidate), errors(candidate, source)),
    ):
        low, high = one.drop_bounds(confidence)
        sign = 1 if one.more_is_better else -1
        assert low <= sign * (one.source_value - one.candidate_value) <= high
        back_low, back_high = two.drop_bounds(confidence)
        assert (-back_high, -back_low) == pytest.approx((low, high), abs=1e-9)


def errors(source: Any, candidate: Any) -> Scores:
    return Scores(
        source=source[:, 0, 2] / 3, candidate=candidate[:, 0, 2] / 3, more_is_better=False, seed=4
    )


@pytest.mark.parametrize("samples", [1, 29])
def test_fewer_than_thirty_prove_nothing(samples: int) -> None:
    ones = np.ones(samples)
    same = Scores(source=ones, candidate=ones, more_is_better=True, seed=0)
    counts = np.tile([[3, 0, 0]], (samples, 1, 1))
    found = Tallies(source=counts, candidate=counts, seed=0)
    for seen in (same, found):
        assert seen.p_of_drop(0.9) == 1.0
        assert seen.p_of_value(0.1) == 1.0


def test_equal_errors_are_no_loss_and_their_rounding_is_none_either() -> None:
    """0.1 three times has a standard deviation of 1e-17; that is no spread to divide by."""
    same = np.full(400, 0.1)
    seen = Scores(source=same, candidate=same, more_is_better=False, seed=0)
    assert seen.p_of_drop(0.01) < RISK
    worse = Scores(source=same, candidate=same + 0.02, more_is_better=False, seed=0)
    assert worse.p_of_drop(0.01) == 1.0


def test_an_error_has_a_ceiling_for_its_threshold() -> None:
    random = np.random.default_rng(0)
    own = np.abs(random.normal(size=4000))
    seen = Scores(source=own, candidate=own, more_is_better=False, seed=0)
    assert seen.p_of_value(0.9) < RISK
    assert seen.p_of_value(0.7) > 0.9


@pytest.mark.parametrize("kind", [Scores, Tallies])
def test_arrays_that_do_not_belong_together_are_refused(kind: type[Any]) -> None:
    more = {"more_is_better": True} if kind is Scores else {}
    with pytest.raises(ValueError, match="beside"):
        kind(source=np.zeros((3, 1, 3)), candidate=np.zeros((4, 1, 3)), seed=0, **more)
