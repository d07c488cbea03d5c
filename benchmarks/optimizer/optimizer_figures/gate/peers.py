"""What others check in the gate's place, each on the same samples.

Runs in the builder's environment. AITune and Model Navigator need a GPU, so their checks are
written anew here, from their sources (AITune 0.6.0, ``task/correctness.py``; Model Navigator
0.14.0, ``commands/correctness``).
"""

from __future__ import annotations

import numpy as np

#: ``numpy.isclose`` for every number of the output; Navigator records the largest differences for
#: its user to compare with something, and these are usual for that.
RELATIVE, ABSOLUTE = 1e-2, 1e-3
#: Rounding of a mean is no loss, for the gate as for an estimate.
_ROUNDING = 1e-12


def aitune_refuses(source: np.ndarray, candidate: np.ndarray) -> bool:
    """AITune's check, reimplemented: NaN or infinity somewhere, or another shape."""
    return candidate.shape != source.shape or not bool(np.isfinite(candidate).all())


def tolerance_refuses(source: np.ndarray, candidate: np.ndarray) -> bool:
    """A fixed tolerance, as one sets it on what Navigator records."""
    with np.errstate(invalid="ignore"):  # infinity less infinity is no number, and not close
        return not bool(np.isclose(candidate, source, rtol=RELATIVE, atol=ABSOLUTE).all())


def estimate_refuses(drop: float, goal: float) -> bool:
    """The plain point estimate: what was lost on these samples is more than the goal allows."""
    return drop > goal + _ROUNDING
