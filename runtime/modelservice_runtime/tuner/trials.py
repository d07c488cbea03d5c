"""Runs at a rate, or of a closed loop, judged by the share of late requests. Values only.

Telling 0.5 % from 1 % takes some two thousand independent requests: several short runs are taken
together, and those in which the load generator fell behind are thrown away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .calibration import Seen
from .figures import figure
from .parsing import Measurement
from .search import batching_of
from .sending import as_sent
from .settings import Setting
from .simulation.arrivals import Requests
from .simulation.loads import AtTimes, InFlight, Load

#: The generator took so much longer to send everything than it should: it was measured itself.
MOST_STRETCHED = 1.1
#: Where its times are not known one by one: so many percent of the requests were sent late.
MOST_DELAYED_PERCENT = 20.0
#: A rate that it could not keep up with is lowered to this share of it, or of what it sent.
SLOWER_SHARE, SENT_SHARE = 0.85, 0.95
#: Of a rate, or of clients, with which the goal was missed, the share that is tried next.
LOWER_SHARE = 0.93
#: Of the clients of a closed loop, the share that has to be waiting for an answer on average.
LEAST_IN_FLIGHT = 0.8
#: A run in which fewer were, but this share at least, is one with as many clients as there were.
LEAST_COUNTED = 0.5
#: It gets more clients where it needs time of its own, so many times as many at most.
MOST_MORE = 2
#: So many requests tell 0.5 % of violations from 1 %.
ENOUGH_REQUESTS = 2_100
#: 95 %, one-sided.
_Z = 1.645


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One run.

    ``load``: as it was to be, of a closed loop with the clients that count (``counted_clients``).
    ``tail_ms``: at the goal's percentile.
    ``rows_per_second``: offered, in a closed loop answered. ``executions``: batch size → (how
    many, their nanoseconds), as Triton counted them. ``in_flight``: of a closed loop, requests that
    waited for their answer on average; NaN where that is not known. ``sending``: clients that the
    generator had for that.
    """

    setting: Setting
    rows_per_second: float
    load: Load
    measurement: Measurement
    executions: Mapping[int, tuple[int, int]]
    median_ms: float
    tail_ms: float
    goal_ms: float
    violations: float
    in_flight: float = math.nan
    sending: int = 0

    @property
    def clients(self) -> int:
        """Of a closed loop; 0 where requests came at their own times."""
        return self.load.clients if isinstance(self.load, InFlight) else 0

    @property
    def load_words(self) -> str:
        """``at 120 rows/s``, ``with 16 in flight``."""
        if self.clients:
            return f"with {self.clients} in flight"
        return f"at {figure(self.rows_per_second)} rows/s"

    @property
    def discarded(self) -> str:
        """Why it says nothing of the server; empty where it does."""
        if isinstance(self.load, InFlight):
            few = self.in_flight < LEAST_IN_FLIGHT * self.clients
            words = f"only {self.in_flight:.1f} of {self.clients} requests were in flight"
            return words if few else ""
        ended, delayed = self._sending_ended, self.measurement.delayed_percent
        if ended is not None:
            stretched = ended / float(self.load.requests.arrival[-1])
            slower = f"sending took {stretched - 1:.0%} longer than it should"
            return slower if stretched > MOST_STRETCHED else ""
        late = f"{delayed:.0f} % of the requests were sent late"
        return late if delayed > MOST_DELAYED_PERCENT else ""

    @property
    def sendable(self) -> float:
        """Rows a second that the load generator can send, as far as this run tells."""
        if not self.discarded:
            return self.rows_per_second
        ended = self._sending_ended
        if ended is None:
            return SLOWER_SHARE * self.rows_per_second
        sent = sum(self.measurement.sent_rows) / max(ended, 1e-9)
        return SENT_SHARE * min(self.rows_per_second, sent)

    @property
    def _sending_ended(self) -> float | None:
        """When the last request was really sent, seconds; None where that is not known.

        Asked of every run after each other one: without putting the requests into their order.
        """
        times = self.measurement.sent_ns
        if isinstance(self.load, InFlight) or not times:
            return None
        return (max(times) - min(times)) / 1e9 + float(self.load.requests.arrival[0])

    @property
    def sent(self) -> Requests | None:
        """The requests as they were really sent; None where that is not known one by one."""
        if isinstance(self.load, InFlight) or not self.measurement.sent_ns:
            return None
        # The first one comes when it was to come: its clock is the generator's own.
        first = float(self.load.requests.arrival[0])
        requests, _ = as_sent(self.measurement, first=first)
        return requests

    @property
    def load_as_sent(self) -> Load:
        """For a simulation of this very run."""
        sent = self.sent
        return self.load if sent is None else AtTimes(requests=sent)

    def seen(self) -> Seen:
        """For the calibration."""
        return Seen(
            batching=batching_of(self.setting),
            load=self.load_as_sent,
            executions=self.executions,
            median_ms=self.median_ms,
            tail_ms=self.tail_ms,
            goal_ms=self.goal_ms,
            violations=self.violations,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``violations``: share of ``requests``; true share in [low, high] with 95 % to each side."""

    violations: float
    low: float
    high: float
    requests: int

    def keeps(self, allowed: float) -> bool | None:
        """Whether at most ``allowed`` violate the goal; None where that is not decided yet."""
        if self.high <= allowed:
            return True
        return False if self.low > allowed else None


def valid(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Those that were not disturbed by the load generator."""
    return tuple(trial for trial in trials if not trial.discarded)


def clients_to_send(clients: int, setting: Setting, trials: Sequence[Trial]) -> int:
    """Clients for the generator, that ``clients`` requests are in flight at ``setting``.

    As many, but more where earlier ones spent too much of their time on the generator's side: in
    the last run of the setting, or else in the last that counts as, or had, as many.
    """
    loops = [trial for trial in trials if trial.clients and trial.sending]
    own = [trial for trial in loops if trial.setting == setting]
    alike = own or [trial for trial in loops if clients in {trial.clients, trial.sending}]
    if not alike:
        return clients
    last = alike[-1]
    needed = last.sending / (max(last.in_flight, 1.0) if last.discarded else last.clients)
    return min(MOST_MORE * clients, math.ceil(clients * needed))


def counted_clients(clients: int, in_flight: float) -> int:
    """Clients of a loop that was to have ``clients``: those that waited, if that is many enough.

    Of too few it says nothing: it stays what it was to be, and is thrown away.
    """
    if LEAST_COUNTED * clients <= in_flight < LEAST_IN_FLIGHT * clients:
        return max(1, round(in_flight))
    return clients


def most_sent(trials: Sequence[Trial]) -> float:
    """Rows a second that the load generator can send; infinity while it never fell behind."""
    if not any(trial.discarded for trial in trials):
        return math.inf
    return max(trial.sendable for trial in trials)


def verdict(trials: Sequence[Trial]) -> Verdict:
    """All runs at one rate together: Wilson's interval, as if requests were independent."""
    requests = sum(trial.measurement.requests for trial in trials)
    if not requests:
        return Verdict(violations=math.nan, low=0.0, high=1.0, requests=0)
    late = sum(trial.violations * trial.measurement.requests for trial in trials)
    share = late / requests
    middle = (share + _Z**2 / (2 * requests)) / (1 + _Z**2 / requests)
    spread = math.sqrt(share * (1 - share) / requests + _Z**2 / (4 * requests**2))
    half = _Z * spread / (1 + _Z**2 / requests)
    return Verdict(
        violations=share,
        low=max(0.0, middle - half),
        high=min(1.0, middle + half),
        requests=requests,
    )
