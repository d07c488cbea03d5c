"""What peers read from Prometheus, as their queries would say it. NaN: no answer."""

from __future__ import annotations

import math

from autoscaling_figures.simulator.service import Scrape
from autoscaling_figures.simulator.world import Seen

#: Of rates.
WINDOW = 60.0
#: Of Triton's sample, and so much that two scrapes are in it.
SAMPLE_WINDOW = 32.0


def pod_rates(seen: Seen, now: float, window: float = WINDOW) -> dict[str, float]:
    """Offered requests a second of each pod that a rate can be made of.

    Successes, failures and growth of the queue, as ``sum(rate(…))`` would have it: better than
    what peers' own recipes read, so that it is their rules which are compared.
    """
    found = {}
    for pod, samples in seen.history.samples.items():
        inside = [sample for sample in samples if sample.at >= now - window]
        if len(inside) > 1:
            found[pod] = _rate(inside[0], inside[-1])
    return found


def _rate(first: Scrape, last: Scrape) -> float:
    done = last.successes - first.successes + last.failures - first.failures
    return max(0.0, done + last.pending - first.pending) / (last.at - first.at)


def queue_times(seen: Seen, now: float) -> dict[str, float]:
    """Microseconds that requests waited at each pod, as Triton's own sample for an HPA has it.

    ``delta(nv_inference_queue_duration_us[30s]) / (1 + delta(nv_inference_request_success[30s]))``.
    """
    found = {}
    for pod, samples in seen.history.samples.items():
        inside = [sample for sample in samples if sample.at >= now - SAMPLE_WINDOW]
        if len(inside) > 1:
            first, last = inside[0], inside[-1]
            waited = max(0.0, last.waited - first.waited)
            found[pod] = 1e6 * waited / (1 + max(0.0, last.successes - first.successes))
    return found


def total_rate(seen: Seen, now: float, window: float = WINDOW) -> float:
    """Of the service; NaN where there is no answer or no series."""
    rates = pod_rates(seen, now, window) if seen.answers else {}
    return math.fsum(rates.values()) if rates else math.nan


def total_pending(seen: Seen) -> float:
    """Requests that wait, by the last scrape; NaN where there is no answer or no series."""
    last = [samples[-1].pending for samples in seen.history.samples.values() if samples]
    return math.fsum(last) if last and seen.answers else math.nan
