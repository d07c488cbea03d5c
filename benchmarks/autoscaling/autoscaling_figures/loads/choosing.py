"""Which parts of recorded traffic are replayed, and how large. Pure; the same rules for any."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from autoscaling_figures.simulator.arrivals import Trace

#: Of each series the busiest part of this length.
WINDOW = 3 * 3600.0
#: What a mix of services is replayed for, from its beginning.
MIX_SECONDS = 6 * 3600.0
MIX_SERVICES = 5
#: Of a file with many series those that change most.
SERIES_OF_A_FILE = 3
#: More above the mean is a service to be started for each request, which is not this balancer's.
MOST_PEAK = 20.0
#: Fewer a minute are noise, once made large.
LEAST_A_MINUTE = 10.0
#: Replicas that the mean load takes within the goal.
MEAN_REPLICAS = 6.0


def single(files: Mapping[str, Mapping[str, Trace]], window: float = WINDOW) -> list[Trace]:
    """Series that are replayed each alone: their busiest hours."""
    found: list[Trace] = []
    for series in files.values():
        parts = [busiest(trace, window) for trace in series.values()]
        usable = [part for part in parts if part is not None]
        usable.sort(key=variation, reverse=True)
        found += usable[:SERIES_OF_A_FILE]
    return found


def busiest(trace: Trace, window: float) -> Trace | None:
    """The part with the most requests; None where there are too few, or nearly all at once."""
    length = min(len(trace.counts), int(window / trace.seconds))
    sums = np.convolve(trace.counts, np.ones(length), "valid")
    begin = int(np.argmax(sums))
    counts = trace.counts[begin : begin + length]
    mean = counts.mean()
    if mean / trace.seconds * 60 < LEAST_A_MINUTE or counts.max() / mean > MOST_PEAK:
        return None
    return Trace(name=trace.name, counts=counts, seconds=trace.seconds)


def variation(trace: Trace) -> float:
    """Of the counts: their deviation beside their mean."""
    return float(trace.counts.std() / trace.counts.mean())


def sized(trace: Trace, each: float, replicas: float = MEAN_REPLICAS) -> Trace:
    """So many times the requests that the mean takes ``replicas`` that carry ``each`` a second."""
    return trace.scaled(replicas * each / float(trace.rate.mean()))


def mixes(files: Mapping[str, Mapping[str, Trace]]) -> dict[str, dict[str, Trace]]:
    """Files that are traffic of several services at the same time, no longer than a day."""
    found = {}
    for name, series in files.items():
        longest = max(trace.duration for trace in series.values())
        if len(series) >= MIX_SERVICES and longest <= 24 * 3600.0:
            found[name] = {key: trace.part(0, MIX_SECONDS) for key, trace in series.items()}
    return found


def most_replicas(trace: Trace, each: float) -> int:
    """What no controller may go beyond: four times the busiest minutes' need."""
    bins = max(1, round(60.0 / trace.seconds))
    busiest_rate = np.convolve(trace.rate, np.ones(bins) / bins, "valid").max()
    return int(4 * busiest_rate / each) + 8
