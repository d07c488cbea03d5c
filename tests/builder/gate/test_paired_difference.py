"""Tango's test of a paired difference: published figures, its promise, its monotonicity."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.builder.gate import paired
from modelservice_runtime.builder.gate.paired import Discordance

RISK = 0.025


@st.composite
def seen(draw: st.DrawFn) -> Discordance:
    samples = draw(st.integers(1, 500))
    lost = draw(st.integers(0, samples))
    return Discordance(samples=samples, lost=lost, won=draw(st.integers(0, samples - lost)))


@pytest.mark.parametrize(
    ("counts", "confidence", "published"),
    [
        # Tango 1998: a crossover trial, and two ways to disinfect, one never worse.
        ((32, 9, 3), 0.975, (-0.027, 0.390)),
        ((44, 0, 1), 0.95, (-0.096, 0.037)),
        # Agresti and Min 2005; Fagerland, Lydersen and Laake 2014, table V.
        ((86, 16, 8), 0.975, (-0.020, 0.207)),
        ((21, 7, 1), 0.975, (0.026, 0.517)),
        # As the R package contingencytables gives it (Cavo 2012).
        ((161, 16, 6), 0.975, (0.0054, 0.1240)),
    ],
)
def test_the_interval_is_the_published_one(
    counts: tuple[int, int, int], confidence: float, published: tuple[float, float]
) -> None:
    samples, lost, won = counts
    found = paired.bounds(Discordance(samples=samples, lost=lost, won=won), confidence)
    assert found == pytest.approx(published, abs=6e-4)


@pytest.mark.parametrize("drop", [-0.2, -0.01, 0.005, 0.01, 0.1, 0.4])
@pytest.mark.parametrize(("lost", "won"), [(0, 0), (3, 0), (0, 3), (7, 5), (20, 11)])
def test_the_nuisance_share_is_the_maximum_likelihood_one(lost: int, won: int, drop: float) -> None:
    """The score again, from the likelihood's maximum found on a grid instead of by formula."""
    n = 100
    shares = np.linspace(max(0.0, -drop), (1 - drop) / 2, 2_000_001)
    with np.errstate(divide="ignore", invalid="ignore"):
        likelihood = sum(
            np.where(count > 0, count * np.log(share), 0.0)
            for count, share in (
                (won, shares), (lost, shares + drop), (n - lost - won, 1 - 2 * shares - drop),
            )
        )  # fmt: skip
    best = shares[int(np.nanargmax(likelihood))]
    variance = n * (2 * best + drop - drop * drop)
    expected = (lost - won - n * drop) / math.sqrt(variance)
    found = paired.score(Discordance(samples=n, lost=lost, won=won), drop)
    assert found == pytest.approx(expected, rel=2e-3, abs=2e-3)


@given(seen(), st.floats(1e-6, 0.99))
def test_losses_are_wins_seen_from_the_other_side(one: Discordance, drop: float) -> None:
    other = Discordance(samples=one.samples, lost=one.won, won=one.lost)
    assert paired.score(one, drop) == pytest.approx(-paired.score(other, -drop), abs=1e-6)


@given(seen(), st.floats(0.001, 0.9), st.floats(0.0, 0.09))
def test_a_larger_margin_never_raises_p(one: Discordance, margin: float, more: float) -> None:
    assert paired.p_value(one, margin + more) <= paired.p_value(one, margin) + 1e-9


@given(seen(), st.floats(0.001, 0.9))
def test_another_loss_never_lowers_p(one: Discordance, margin: float) -> None:
    if one.lost + one.won < one.samples:
        worse = Discordance(samples=one.samples, lost=one.lost + 1, won=one.won)
        assert paired.p_value(worse, margin) >= paired.p_value(one, margin) - 1e-9


@given(seen(), st.floats(0.6, 0.999))
def test_the_bounds_hold_the_estimate_and_widen_with_confidence(
    one: Discordance, confidence: float
) -> None:
    low, high = paired.bounds(one, confidence)
    assert low - 1e-9 <= one.drop <= high + 1e-9
    wider = paired.bounds(one, confidence + 0.0009)
    assert wider[0] <= low + 1e-9
    assert wider[1] >= high - 1e-9


@given(seen(), st.floats(0.005, 0.5))
def test_a_test_passes_where_its_upper_bound_lies_below_the_margin(
    one: Discordance, margin: float
) -> None:
    high = paired.bounds(one, 1 - RISK)[1]
    if abs(high - margin) > 1e-6:
        assert (paired.p_value(one, margin) <= RISK) == (high < margin)


@pytest.mark.parametrize("margin", [0.005, 0.01, 0.02, 0.05])
def test_without_any_loss_it_takes_z_squared_over_the_margin(margin: float) -> None:
    z = 1.959964
    limit = z * z * (1 - margin) / margin
    for samples, passes in ((math.floor(limit), False), (math.ceil(limit), True)):
        nothing = Discordance(samples=samples, lost=0, won=0)
        assert (paired.p_value(nothing, margin) <= RISK) is passes
        assert samples > 3 / margin


def test_a_margin_of_everything_is_kept_and_a_gain_of_everything_is_not() -> None:
    some = Discordance(samples=10, lost=2, won=1)
    assert paired.p_value(some, 1.5) == 0.0
    assert paired.p_value(some, -1.0) == 1.0


@pytest.mark.parametrize("samples", [100, 200, 400, 800])
@pytest.mark.parametrize("margin", [0.01, 0.02, 0.05])
def test_a_candidate_at_the_limit_passes_in_one_case_of_forty(samples: int, margin: float) -> None:
    """Summed over all outcomes; the score test is approximate: 2.6 % at most, not 2.5 %."""
    for won in (0.0, 0.002, 0.01, 0.03, 0.1):
        assert accepted_at_the_limit(samples, margin, won) <= 0.026


def test_a_percentile_bootstrap_would_accept_it_ten_times_as_often() -> None:
    """Which is why there is none here: samples without a loss promise it that there is none."""
    random = np.random.default_rng(11)
    passed = 0
    for _ in range(400):
        lost = random.random(100) < 0.01
        resampled = random.binomial(100, lost.mean(), size=1000) / 100
        passed += np.quantile(resampled, 1 - RISK) < 0.01
    assert passed / 400 > 0.25
    assert accepted_at_the_limit(100, 0.01, 0.0) <= RISK


def accepted_at_the_limit(samples: int, margin: float, won_share: float) -> float:
    """The probability of passing when the true drop is the margin."""
    lost_share = margin + won_share
    most = 40 + int(2 * samples * lost_share)
    logs = np.array([math.lgamma(k + 1) for k in range(samples + 1)])
    total = 0.0
    for won in range(min(most, samples) + 1 if won_share else 1):
        for lost in range(min(most, samples - won) + 1):
            outcome = Discordance(samples=samples, lost=lost, won=won)
            if paired.p_value(outcome, margin) > RISK:
                break  # a further loss passes even less
            rest = samples - won - lost
            log = logs[samples] - logs[won] - logs[lost] - logs[rest]
            log += (won * math.log(won_share) if won else 0.0) + lost * math.log(lost_share)
            total += math.exp(log + rest * math.log(1 - won_share - lost_share))
    return total
