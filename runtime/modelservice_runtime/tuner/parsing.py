"""What perf_analyzer wrote → a measurement. Pure; anything unexpected is an error in words."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_THROUGHPUT = "Inferences/Second"
_PERCENTILE = re.compile(r"^p(\d+) latency$")
_REQUESTS = re.compile(r"^\s*Request count: (\d+)\s*$", re.MULTILINE)
_DELAYED = re.compile(r"([\d.]+)% of the requests were delayed")
#: The line that says what went wrong, among many.
_TROUBLE = re.compile(r"^.*(?:rror|ailed|nvalid|nable|annot).*$", re.MULTILINE)
#: Each thread says the same.
_THREAD = re.compile(r"^Thread \[\d+\] had error: ")
_NO_WINDOW = "Failed to obtain stable measurement"
_EMPTY_WINDOW = "No valid requests recorded"
_FEW_CHARACTERS = 300
_MICROSECONDS = 1e3


class OutputUnreadableError(ValueError):
    """perf_analyzer's output has no (usable) figures; the message says what it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One run of perf_analyzer.

    ``rows_per_second``: answered rows; ``percentiles_ms``: request latency by percentile, as
    the client saw it; ``requests``: how many they come from; ``delayed_percent``: requests that
    went out late (open loop), because the generator could not keep up. ``latencies_ms``: of
    every request, where they are known, and beside each ``sent_ns`` (on the generator's clock),
    ``sent_rows`` and ``sent_lengths`` (0: nothing was said of it).
    """

    rows_per_second: float
    percentiles_ms: dict[int, float]
    requests: int
    delayed_percent: float = 0.0
    latencies_ms: tuple[float, ...] = ()
    sent_ns: tuple[int, ...] = ()
    sent_rows: tuple[int, ...] = ()
    sent_lengths: tuple[int, ...] = ()

    @property
    def mean_ms(self) -> float:
        """Of all latencies; 0 where they are not known one by one."""
        return float(np.mean(self.latencies_ms)) if self.latencies_ms else 0.0

    def percentile_ms(self, percentile: float) -> float:
        """Latency at ``percentile``, or at the next larger one that was measured.

        Raises:
            OutputUnreadableError: there is none.
        """
        if self.latencies_ms:
            return float(np.percentile(self.latencies_ms, percentile, method="higher"))
        above = [known for known in self.percentiles_ms if known >= percentile]
        if not above:
            raise OutputUnreadableError(f"perf_analyzer's report has no p{percentile:g}")
        return self.percentiles_ms[min(above)]

    def at_or_finest(self, percentile: float) -> float:
        """Latency at ``percentile``, or at the finest one that perf_analyzer reports."""
        if self.latencies_ms:
            return self.percentile_ms(percentile)
        return self.percentile_ms(min(percentile, max(self.percentiles_ms)))

    def violations(self, goal_ms: float) -> float:
        """Share of the requests slower than the goal.

        Counted where every latency is known; else from the percentiles, straight between them
        (beyond the last one: half of what it leaves where it is within the goal, all of it where
        it is not).
        """
        if self.latencies_ms:
            return float(np.mean(np.array(self.latencies_ms) > goal_ms))
        known = sorted(self.percentiles_ms.items())
        last_percent, last_ms = known[-1]
        if goal_ms >= last_ms:
            return (100 - last_percent) / 200
        latencies = [0.0, *(value for _, value in known)]
        shares = [0.0, *(percent / 100 for percent, _ in known)]
        return 1.0 - float(np.interp(goal_ms, np.maximum.accumulate(latencies), shares))


def joined(parts: Sequence[Measurement]) -> Measurement:
    """Several load generators that ran side by side, as one.

    Without every latency the percentiles are the worst of the parts': rather too high.
    """
    if len(parts) == 1:
        return parts[0]
    names = set.intersection(*(set(part.percentiles_ms) for part in parts))
    every = all(part.latencies_ms for part in parts)
    return Measurement(
        rows_per_second=math.fsum(part.rows_per_second for part in parts),
        percentiles_ms={
            name: max(part.percentiles_ms[name] for part in parts) for name in sorted(names)
        },
        requests=sum(part.requests for part in parts),
        delayed_percent=max(part.delayed_percent for part in parts),
        latencies_ms=tuple(ms for part in parts for ms in part.latencies_ms) if every else (),
        sent_ns=tuple(at for part in parts for at in part.sent_ns) if every else (),
        sent_rows=tuple(rows for part in parts for rows in part.sent_rows) if every else (),
        sent_lengths=tuple(size for part in parts for size in part.sent_lengths) if every else (),
    )


def parse_report(report: str, log: str) -> Measurement:
    """The measurement in perf_analyzer's CSV report and its printed log.

    Raises:
        OutputUnreadableError: the report is empty, cut short or has no finite figures.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(report)))
    except csv.Error as error:
        raise OutputUnreadableError(f"perf_analyzer's report is no CSV: {error}") from error
    if len(rows) != 1:
        raise OutputUnreadableError(f"perf_analyzer reported {len(rows)} measurements, not one")
    row = {name: value for name, value in rows[0].items() if name and value}
    percentiles = {
        int(found.group(1)): _number(row, name) / _MICROSECONDS
        for name in row
        if (found := _PERCENTILE.match(name))
    }
    if not percentiles:
        raise OutputUnreadableError("perf_analyzer's report has no latencies")
    requests = _REQUESTS.search(log)
    delayed = _DELAYED.search(log)
    return Measurement(
        rows_per_second=_number(row, _THROUGHPUT),
        percentiles_ms=percentiles,
        requests=int(requests.group(1)) if requests else 0,
        delayed_percent=float(delayed.group(1)) if delayed else 0.0,
    )


def _number(row: dict[str, str], name: str) -> float:
    try:
        value = float(row[name])
    except KeyError as error:
        raise OutputUnreadableError(f"perf_analyzer's report has no column {name!r}") from error
    except ValueError as error:
        raise OutputUnreadableError(f"{name}: {row[name]!r} is no number") from error
    if not math.isfinite(value) or value <= 0:
        raise OutputUnreadableError(f"{name}: {row[name]!r} is no figure")
    return value


def trouble(log: str, code: int) -> str:
    """Why perf_analyzer ended with ``code``, in words, from what it printed."""
    if _NO_WINDOW in log:
        return "no stable measurement within the given windows"
    if _EMPTY_WINDOW in log:
        return "no request ended within a measurement window"
    lines = [_THREAD.sub("", line.strip()) for line in _TROUBLE.findall(log)]
    words = "; ".join(dict.fromkeys(lines)) or log.strip()[-_FEW_CHARACTERS:] or "it said nothing"
    return f"{words[:_FEW_CHARACTERS]} (exit code {code})"
