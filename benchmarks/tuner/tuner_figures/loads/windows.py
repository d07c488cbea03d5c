"""How long requests are sent for. Pure."""

from __future__ import annotations

#: Of which a hundredth can be told apart: a p99 with 21 requests beyond it.
LEAST_REQUESTS = 2_100
MOST_SECONDS = 30.0


def seconds_for(rate: float, least: float) -> float:
    """So that there are enough requests at ``rate`` a second; ``least`` seconds in any case."""
    return max(least, min(MOST_SECONDS, LEAST_REQUESTS / rate if rate > 0 else MOST_SECONDS))
