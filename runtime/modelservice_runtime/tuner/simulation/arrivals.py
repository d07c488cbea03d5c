"""When requests arrive and how many rows they have, by traffic. Seeded."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass, replace

import numpy as np

from modelservice_runtime.contract.traffic import LengthShare, RowsShare

_SEED = 20_240_917
#: So long pieces of a recorded trace are kept whole, so that its bursts are.
BLOCK_SECONDS = 60.0
#: Of a few seconds in all, so many pieces are taken, none of them shorter than this.
LEAST_PIECES = 6
LEAST_PIECE_SECONDS = 1.0


class TraceInvalid(ValueError):  # noqa: N818 - named for the state of the trace
    """A recorded trace cannot be used; the message names the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """``arrival``: seconds, ascending; ``rows``: of each; ``level``: its priority, 0 the first.

    ``length``: of each, None where nothing is said of lengths.
    """

    arrival: np.ndarray
    rows: np.ndarray
    level: np.ndarray
    length: np.ndarray | None = None

    @property
    def rows_per_second(self) -> float:
        """Offered rows over the time from the first to the last of them."""
        return float(self.rows.sum() / max(float(self.arrival[-1]), 1e-9))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A recorded rate. ``seconds``: when each bin begins, and the last one's end; ``counts``."""

    seconds: np.ndarray
    counts: np.ndarray

    @property
    def mean_rate(self) -> float:
        """Requests a second."""
        return float(self.counts.sum() / (self.seconds[-1] - self.seconds[0]))


def parse_trace(text: str) -> Trace:
    """The trace in a CSV text with the columns ``seconds`` and ``requests``.

    Raises:
        TraceInvalid: a column is missing, a line is no number or goes back, nothing arrives.
    """
    try:
        lines = list(csv.DictReader(io.StringIO(text)))
    except csv.Error as error:
        raise TraceInvalid(f"the trace is no CSV: {error}") from error
    missing = {"seconds", "requests"} - set(lines[0] if lines else ())
    if missing:
        raise TraceInvalid(f"the trace has no column {' and no column '.join(sorted(missing))}")
    begins: list[float] = []
    counts: list[float] = []
    for number, line in enumerate(lines, start=2):
        at, count = (_number(line[name], name, number) for name in ("seconds", "requests"))
        if begins and at <= begins[-1]:
            raise TraceInvalid(f"line {number} of the trace: seconds {at:g} do not go on")
        if count < 0:
            raise TraceInvalid(f"line {number} of the trace: {count:g} requests")
        begins.append(at)
        counts.append(count)
    if len(begins) < 2 or sum(counts) == 0:  # noqa: PLR2004 - a bin needs a beginning and an end
        raise TraceInvalid("the trace has fewer than two lines, or no request")
    steps = np.diff(begins)
    end = begins[-1] + float(np.median(steps))
    return Trace(seconds=np.array([*begins, end]), counts=np.array(counts))


def _number(text: str | None, name: str, line: int) -> float:
    try:
        value = float(text or "")
    except ValueError as error:
        raise TraceInvalid(f"line {line} of the trace: {name} {text!r} is no number") from error
    if not math.isfinite(value):
        raise TraceInvalid(f"line {line} of the trace: {name} {text!r} is no number")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Makes the requests of a traffic at any rate, from the same random numbers each time.

    ``rows_per_request``: percents that add up to 100. ``levels``: share of the requests of each
    priority level. ``trace``: None for independent clients (Poisson). ``lengths``: likewise.
    """

    rows_per_request: tuple[RowsShare, ...]
    trace: Trace | None = None
    levels: tuple[float, ...] = (1.0,)
    lengths: tuple[LengthShare, ...] = ()

    @property
    def mean_rows(self) -> float:
        """Rows of a request, on average."""
        total = sum(share.percent for share in self.rows_per_request)
        return sum(share.rows * share.percent for share in self.rows_per_request) / total

    @property
    def most_rows(self) -> int:
        """Rows of the largest request."""
        return max(share.rows for share in self.rows_per_request)

    def at(self, rows_per_second: float, count: int, seed: int = 0) -> Requests:
        """About ``count`` requests, ``rows_per_second`` rows a second on average."""
        generator = np.random.default_rng([_SEED, seed])
        rows = self.request_rows(count, seed)
        rate = rows_per_second / self.mean_rows
        if self.trace is None:
            gaps = generator.standard_exponential(count)
            # The rate is met exactly: else two seeds would differ in it by 1/sqrt(count).
            gaps *= count / (rate * gaps.sum())
            arrival = np.cumsum(gaps)
        else:
            arrival = _replayed(self.trace, rate, count, generator)
            rows = np.resize(rows, len(arrival))
        return Requests(
            arrival=arrival,
            rows=rows,
            level=self._drawn_levels(len(arrival), seed),
            length=self.request_lengths(len(arrival), seed),
        )

    def climbing(self, rows_per_second: tuple[float, float], count: int, seed: int = 0) -> Requests:
        """``count`` requests of independent clients, whose rate climbs steadily.

        ``rows_per_second``: in the beginning, and at the end.
        """
        generator = np.random.default_rng([_SEED, seed, 3])
        low, high = (rows / self.mean_rows for rows in rows_per_second)
        seconds = 2 * count / (low + high)
        # Unit-rate arrivals, at the times by which so many are expected.
        expected = np.cumsum(generator.standard_exponential(count))
        expected *= count / expected[-1]
        slope = (high - low) / seconds
        arrival: np.ndarray = (np.sqrt(low**2 + 2 * slope * expected) - low) / slope
        level: np.ndarray = np.zeros(count, dtype=np.int64)
        return Requests(
            arrival=arrival,
            rows=self.request_rows(count, seed),
            level=level,
            length=self.request_lengths(count, seed),
        )

    def of_length(self, length: int) -> Source:
        """The same with requests of one length; 0 for nothing said of it."""
        only = (LengthShare(length=length, percent=100.0),) if length else ()
        return replace(self, lengths=only)

    def request_rows(self, count: int, seed: int = 0) -> np.ndarray:
        """Rows of ``count`` requests, in a random order."""
        generator = np.random.default_rng([_SEED, seed, 1])
        sizes = np.array([share.rows for share in self.rows_per_request])
        shares = np.array([share.percent for share in self.rows_per_request], dtype=float)
        drawn = generator.choice(len(sizes), size=count, p=shares / shares.sum())
        chosen: np.ndarray = sizes[drawn].astype(np.int64)
        return chosen

    def request_lengths(self, count: int, seed: int = 0) -> np.ndarray | None:
        """Lengths of ``count`` requests, in a random order; None where nothing is said of them."""
        if not self.lengths:
            return None
        generator = np.random.default_rng([_SEED, seed, 4])
        lengths = np.array([share.length for share in self.lengths], dtype=np.int64)
        shares = np.array([share.percent for share in self.lengths], dtype=float)
        drawn = generator.choice(len(lengths), size=count, p=shares / shares.sum())
        chosen: np.ndarray = lengths[drawn]
        return chosen

    def _drawn_levels(self, count: int, seed: int) -> np.ndarray:
        if len(self.levels) == 1:
            return np.zeros(count, dtype=np.int64)
        generator = np.random.default_rng([_SEED, seed, 2])
        shares = np.array(self.levels, dtype=float)
        drawn = generator.choice(len(self.levels), size=count, p=shares / shares.sum())
        levels: np.ndarray = np.asarray(drawn, dtype=np.int64)
        return levels


def _replayed(trace: Trace, rate: float, count: int, generator: np.random.Generator) -> np.ndarray:
    """Pieces of the trace, evenly spread over it, as long together as ``count`` requests take.

    Their counts are scaled so that ``rate`` is their mean. A count is the number of arrivals in
    its bin: they are placed at random inside it.
    """
    first, end = float(trace.seconds[0]), float(trace.seconds[-1])
    seconds = count / rate
    longest = min(BLOCK_SECONDS, end - first, max(seconds / LEAST_PIECES, LEAST_PIECE_SECONDS))
    pieces = max(1, math.ceil(seconds / longest - 1e-9))
    length = seconds / pieces
    places = np.linspace(0.0, 1.0, pieces) if pieces > 1 else generator.random(1)
    starts = first + places * (end - first - length)
    expected = _between(trace, starts, length)
    if expected < trace.mean_rate * pieces * length / 2:
        # They fell into pauses: around requests instead, evenly spread over these.
        before = np.concatenate([[0.0], np.cumsum(trace.counts)])
        shares = (np.arange(pieces) + 0.5) / pieces
        middles: np.ndarray = np.interp(shares * before[-1], before, trace.seconds)
        starts = np.clip(middles - length / 2, first, end - length)
        expected = _between(trace, starts, length)
    scale = rate * len(starts) * length / expected
    parts = []
    for number, start in enumerate(starts):
        times = _piece(trace, float(start), float(start) + length, scale, generator)
        parts.append(times - start + number * length)
    arrival: np.ndarray = np.sort(np.concatenate(parts))
    return arrival if len(arrival) else np.array([1.0 / rate])


def _between(trace: Trace, starts: np.ndarray, length: float) -> float:
    """Requests of the trace in the pieces that begin at ``starts``."""
    before = np.concatenate([[0.0], np.cumsum(trace.counts)])
    ends: np.ndarray = np.interp(starts + length, trace.seconds, before)
    return float((ends - np.interp(starts, trace.seconds, before)).sum())


def _piece(
    trace: Trace, start: float, end: float, scale: float, generator: np.random.Generator
) -> np.ndarray:
    first = int(np.searchsorted(trace.seconds, start, side="right")) - 1
    last = max(first + 1, int(np.searchsorted(trace.seconds, end, side="left")))
    begins, ends = trace.seconds[first:last], trace.seconds[first + 1 : last + 1]
    low: np.ndarray = np.maximum(begins, start)
    high: np.ndarray = np.maximum(low, np.minimum(ends, end))
    means: np.ndarray = trace.counts[first:last] * scale * (high - low) / (ends - begins)
    counts = generator.poisson(means)
    lowest: np.ndarray = np.repeat(low, counts)
    times: np.ndarray = lowest + np.repeat(high - low, counts) * generator.random(len(lowest))
    return times
