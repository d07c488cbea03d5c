"""The exact binomial test of a share, and Holm's method for several tests."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.builder.gate import proportions, several
from modelservice_runtime.builder.gate.proportions import Share

RISK = 0.025


@st.composite
def shares(draw: st.DrawFn) -> Share:
    samples = draw(st.integers(1, 400))
    return Share(samples=samples, hits=draw(st.integers(0, samples)))


@pytest.mark.parametrize(
    ("samples", "hits", "low", "high"),
    [
        # Newcombe 1998 (Statistics in Medicine 17, 857-872), table I, Clopper-Pearson.
        (263, 81, 0.2527, 0.3676),
        (148, 15, 0.0578, 0.1617),
        (20, 0, 0.0, 0.1684),
        (29, 1, 0.0009, 0.1776),
    ],
)
def test_the_bounds_are_the_published_ones(
    samples: int, hits: int, low: float, high: float
) -> None:
    found = proportions.bounds(Share(samples=samples, hits=hits), 1 - RISK)
    assert found == pytest.approx((low, high), abs=6e-5)


@given(shares(), st.floats(0.001, 0.999))
def test_the_tail_is_the_sum_of_its_terms(share: Share, threshold: float) -> None:
    n = share.samples
    terms = (
        math.comb(n, k) * threshold**k * (1 - threshold) ** (n - k)
        for k in range(share.hits, n + 1)
    )
    assert proportions.p_value(share, threshold) == pytest.approx(sum(terms), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("samples", [10, 31, 100, 401])
@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 0.9, 0.99])
def test_a_candidate_at_the_threshold_never_passes_more_often_than_promised(
    samples: int, threshold: float
) -> None:
    passing = [
        math.comb(samples, hits) * threshold**hits * (1 - threshold) ** (samples - hits)
        for hits in range(samples + 1)
        if proportions.p_value(Share(samples=samples, hits=hits), threshold) <= RISK
    ]
    assert sum(passing) <= RISK + 1e-12


@given(shares(), st.floats(0.0, 0.99), st.floats(0.0, 0.01))
def test_fewer_hits_or_a_higher_threshold_never_lower_p(
    share: Share, threshold: float, more: float
) -> None:
    p = proportions.p_value(share, threshold)
    assert proportions.p_value(share, threshold + more) >= p - 1e-9
    if share.hits:
        fewer = Share(samples=share.samples, hits=share.hits - 1)
        assert proportions.p_value(fewer, threshold) >= p - 1e-9


@given(shares(), st.floats(0.6, 0.999))
def test_the_bounds_hold_the_share(share: Share, confidence: float) -> None:
    low, high = proportions.bounds(share, confidence)
    assert -1e-12 <= low <= share.value + 1e-12
    assert share.value - 1e-12 <= high <= 1 + 1e-12


def test_no_share_is_proven_to_be_one() -> None:
    assert proportions.p_value(Share(samples=10**6, hits=10**6), 1.0) == 1.0
    assert proportions.p_value(Share(samples=5, hits=0), -0.5) == 0.0


def test_holm_takes_the_smallest_times_all_and_the_next_times_the_rest() -> None:
    assert several.adjusted([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert several.adjusted([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.data())
def test_holm_keeps_the_order_and_more_candidates_never_help(
    p_values: list[float], data: st.DataObject
) -> None:
    found = several.adjusted(p_values)
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    assert [found[i] for i in order] == sorted(found)
    assert all(0 <= own <= adjusted <= 1 for own, adjusted in zip(p_values, found, strict=True))
    another = several.adjusted([*p_values, data.draw(st.floats(0, 1))])
    assert all(now >= before for now, before in zip(another, found, strict=False))
