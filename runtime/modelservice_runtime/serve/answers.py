"""Is an answer the expected one? A pure decision over arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from modelservice_runtime.contract.manifest import ParityPoint
from modelservice_runtime.contract.requests import ParityTolerance

#: An artifact may differ from its own measured differences by this factor: another machine's
#: kernels round in another order.
_SLACK = 2.0


def tolerance_for(points: Sequence[ParityPoint]) -> ParityTolerance:
    """What the answers of an artifact must keep that was published with these differences.

    The defaults; wider only where the artifact itself was let through with more.
    """
    base = ParityTolerance()
    wide = [p for p in points if p.max_absolute > base.absolute and p.max_relative > base.relative]
    absolute = max([base.absolute, *(_SLACK * point.max_absolute for point in wide)])
    cosine = min([base.cosine, *(1 - _SLACK * (1 - point.cosine) for point in points)])
    return ParityTolerance(absolute=absolute, relative=base.relative, cosine=cosine)


def difference(
    expected: Mapping[str, np.ndarray], actual: Mapping[str, np.ndarray], tolerance: ParityTolerance
) -> str:
    """Why ``actual`` is not the expected answer, in words; empty if it is."""
    reasons = (_difference(name, want, actual, tolerance) for name, want in expected.items())
    return next((reason for reason in reasons if reason), "")


def _difference(
    name: str,
    want: np.ndarray,
    actual: Mapping[str, np.ndarray],
    tolerance: ParityTolerance,
) -> str:
    got = actual.get(name)
    if got is None:
        return f"output {name!r} is missing"
    if got.shape != want.shape or got.dtype != want.dtype:
        return (
            f"output {name!r} is {got.dtype}{list(got.shape)}, not {want.dtype}{list(want.shape)}"
        )
    if not np.issubdtype(want.dtype, np.floating):
        wrong = int((got != want).sum())
        return f"output {name!r} differs in {wrong} of {want.size} values" if wrong else ""
    return _far(name, want.astype(np.float64), got.astype(np.float64), tolerance)


def _far(name: str, want: np.ndarray, got: np.ndarray, tolerance: ParityTolerance) -> str:
    close = np.isclose(got, want, rtol=tolerance.relative, atol=tolerance.absolute)
    if not close.all():
        worst = float(np.nanmax(np.abs(got - want))) if np.isfinite(got).any() else float("nan")
        wrong = int(want.size - close.sum())
        return f"output {name!r} is wrong in {wrong} of {want.size} values, by up to {worst:.3g}"
    cosine = _cosine(want.ravel(), got.ravel())
    if cosine < tolerance.cosine:
        return f"output {name!r} has cosine {cosine:.6f}, at least {tolerance.cosine} is wanted"
    return ""


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths > 0 else 1.0
