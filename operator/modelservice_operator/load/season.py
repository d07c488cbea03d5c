"""What came at the same time of earlier days and weeks, where that has told what comes. Pure.

The largest rate of every five minutes is kept for two weeks and a day. What a period ago came in
the window that a replica asked for now would be ready in is a floor of the forecast, if it would
have made the forecasts of the last period clearly better: it takes much off their pinball loss, and
much more than floors of other times of day do. A load that does not repeat gains nothing by it, one
that is merely noisy as much by the others, so both are left alone. Nothing is said before two whole
periods are known.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .forecast import LEAST_SHARE

BIN_SECONDS = 300.0
DAY = 288
WEEK = 7 * DAY
PERIODS = (DAY, WEEK)
KEPT = 2 * WEEK + DAY
#: Judged anew so often.
JUDGE_BINS = 12
#: The forecast to be made better: the bin before, with a margin that covers so much of its errors.
COVERED = 0.95
#: The floor takes at least this share off the loss by what was missed, and so many times what
#: floors of other times of day do, each so many bins later.
LEAST_GAIN, OTHERS = 1 / 3, 2.0
SHIFTS = tuple(range(24, DAY, 24))
#: Less of the past than this is too little to judge by.
LEAST_KNOWN = 0.9
#: Of the pinball loss: what is missing costs nine times what is too much.
_QUANTILE = 0.9
_WIDTH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """Rows a second. A value: adding gives a new one.

    ``peaks``: float32, of bin number ``first`` on; NaN where nothing was read. ``open``: number and
    peak of the bin that runs. ``used``: periods, in bins, that make a floor.
    """

    first: int = 0
    peaks: bytes = b""
    open: tuple[int, float] | None = None
    used: tuple[int, ...] = ()

    @property
    def end(self) -> int:
        """Number of the bin after the last that is over."""
        return self.first + len(self.peaks) // _WIDTH

    def add(self, at: float, rate: float) -> Season:
        """The rate at a time (POSIX seconds)."""
        number = _bin(at)
        if self.open is not None:
            last, peak = self.open
            if number <= last:
                return replace(self, open=(last, max(peak, rate))) if number == last else self
        elif number < self.end:
            return self  # the clock went back
        over = self._over(number)
        due = self.open is None or number // JUDGE_BINS != self.open[0] // JUDGE_BINS
        return replace(over, open=(number, rate), used=helpful(over.values()) if due else self.used)

    def floor(self, at: float, seconds: float) -> float:
        """The least to expect from ``at`` on for so long; 0 where the past does not tell."""
        values = self.values() if self.used else ()
        numbers = range(_bin(at), _bin(at + seconds) + 1)
        places = [number - period - self.first for period in self.used for number in numbers]
        known = [values[place] for place in places if 0 <= place < len(values)]
        return max((value for value in known if not math.isnan(value)), default=0.0)

    def values(self) -> Sequence[float]:
        """The peaks as numbers."""
        found = array("f")
        found.frombytes(self.peaks)
        return found

    def _over(self, number: int) -> Season:
        """All bins before ``number`` are over."""
        closed = array("f") if self.open is None else array("f", (self.open[1],))
        begins = self.end if self.peaks or self.open is None else self.open[0]
        missing = number - begins - len(closed) if begins else 0
        closed.extend([math.nan] * min(KEPT, missing))
        peaks = (self.peaks + closed.tobytes())[-KEPT * _WIDTH :]
        return replace(self, first=number - len(peaks) // _WIDTH, peaks=peaks)


def helpful(peaks: Sequence[float]) -> tuple[int, ...]:
    """The periods whose floor would have made the forecasts clearly better."""
    return tuple(period for period in PERIODS if _helps(peaks, period))


def _helps(peaks: Sequence[float], period: int) -> bool:
    if len(peaks) < 2 * period:
        return False
    whole = range(len(peaks) - period, len(peaks))
    window = [i for i in whole if not (math.isnan(peaks[i]) or math.isnan(peaks[i - 1]))]
    if len(window) < LEAST_KNOWN * len(whole):
        return False
    errors = sorted(peaks[i] - peaks[i - 1] for i in window)
    margin = max(0.0, errors[math.ceil(COVERED * len(errors)) - 1])
    forecasts = [(i, peaks[i - 1] + max(margin, LEAST_SHARE * peaks[i - 1])) for i in window]
    missed = sum(_pinball(max(0.0, peaks[i] - forecast)) for i, forecast in forecasts)
    gain = _gain(peaks, forecasts, period)
    if missed <= 0 or gain < LEAST_GAIN * missed:
        return False
    return all(OTHERS * _gain(peaks, forecasts, period - shift) <= gain for shift in SHIFTS)


def _gain(peaks: Sequence[float], forecasts: Iterable[tuple[int, float]], ago: int) -> float:
    """What a floor of so many bins ago takes off the loss of the forecasts, by bin."""
    total = 0.0
    for i, forecast in forecasts:
        floor = peaks[i - ago]
        if floor > forecast:  # NaN is greater than nothing
            total += _pinball(peaks[i] - forecast) - _pinball(peaks[i] - floor)
    return total


def _pinball(missing: float) -> float:
    """The loss of one forecast."""
    return _QUANTILE * missing if missing > 0 else (_QUANTILE - 1) * missing


def _bin(at: float) -> int:
    return int(at // BIN_SECONDS)
