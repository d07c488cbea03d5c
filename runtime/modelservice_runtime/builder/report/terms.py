"""The subject's own models of cost, fitted to what was measured: predicted beside measured.

Pruning: ``R = (P - P') / P`` is the share of parameters removed, and a call takes
``T' = k · T + C · R`` after it, where T is the time before: of the same engine, precision and
further steps without the pruning. k and C are fitted by least squares over all pruned candidates.
C is a time, and what pruning saves grows with the batch, so each batch size has its own k and C;
the line through all of them is given beside, with the error that it has.

Parallel search: with enough workers it takes ``T_parallel = max(t_i)``, the slowest chain.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from modelservice_runtime.builder.judged import Cost, Judged

PRUNE = "prune"
#: Two numbers are fitted; with fewer points the error would say nothing.
FEWEST = 3
#: The batch of the line through all batch sizes.
ALL = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PruningPoint:
    """One pruned candidate at one batch size, in milliseconds; predicted by the batch's line."""

    candidate: str
    batch: int
    ratio: float
    before_ms: float
    measured_ms: float
    predicted_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PruningLine:
    """``k`` (of the time before) and ``c`` (milliseconds at R = 1) with their error.

    ``batch``: 0 for the line through all batch sizes. ``rmse_ms``: root of the mean squared
    error; ``largest_error``: relative to the measured time.
    """

    batch: int
    points: int
    k: float
    c: float
    rmse_ms: float
    largest_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PruningFit:
    """``lines``: one for each batch size, and one through all. ``missing``: why there are none."""

    points: tuple[PruningPoint, ...]
    lines: tuple[PruningLine, ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallel:
    """The search side by side, seconds. ``gain``: all steps one after another ÷ measured."""

    workers: int
    serial_seconds: float
    predicted_seconds: float
    measured_seconds: float
    gain: float | None


def ratio(candidate: Judged) -> float | None:
    """R of a candidate that counted its parameters, else None."""
    before = candidate.figures.get("parameters_before", 0.0)
    after = candidate.figures.get("parameters")
    return None if after is None or before <= 0 else (before - after) / before


def is_pruned(candidate: Judged) -> bool:
    """Whether pruning is among its steps."""
    return any(step.technique == PRUNE for step in candidate.recipe.steps)


def pruning_points(candidates: Sequence[Judged]) -> tuple[PruningPoint, ...]:
    """Every pruned candidate beside its dense sibling, where both were measured."""
    return tuple(point for candidate in candidates for point in _points_of(candidate, candidates))


def fit_pruning(candidates: Sequence[Judged]) -> PruningFit:
    """Least squares over ``pruning_points``, batch size by batch size and over all of them."""
    points = pruning_points(candidates)
    missing = _missing(points)
    if missing:
        return PruningFit(points=points, missing=missing)
    batches = sorted({point.batch for point in points})
    found = (_line(batch, [p for p in points if p.batch == batch]) for batch in batches)
    lines = {line.batch: line for line in (*found, _line(ALL, points)) if line is not None}
    if not lines:
        return PruningFit(points=points, missing="these points do not tell k and C apart")
    return PruningFit(
        points=tuple(_with_prediction(point, lines.get(point.batch)) for point in points),
        lines=tuple(lines.values()),
    )


def _line(batch: int, points: Sequence[PruningPoint]) -> PruningLine | None:
    """None where there are too few points, or all at the same R and T."""
    given = np.array([[point.before_ms, point.ratio] for point in points])
    measured = np.array([point.measured_ms for point in points])
    if len(points) < FEWEST or np.linalg.matrix_rank(given) < given.shape[1]:
        return None
    (k, c), *_ = np.linalg.lstsq(given, measured, rcond=None)
    errors = given @ np.array([k, c]) - measured
    return PruningLine(
        batch=batch,
        points=len(points),
        k=float(k),
        c=float(c),
        rmse_ms=float(np.sqrt(np.mean(errors**2))),
        largest_error=float(np.max(np.abs(errors) / np.maximum(measured, 1e-9))),
    )


def parallel(cost: Cost) -> Parallel:
    """What the search took side by side, beside max(t_i)."""
    measured = cost.measured_parallel_seconds
    return Parallel(
        workers=cost.workers,
        serial_seconds=cost.serial_seconds,
        predicted_seconds=cost.predicted_parallel_seconds,
        measured_seconds=measured,
        gain=cost.serial_seconds / measured if measured > 0 else None,
    )


def _missing(points: Sequence[PruningPoint]) -> str:
    count = len({point.candidate for point in points})
    if count >= FEWEST:
        return ""
    return (
        f"the fit needs at least {FEWEST} pruned candidates that were measured beside the same"
        f" thing unpruned; there {'is 1' if count == 1 else f'are {count}'}"
    )


def _points_of(candidate: Judged, candidates: Sequence[Judged]) -> Iterator[PruningPoint]:
    share = _removed(candidate, candidates)
    dense = _dense(candidate, candidates)
    if share is None or dense is None:
        return
    before = {pair.batch: pair.artifact_ms for pair in dense.latency}
    for pair in candidate.latency:
        if pair.batch in before:
            yield PruningPoint(
                candidate=candidate.recipe.name,
                batch=pair.batch,
                ratio=share,
                before_ms=before[pair.batch],
                measured_ms=pair.artifact_ms,
            )


def _removed(candidate: Judged, candidates: Sequence[Judged]) -> float | None:
    """R; a later step (int8) does not count parameters, but its pruning step did once."""
    if not is_pruned(candidate):
        return None
    own = ratio(candidate)
    if own is not None:
        return own
    step = next(step for step in candidate.recipe.steps if step.technique == PRUNE)
    others = (ratio(each) for each in candidates if step in each.recipe.steps)
    return next((found for found in others if found is not None), None)


def _dense(candidate: Judged, candidates: Sequence[Judged]) -> Judged | None:
    """The candidate of the same engine, precision and further steps that was not pruned."""
    recipe = candidate.recipe
    rest = [step for step in recipe.steps if step.technique != PRUNE]
    for other in candidates:
        same = (other.recipe.engine, other.recipe.precision) == (recipe.engine, recipe.precision)
        if same and other.latency and list(other.recipe.steps) == rest:
            return other
    return None


def _with_prediction(point: PruningPoint, line: PruningLine | None) -> PruningPoint:
    if line is None:
        return point
    return dataclasses.replace(point, predicted_ms=line.k * point.before_ms + line.c * point.ratio)
