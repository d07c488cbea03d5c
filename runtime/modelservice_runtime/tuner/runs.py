"""How long perf_analyzer measures, and the words that tell it so. Pure.

What perf_analyzer 2.51 does, and what follows from it (tried):

- A time window in which no request ends is an error, so windows are longer than the latency;
  where they would be too long, windows that count requests are used.
- It wants at least three windows, and gives figures over all three.
- ``--request-count`` measures just so many requests; it looks at the clock once a second, so
  that its throughput is wrong, but its latencies are exact. It refuses fewer than concurrency.
- Its own Poisson arrivals are always the same few, 25 % off the rate wanted in a short run. It
  therefore gets intervals of ours.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

#: Below one second, since perf_analyzer looks at the clock once a second.
LONE_SECONDS = 0.9
LONE_SECONDS_MOST = 10.0
LONE_REQUESTS = 5
PROBE_REQUESTS = 3
MOST_REQUESTS = 50_000

WINDOWS = 3
WINDOW_SECONDS = 0.6
#: Windows longer than this count requests instead.
WINDOW_SECONDS_MOST = 2.0
#: A window holds at least as many latencies as this.
WINDOW_LATENCIES = 3
#: perf_analyzer's own test of stability would reject every window on a noisy machine.
STABILITY_PERCENT = 999

#: A run at a rate: as many arrivals as make a good percentile if they come in a few seconds, as
#: many as make a fair one if that takes longer, and at least so many as say anything at all.
OPEN_SECONDS = 1.9
OPEN_SECONDS_GOOD = 3.9
OPEN_REQUESTS_GOOD = 200
OPEN_REQUESTS_FAIR = 60
OPEN_REQUESTS_LEAST = 10
_SEED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """``words`` for perf_analyzer; ``seconds`` that it takes if all is as expected.

    ``intervals``: microseconds between requests, for the file that perf_analyzer reads them
    from; empty where they follow from the concurrency.
    """

    words: tuple[str, ...]
    seconds: float
    intervals: tuple[int, ...] = ()


def probe() -> Run:
    """The first requests of all, when no latency is known."""
    return Run(words=_one_after_another(1, PROBE_REQUESTS), seconds=1.0)


def lone(batch: int, expected_ms: float) -> Run:
    """One request of ``batch`` rows after another, each taking about ``expected_ms``."""
    each = expected_ms / 1000
    most = max(2, min(LONE_REQUESTS, int(LONE_SECONDS_MOST / each)))
    count = min(MOST_REQUESTS, max(most, int(LONE_SECONDS / each)))
    return Run(words=_one_after_another(batch, count), seconds=max(1.0, count * each))


def closed(concurrency: int, expected_ms: float) -> Run:
    """So many single-row requests at a time, each followed by the next.

    ``expected_ms``: latency of a request among so many.
    """
    window = max(WINDOW_SECONDS, WINDOW_LATENCIES * expected_ms / 1000)
    if window <= WINDOW_SECONDS_MOST:
        mode: tuple[str, ...] = ("-p", str(round(window * 1000)))
        seconds = WINDOWS * window
    else:
        count = ("--measurement-request-count", str(concurrency))
        mode = ("--measurement-mode", "count_windows", *count)
        seconds = (WINDOWS + 1) * max(1.0, expected_ms / 1000)
    words = (
        *("-b", "1", f"--concurrency-range={concurrency}", "--async", *mode),
        *("-r", str(WINDOWS), "-s", str(STABILITY_PERCENT)),
    )
    return Run(words=words, seconds=seconds)


def open_loop(rate: float, seconds_most: float) -> Run | None:
    """Single-row requests at random times, ``rate`` a second; None: there is no time for it."""
    good = min(OPEN_REQUESTS_GOOD / rate, OPEN_SECONDS_GOOD)
    seconds = min(max(OPEN_SECONDS, good, OPEN_REQUESTS_FAIR / rate), seconds_most)
    count = min(MOST_REQUESTS, int(rate * seconds))
    if count < OPEN_REQUESTS_LEAST:
        return None
    return Run(
        words=("-b", "1", "--async", f"--request-count={count}"),
        seconds=count / rate,
        intervals=arrivals(rate, count),
    )


def arrivals(rate: float, count: int) -> tuple[int, ...]:
    """``count`` exponential intervals in microseconds that together take ``count / rate``.

    The same ones for every rate, but for their unit: two rates differ in nothing else.
    """
    generator = random.Random(_SEED)  # noqa: S311 - a trace, not a secret
    drawn = [generator.expovariate(1.0) for _ in range(count)]
    unit = count / rate / sum(drawn) * 1e6
    return tuple(max(1, round(value * unit)) for value in drawn)


def _one_after_another(batch: int, count: int) -> tuple[str, ...]:
    return ("-b", str(batch), "--concurrency-range=1", f"--request-count={count}")


def timeout(run: Run, seconds_left: float) -> float:
    """Seconds after which the run is broken off: something hangs, or time is up."""
    return min(seconds_left, math.ceil(5 * run.seconds) + 30.0)
