"""Is an answer the expected one? A pure decision over arrays.

What a served variant answers is compared with what the same variant answered when it was built.
The two differ by rounding, and where activations are quantized dynamically by more: the scale is
that of the whole batch, so a row's answer depends on the rows beside it (on int8 models that was
measured to be up to 0.9 times their distance to the source model; static int8, bf16 and fp32 gave
the same to the last bits in batches of any size, and every engine the same with 1 and 2 threads).
The distance to the source model is known, and bounds it: both answers lie within it, so they are
at most twice as far from each other. Wrong weights are further away by far: they differ by the
size of the outputs, not by that of the noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from modelservice_runtime.contract.manifest import ParityPoint, Variant
from modelservice_runtime.contract.requests import ParityTolerance

#: Each of two answers is within a distance of a third one.
_TWICE = 2.0
#: Twice the angle makes four times the difference of its cosine from 1.
_FOUR_TIMES = 4.0
#: Of integers (labels) that a coarser arithmetic gives, one on the edge between two may fall to
#: the other side. Wrong weights give mostly others.
_SAME_LABELS = 0.5
_FINE = "fp32"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """How far an answer may be from the expected one.

    An element passes if |a - b| ≤ absolute + relative · |b|; the output passes if all elements
    do and the cosine of it flattened is at least ``cosine``. Of an output of integers or booleans
    at least the share ``same`` must be equal.
    """

    absolute: float
    relative: float
    cosine: float
    same: float = 1.0


def allowed_for(variant: Variant) -> Allowed:
    """What the answers of ``variant`` must keep, by how far it was from the source model."""
    base = ParityTolerance()
    far = [point for point in variant.parity if _is_far(point, base)]
    absolute = max([base.absolute, *(point.max_absolute for point in far)])
    lost = max([1 - base.cosine, *(1 - point.cosine for point in variant.parity)])
    return Allowed(
        absolute=_TWICE * absolute,
        relative=_TWICE * base.relative,
        cosine=1 - _FOUR_TIMES * lost,
        same=1.0 if variant.precision == _FINE else _SAME_LABELS,
    )


def _is_far(point: ParityPoint, base: ParityTolerance) -> bool:
    """Whether the relative difference does not excuse the absolute one."""
    return point.max_absolute > base.absolute and point.max_relative > base.relative


def difference(
    expected: Mapping[str, np.ndarray], actual: Mapping[str, np.ndarray], allowed: Allowed
) -> str:
    """Why ``actual`` is not the expected answer, in words; empty if it is."""
    reasons = (_difference(name, want, actual, allowed) for name, want in expected.items())
    return next((reason for reason in reasons if reason), "")


def _difference(
    name: str, want: np.ndarray, actual: Mapping[str, np.ndarray], allowed: Allowed
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
        many = wrong > (1 - allowed.same) * want.size
        return f"output {name!r} differs in {wrong} of {want.size} values" if many else ""
    return _far(name, want.astype(np.float64), got.astype(np.float64), allowed)


def _far(name: str, want: np.ndarray, got: np.ndarray, allowed: Allowed) -> str:
    close = np.isclose(got, want, rtol=allowed.relative, atol=allowed.absolute)
    if not close.all():
        worst = float(np.nanmax(np.abs(got - want))) if np.isfinite(got).any() else float("nan")
        wrong = int(want.size - close.sum())
        return f"output {name!r} is wrong in {wrong} of {want.size} values, by up to {worst:.3g}"
    cosine = _cosine(want.ravel(), got.ravel())
    if cosine < allowed.cosine:
        return f"output {name!r} has cosine {cosine:.6f}, at least {allowed.cosine:.6f} is wanted"
    return ""


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths > 0 else 1.0
