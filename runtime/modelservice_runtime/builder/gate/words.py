"""How the gate speaks: figures and small phrases."""

from __future__ import annotations

#: For a caller that does not say which metric it is.
UNNAMED = "the metric"


def number(value: float) -> str:
    """Four digits that count."""
    return f"{value:.4g}"


def samples(count: int) -> str:
    """``1 sample``, ``300 samples``."""
    return f"{count} sample" if count == 1 else f"{count} samples"


def percent(share: float) -> str:
    """``97.5 %``."""
    return f"{100 * share:.6g} %"


def change(drop: float) -> str:
    """``a loss of 0.01``, ``a gain of 0.02``, ``no loss``."""
    if number(drop) in ("0", "-0"):
        return "no loss"
    return f"a loss of {number(drop)}" if drop > 0 else f"a gain of {number(-drop)}"


def unusable(metric: str, counts: tuple[int, int], total: int) -> str:
    """Why NaN in the source model's or the candidate's scores ends it; empty without any."""
    source, candidate = counts
    if source:
        return (
            f"{metric} of the source model itself is NaN or infinite for {source} of"
            f" {samples(total)}, so nothing can be compared with it"
        )
    if candidate:
        return f"{metric} is NaN or infinite for {candidate} of {samples(total)}"
    return ""
