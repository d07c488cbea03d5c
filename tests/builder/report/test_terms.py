"""Predicted beside measured: pruning's T' = k · T + C · R and the parallel search's max(t_i)."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.builder.judged import Cost, Judged
from modelservice_runtime.builder.recipes import Recipe, Step
from modelservice_runtime.builder.report import terms
from modelservice_runtime.contract.manifest import LatencyPair

FUSE, INT8 = Step(technique="fuse", label="fuse"), Step(technique="quantize_static", label="int8")


def timed(
    *steps: Step, ms: dict[int, float], engine: str = "onnxruntime", **figures: float
) -> Judged:
    pairs = tuple(LatencyPair(batch=b, source_ms=9.0, artifact_ms=t) for b, t in ms.items())
    recipe = Recipe(steps=steps, engine=engine)
    return Judged(recipe=recipe, outcome="Passed", reason="", latency=pairs, figures=figures)


def prune(share: float) -> Step:
    return Step(technique="prune", label=f"prune-{share:g}", parameters={"ratio": share})


def pruned(share: float, ms: dict[int, float], *more: Step, engine: str = "onnxruntime") -> Judged:
    return timed(
        prune(share), *more, ms=ms, engine=engine, parameters_before=1000.0,
        parameters=1000.0 * (1 - share),
    )  # fmt: skip


def test_the_ratio_is_the_share_of_parameters_removed() -> None:
    assert terms.ratio(pruned(0.25, {1: 1.0})) == pytest.approx(0.25)
    assert terms.ratio(timed(FUSE, ms={1: 1.0})) is None
    assert terms.ratio(timed(FUSE, ms={}, parameters_before=0.0, parameters=0.0)) is None


@given(
    st.floats(0.5, 1.5),
    st.floats(-8.0, 2.0),
    st.lists(st.integers(5, 90), min_size=3, max_size=6, unique=True),
)
def test_the_fit_finds_the_law_that_the_times_follow(
    k: float, c: float, percents: list[int]
) -> None:
    before = {1: 10.0, 8: 64.0}
    found = terms.fit_pruning(
        [
            timed(FUSE, ms=before),
            *(
                pruned(p / 100, {b: k * t + c * b * p / 100 for b, t in before.items()}, FUSE)
                for p in percents
            ),
        ]
    )
    one, eight, everything = found.lines
    assert (one.batch, eight.batch, everything.batch) == (1, 8, terms.ALL)
    for line in (one, eight):
        assert line.k == pytest.approx(k, abs=1e-6)
        assert line.c == pytest.approx(c * line.batch, abs=1e-6)
        assert line.rmse_ms == pytest.approx(0.0, abs=1e-6)
    assert [p.predicted_ms for p in found.points] == pytest.approx(
        [p.measured_ms for p in found.points], abs=1e-6
    )


def test_the_error_is_said_in_milliseconds_and_as_a_share_of_the_measured_time() -> None:
    """Three points at one T that no line meets: the residuals are known by hand."""
    times = {0.2: 8.0, 0.4: 7.0, 0.6: 4.0}
    found = terms.fit_pruning(
        [timed(ms={1: 10.0}), *(pruned(share, {1: t}) for share, t in times.items())]
    )
    (line, _) = found.lines
    residuals = [-1 / 3, 2 / 3, -1 / 3]
    assert (line.k, line.c) == (pytest.approx(31 / 30), pytest.approx(-10.0))
    assert line.rmse_ms == pytest.approx((sum(r * r for r in residuals) / 3) ** 0.5)
    assert line.largest_error == pytest.approx((2 / 3) / 7.0)


def test_fewer_than_three_pruned_candidates_are_no_fit_but_still_points() -> None:
    two = [timed(ms={1: 10.0}), pruned(0.3, {1: 8.0}), pruned(0.5, {1: 6.0})]
    found = terms.fit_pruning(two)
    assert found.lines == ()
    assert [point.predicted_ms for point in found.points] == [None, None]
    assert found.missing == (
        "the fit needs at least 3 pruned candidates that were measured beside the same thing"
        " unpruned; there are 2"
    )
    assert terms.fit_pruning(two[:2]).missing.endswith("there is 1")
    assert terms.fit_pruning([]).points == ()


def test_equal_ratios_tell_k_and_c_not_apart() -> None:
    same = [dataclasses.replace(pruned(0.5, {1: 6.0}, FUSE), recipe=Recipe(steps=(
        Step(technique="prune", label=f"prune-{n}"), FUSE))) for n in range(3)]  # fmt: skip
    found = terms.fit_pruning([timed(FUSE, ms={1: 10.0}), *same])
    assert (found.lines, found.missing) == ((), "these points do not tell k and C apart")


def test_a_pruned_candidate_stands_beside_the_same_engine_and_further_steps() -> None:
    candidates = [
        timed(ms={1: 10.0}),
        timed(FUSE, ms={1: 9.0}),
        timed(FUSE, INT8, ms={1: 4.0}),
        timed(FUSE, ms={1: 7.0}, engine="openvino"),
        pruned(0.5, {1: 5.0}, FUSE),
        # int8 counts no parameters; its pruning step did.
        timed(prune(0.5), FUSE, INT8, ms={1: 3.0, 8: 20.0}),
        pruned(0.3, {1: 5.0}, FUSE, engine="tensorrt"),
    ]
    points = terms.pruning_points(candidates)
    assert [(p.before_ms, p.measured_ms, p.ratio) for p in points] == [
        (9.0, 5.0, 0.5),
        (4.0, 3.0, 0.5),
    ]


def test_the_parallel_search_is_said_beside_its_bound() -> None:
    cost = Cost(
        total_seconds=100.0,
        workers=2,
        serial_seconds=60.0,
        predicted_parallel_seconds=25.0,
        measured_parallel_seconds=40.0,
        stage_seconds={},
        peak_memory_bytes={},
    )
    found = terms.parallel(cost)
    assert (found.predicted_seconds, found.measured_seconds, found.gain) == (25.0, 40.0, 1.5)
    nothing = dataclasses.replace(cost, measured_parallel_seconds=0.0)
    assert terms.parallel(nothing).gain is None
