"""Is the artifact equal enough to the source model? A pure decision over arrays.

============================================  =======================
the artifact's output                          verdict
============================================  =======================
is missing, or another type or shape           rejected
has NaN or Inf, or the source model has        rejected
integers or booleans that differ               rejected
|a - b| > absolute + relative · |b| anywhere   rejected
cosine below the minimum                       rejected
otherwise                                      passed
============================================  =======================
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from modelservice_runtime.contract.manifest import ParityPoint
from modelservice_runtime.contract.requests import ParityTolerance


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One output at one batch size. ``reason``: why it is rejected, empty if it passed."""

    output: str
    batch: int
    max_absolute: float
    max_relative: float
    cosine: float
    reason: str


def compare(
    expected: Mapping[str, np.ndarray],
    actual: Mapping[str, np.ndarray],
    *,
    batch: int,
    tolerance: ParityTolerance | None,
) -> tuple[Difference, ...]:
    """One ``Difference`` per expected output, in its order.

    Without a ``tolerance`` only what cannot be served at all is refused: a missing output, another
    type or shape, NaN and Inf; the task metric decides on the rest.
    """
    return tuple(
        _compare_one(name, array, actual.get(name), batch, tolerance)
        for name, array in expected.items()
    )


def verdict(differences: Iterable[Difference]) -> str:
    """Why the artifact is rejected, in words; empty if every output passed everywhere."""
    refused = [difference for difference in differences if difference.reason]
    if not refused:
        return ""
    first = refused[0]
    more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    return f"output {first.output!r} at batch {first.batch}: {first.reason}{more}"


def points(differences: Iterable[Difference]) -> tuple[ParityPoint, ...]:
    """The worst over all outputs, for each batch size."""
    by_batch: dict[int, list[Difference]] = {}
    for difference in differences:
        by_batch.setdefault(difference.batch, []).append(difference)
    return tuple(
        ParityPoint(
            batch=batch,
            max_absolute=max(d.max_absolute for d in group),
            max_relative=max(d.max_relative for d in group),
            cosine=min(d.cosine for d in group),
        )
        for batch, group in sorted(by_batch.items())
    )


def _compare_one(
    name: str,
    expected: np.ndarray,
    actual: np.ndarray | None,
    batch: int,
    tolerance: ParityTolerance | None,
) -> Difference:
    reason = _misfit(expected, actual)
    if reason or actual is None:
        return Difference(
            output=name, batch=batch, max_absolute=0.0, max_relative=0.0, cosine=0.0, reason=reason
        )
    b: np.ndarray = expected.astype(np.float64)
    a: np.ndarray = actual.astype(np.float64)
    exact = not np.issubdtype(expected.dtype, np.floating)
    with np.errstate(over="ignore"):  # an infinite difference is a large one
        absolute = np.abs(a - b)
        figures = {
            "max_absolute": _largest(absolute),
            # Beside zeros a relative difference says nothing; the absolute one counts there.
            "max_relative": _largest(absolute[b != 0] / np.abs(b[b != 0])),
            "cosine": _cosine(a, b),
        }
        if tolerance is not None:
            reason = _excess(absolute, b, tolerance, exact=exact)
            reason = reason or _low(figures["cosine"], tolerance)
    return Difference(output=name, batch=batch, **figures, reason=reason)


def _misfit(expected: np.ndarray, actual: np.ndarray | None) -> str:
    if actual is None:
        return "the artifact does not give it"
    if actual.dtype != expected.dtype:
        return f"the artifact gives {actual.dtype}, the source model {expected.dtype}"
    if actual.shape != expected.shape:
        return f"the artifact gives {list(actual.shape)}, the source model {list(expected.shape)}"
    if not np.isfinite(expected).all():
        return "the source model itself gives NaN or Inf; nothing can be compared"
    if not np.isfinite(actual).all():
        return "the artifact gives NaN or Inf where the source model does not"
    return ""


def _excess(
    absolute: np.ndarray, expected: np.ndarray, tolerance: ParityTolerance, *, exact: bool
) -> str:
    if exact:
        count = int(np.count_nonzero(absolute))
        return f"{count} of {absolute.size} integers differ; they must be equal" if count else ""
    allowed = tolerance.absolute + tolerance.relative * np.abs(expected)
    over = absolute - allowed
    if absolute.size == 0 or not (over > 0).any():
        return ""
    worst = int(np.argmax(over))
    return (
        f"differs by {absolute.flat[worst]:.3g} where the source model gives"
        f" {expected.flat[worst]:.6g}; allowed is {allowed.flat[worst]:.3g}"
        f" (absolute {tolerance.absolute:g} + relative {tolerance.relative:g})"
    )


def _low(cosine: float, tolerance: ParityTolerance) -> str:
    if cosine >= tolerance.cosine:
        return ""
    return f"cosine {cosine:.6f} is below the minimum {tolerance.cosine:g}"


def _largest(values: np.ndarray) -> float:
    return min(float(values.max()), sys.float_info.max) if values.size else 0.0


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Of the flattened arrays; two zero vectors are alike, one beside another is not."""
    # Scaled first: squares of large float64 values would overflow.
    size_a, size_b = _largest(np.abs(a)), _largest(np.abs(b))
    if size_a == 0.0 or size_b == 0.0:
        return 1.0 if size_a == size_b else 0.0
    x, y = a.ravel() / size_a, b.ravel() / size_b
    return float(np.clip(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)), -1.0, 1.0))
