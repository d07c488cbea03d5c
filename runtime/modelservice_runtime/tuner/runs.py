"""How long perf_analyzer measures, and the words that tell it so. Pure.

What perf_analyzer 2.51 does, and what follows from it (tried):

- A time window in which no request ends is an error, so windows are longer than the latency;
  where they would be too long, windows that count requests are used.
- It wants at least three windows, and gives figures over all three.
- ``--request-count`` measures just so many requests; it looks at the clock once a second, so
  that its throughput is wrong, but its latencies are exact. It refuses fewer than concurrency. Now
  and then, once in some hundred runs of a closed loop, it does not end.
- Its own Poisson arrivals are always the same few, 25 % off the rate wanted in a short run. It
  therefore gets intervals of ours.
- All requests of one perf_analyzer have the same number of rows, and each of its connections goes
  through the same data in the same order. A traffic of several sizes or lengths is several of them
  side by side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelservice_runtime.contract.traffic import LengthShare, RowsShare

from .simulation.arrivals import Requests

#: Below one second, since perf_analyzer looks at the clock once a second.
LONE_SECONDS = 0.9
LONE_SECONDS_MOST = 10.0
LONE_REQUESTS = 5
PROBE_REQUESTS = 3
MOST_REQUESTS = 50_000

WINDOWS = 3
WINDOW_SECONDS = 0.3
#: Windows longer than this count requests instead.
WINDOW_SECONDS_MOST = 2.0
#: A window holds at least as many latencies as this.
WINDOW_LATENCIES = 3
#: perf_analyzer's own test of stability would reject every window on a noisy machine.
STABILITY_PERCENT = 999

#: A run at a rate: as many arrivals as make a good percentile if they come in a few seconds, as
#: many as make a fair one if that takes longer, and at least so many as say anything at all.
#: A whole second would take two of perf_analyzer's, which looks at the clock once a second.
OPEN_SECONDS = 0.8
OPEN_SECONDS_GOOD = 3.9
OPEN_REQUESTS_GOOD = 700
OPEN_REQUESTS_FAIR = 60
OPEN_REQUESTS_LEAST = 10

#: A closed loop: two runs of as many requests tell 0.5 % of violations from 1 %, if each client has
#: sent so many of them.
LOOP_REQUESTS_GOOD, LOOP_ROUNDS = 1_100, 8
#: Fewer tell how fast the server is: where settings are compared, or the goal is missed by far.
LOOP_REQUESTS_FAIR = 400

#: A run that takes so many times as long, and as many seconds more, hangs.
PATIENCE, PATIENCE_SECONDS = 5, 15.0
#: And so does one in which nothing was answered for as long as it takes, and for so many seconds.
QUIET_SECONDS = 5.0


#: Rows and length of a request, the length 0 where nothing is said of it.
Kind = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One perf_analyzer: ``words`` for it; it sends ``requests`` of ``batch`` rows, 0: unknown.

    ``length``: of their open axes, 0 for the samples' own. ``intervals``: microseconds between
    requests, for the file that perf_analyzer reads them from; empty where they follow from the
    concurrency.
    """

    words: tuple[str, ...]
    batch: int = 1
    requests: int = 0
    length: int = 0
    intervals: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """``parts``: side by side. ``seconds``: that it takes if all is as expected.

    ``open_loop``: requests come at their own times. ``one_by_one``: every single latency is of use.
    """

    parts: tuple[Part, ...]
    seconds: float
    open_loop: bool = False
    one_by_one: bool = False


def probe(length: int = 0) -> Run:
    """The first requests of all, when no latency is known."""
    return Run(parts=(_one_after_another(1, PROBE_REQUESTS, length),), seconds=1.0)


def lone(batch: int, expected_ms: float, length: int = 0) -> Run:
    """One request of ``batch`` rows after another, each taking about ``expected_ms``."""
    each = expected_ms / 1000
    most = max(2, min(LONE_REQUESTS, int(LONE_SECONDS_MOST / each)))
    count = min(MOST_REQUESTS, max(most, int(LONE_SECONDS / each)))
    return Run(parts=(_one_after_another(batch, count, length),), seconds=max(1.0, count * each))


def closed(concurrency: int, expected_ms: float, batch: int = 1, length: int = 0) -> Run:
    """So many requests of ``batch`` rows at a time, each followed by the next.

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
        *("-b", str(batch), f"--concurrency-range={concurrency}", "--async", *mode),
        *("-r", str(WINDOWS), "-s", str(STABILITY_PERCENT)),
    )
    return Run(parts=(Part(words=words, batch=batch, length=length),), seconds=seconds)


def open_requests(requests_per_second: float, seconds_most: float) -> int:
    """How many requests to send at a rate; 0: there is no time for enough of them."""
    rate = requests_per_second
    good = min(OPEN_REQUESTS_GOOD / rate, OPEN_SECONDS_GOOD)
    seconds = min(max(OPEN_SECONDS, good, OPEN_REQUESTS_FAIR / rate), seconds_most)
    count = min(MOST_REQUESTS, int(rate * seconds))
    return count if count >= OPEN_REQUESTS_LEAST else 0


def open_loop(requests: Requests) -> Run:
    """Requests at their times, those of each size and length from a perf_analyzer of its own."""
    lengths = np.zeros_like(requests.rows) if requests.length is None else requests.length
    kinds = np.unique(np.stack([requests.rows, lengths]), axis=1).T.tolist()
    return Run(
        parts=tuple(
            _timed(requests.arrival[(requests.rows == size) & (lengths == length)], size, length)
            for size, length in kinds
        ),
        seconds=float(requests.arrival[-1]),
        open_loop=True,
        one_by_one=True,
    )


def clients_by_kind(
    clients: int, rows_per_request: Sequence[RowsShare], lengths: Sequence[LengthShare] = ()
) -> dict[Kind, int]:
    """How many clients send requests of which kind, all together ``clients``.

    By their shares, the largest remainders rounded up; a kind that none is left for is not there.
    """
    of_rows = {share.rows: share.percent for share in rows_per_request}
    of_length = {share.length: share.percent for share in lengths} or {0: 100.0}
    shares = {
        (rows, length): more * percent
        for rows, more in of_rows.items()
        for length, percent in of_length.items()
    }
    whole = math.fsum(shares.values())
    exact = {kind: clients * share / whole for kind, share in shares.items()}
    given = {kind: int(many) for kind, many in exact.items()}
    order = sorted(exact, key=lambda kind: given[kind] - exact[kind])
    for kind in order[: clients - sum(given.values())]:
        given[kind] += 1
    return {kind: many for kind, many in given.items() if many}


def in_flight_requests(
    clients: int, requests_per_second: float, seconds_most: float, wanted: int = LOOP_REQUESTS_GOOD
) -> int:
    """How many requests of a closed loop to look at; 0: there is no time for enough of them.

    ``wanted``: if they come in a few seconds or not; more where those take no second.
    """
    rate = requests_per_second
    seconds = seconds_most - clients / rate  # the first of each client come before
    good = max(OPEN_SECONDS * rate, wanted, LOOP_ROUNDS * clients)
    count = min(MOST_REQUESTS, int(min(good, seconds * rate)))
    return count if count >= max(OPEN_REQUESTS_LEAST, clients) else 0


def in_flight(by_kind: Mapping[Kind, int], count: int, requests_per_second: float) -> Run:
    """A closed loop with so many clients by kind of request, until ``count`` are answered.

    As many more are sent in the beginning as there are clients.
    """
    clients = sum(by_kind.values())
    parts = tuple(
        _looped(kind, many, many + math.ceil(count * many / clients))
        for kind, many in sorted(by_kind.items())
    )
    seconds = (count + clients) / requests_per_second
    return Run(parts=parts, seconds=seconds, one_by_one=True)


def _looped(kind: Kind, clients: int, requests: int) -> Part:
    rows, length = kind
    words = ("-b", str(rows), f"--concurrency-range={clients}", "--async")
    count = f"--request-count={requests}"
    return Part(words=(*words, count), batch=rows, requests=requests, length=length)


def _timed(times: np.ndarray, size: int, length: int) -> Part:
    gaps = np.diff(times, prepend=0.0)
    # In whole microseconds, without the error of rounding adding up.
    ends = np.rint(np.cumsum(gaps) * 1e6).astype(np.int64)
    intervals = np.maximum(1, np.diff(ends, prepend=0))
    return Part(
        words=("-b", str(size), "--async", f"--request-count={len(times)}"),
        batch=size,
        requests=len(times),
        length=length,
        intervals=tuple(int(value) for value in intervals),
    )


def _one_after_another(batch: int, count: int, length: int) -> Part:
    words = ("-b", str(batch), "--concurrency-range=1", f"--request-count={count}")
    return Part(words=words, batch=batch, requests=count, length=length)


def quiet_most(run: Run) -> float:
    """Seconds without an answer after which the run is broken off."""
    return max(QUIET_SECONDS, run.seconds)


def timeout(run: Run, seconds_left: float) -> float:
    """Seconds after which the run is broken off: something hangs, or time is up."""
    return min(seconds_left, math.ceil(PATIENCE * run.seconds) + PATIENCE_SECONDS)
