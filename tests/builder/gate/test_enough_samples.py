"""The number of samples that the gate asks for is enough, and not many times too large."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.builder.gate import enough, means, mixtures, proportions
from modelservice_runtime.builder.gate.evidence import (
    Agreement,
    Correctness,
    Evidence,
    Scores,
    Tallies,
)
from modelservice_runtime.builder.gate.proportions import Share

CONFIDENCE = 0.975
RISK = 1 - CONFIDENCE


@pytest.mark.parametrize("margin", [0.005, 0.01, 0.02, 0.05, 0.1])
def test_half_the_allowed_disagreement_passes_in_95_of_100(margin: float) -> None:
    """Exact, over all outcomes."""
    asked = Agreement(same=np.ones(50, bool)).enough(margin, CONFIDENCE)
    log_lost, log_kept = math.log(margin / 2), math.log1p(-margin / 2)
    power = sum(
        math.exp(
            math.lgamma(asked + 1) - math.lgamma(lost + 1) - math.lgamma(asked - lost + 1)
            + lost * log_lost + (asked - lost) * log_kept
        )
        for lost in range(int(asked * margin) + 1)
        if proportions.p_value(Share(samples=asked, hits=asked - lost), 1 - margin) <= RISK
    )  # fmt: skip
    assert power >= 0.95


@pytest.mark.parametrize("won", [0.0, 0.0025, 0.01, 0.05])
def test_half_the_allowed_loss_passes_in_95_of_100(won: float) -> None:
    margin = 0.01
    lost = margin / 2 + won
    asked = enough.for_pairs(margin, CONFIDENCE, lost + won)
    random = np.random.default_rng(4)
    counts = random.multinomial(asked, [lost, won, 1 - lost - won], size=400)
    passed = sum(correctness(asked, *row[:2]).p_of_drop(margin) <= RISK for row in counts)
    assert passed >= 0.95 * 400 - 2.5 * math.sqrt(400 * 0.95 * 0.05)


def correctness(samples: int, lost: int, won: int) -> Correctness:
    source = np.ones(samples, bool)
    candidate = source.copy()
    source[:won] = False
    candidate[samples - lost :] = False
    return Correctness(source=source, candidate=candidate)


@pytest.mark.parametrize("pilot", [60, 400])
def test_what_a_pilot_asks_for_is_enough_for_an_f1(
    pilot: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixtures, "RESAMPLES", 600)
    margin = 0.04
    asked = tagged(pilot, seed=1).enough(margin, CONFIDENCE)
    passed = sum(tagged(asked, seed).p_of_drop(margin) <= RISK for seed in range(60))
    assert passed >= 54


def tagged(units: int, seed: int) -> Tallies:
    """A candidate that misses one entity of 25: its F1 drops by 0.02."""
    random = np.random.default_rng(seed)
    source = np.zeros((units, 1, 3), int)
    source[:, 0, 0] = 1 + random.poisson(2, units)
    missed = random.binomial(source[:, 0, 0], 0.04)
    candidate = source.copy()
    candidate[:, 0, 0] -= missed
    candidate[:, 0, 2] += missed
    return Tallies(source=source, candidate=candidate, seed=seed)


@pytest.mark.parametrize("pilot", [60, 400])
def test_what_a_pilot_asks_for_is_enough_for_a_mean(
    pilot: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixtures, "RESAMPLES", 600)
    monkeypatch.setattr(means, "RESAMPLES", 600)
    asked = neighbours(pilot, seed=1).enough(0.01, CONFIDENCE)
    passed = sum(neighbours(asked, seed).p_of_drop(0.01) <= RISK for seed in range(60))
    assert passed >= 54


def neighbours(queries: int, seed: int) -> Scores:
    """Of ten neighbours one in 200 is lost."""
    lost = np.random.default_rng(seed).binomial(10, 0.005, queries)
    return Scores(source=np.ones(queries), candidate=1 - lost / 10, more_is_better=True, seed=seed)


@pytest.mark.parametrize(
    "make",
    [
        lambda n: correctness(n, 0, 0),
        lambda n: Agreement(same=np.ones(n, bool)),
        lambda n: Scores(source=np.ones(n), candidate=np.ones(n), more_is_better=True, seed=0),
        lambda n: Tallies(
            source=np.tile([[2, 0, 0]], (n, 1, 1)),
            candidate=np.tile([[2, 0, 0]], (n, 1, 1)),
            seed=0,
        ),
    ],
    ids=["accuracy", "agreement", "mean", "f1"],
)
def test_without_any_loss_the_least_number_passes_and_three_quarters_of_it_do_not(
    make: Callable[[int], Evidence],
) -> None:
    margin = 0.02
    least = make(100).least(margin, CONFIDENCE)
    assert make(math.ceil(least * 1.06)).p_of_drop(margin) <= RISK
    assert make(int(least * 0.75)).p_of_drop(margin) > RISK


@given(st.floats(0.001, 0.5), st.floats(0.8, 0.999), st.floats(0, 1))
def test_a_smaller_margin_or_more_confidence_never_takes_fewer(
    margin: float, confidence: float, spread: float
) -> None:
    for count in (
        enough.least,
        enough.least_share,
        lambda m, c: enough.for_pairs(m, c, spread),
        lambda m, c: enough.for_mean(m, c, spread, 1.0),
    ):
        here = count(margin, confidence)
        assert here >= 1
        assert count(margin / 2, confidence) >= here
        assert count(margin, (1 + confidence) / 2) >= here


def test_a_loss_of_nothing_takes_one_sample() -> None:
    assert enough.for_mean(0.01, CONFIDENCE, 0.0, 0.0) == 1
    assert enough.least(1.0, CONFIDENCE) == enough.least_share(2.0, CONFIDENCE) == 1
