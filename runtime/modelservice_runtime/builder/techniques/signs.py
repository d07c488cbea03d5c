"""What a judged candidate shows about its accuracy, whatever else it was rejected for. Pure.

The order of the gates tells: first the metric on the selection part (``doubted`` if it misses the
goals there), then latency, then the metric on the gate's part. A candidate with a latency and no
metric that nobody doubts was stopped for its speed.
"""

from __future__ import annotations

from modelservice_runtime.builder.judged import (
    CHOSEN,
    FINALIST,
    PASSED,
    REJECTED,
    UNDECIDED,
    Judged,
)


def kept(candidate: Judged) -> bool:
    """It keeps the metric, as far as was seen."""
    if candidate.outcome in {CHOSEN, FINALIST, PASSED}:
        return True
    stopped_for_speed = bool(candidate.latency) and candidate.metric is None
    stopped_for_speed = stopped_for_speed and not candidate.doubted
    return candidate.outcome == REJECTED and stopped_for_speed


def lost(candidate: Judged) -> bool:
    """It runs, and loses too much of the metric, or cannot be shown not to."""
    scored = candidate.selection_value is not None or candidate.metric is not None
    judged = candidate.outcome in {REJECTED, UNDECIDED}
    return judged and scored and not kept(candidate)
