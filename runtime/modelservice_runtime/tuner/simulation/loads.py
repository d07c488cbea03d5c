"""What a setting is loaded with: requests at their times, or so many in flight; simulated."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .arrivals import Requests, Source
from .outcomes import Batching, Outcome, closed_loop, open_loop
from .service_time import ServiceTime


@dataclass(frozen=True, slots=True, kw_only=True)
class AtTimes:
    """Open loop: ``requests`` come whatever the answers do."""

    requests: Requests

    @property
    def may_pile_up(self) -> bool:
        """Whether more can come than is answered, so that latencies say nothing any more."""
        return True

    def outcome(self, service: ServiceTime, batching: Batching) -> Outcome:
        """What clients would see."""
        return open_loop(service, batching, self.requests)


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """Closed loop: ``clients`` that each send the next request when they have their answer.

    ``rows``, ``lengths``: of the requests, in turn; ``count``: answers that are looked at. The
    first of each client come all at once and wait for fewer others, so they are not among them.
    """

    clients: int
    rows: np.ndarray
    count: int
    lengths: np.ndarray | None = None

    @property
    def may_pile_up(self) -> bool:
        """Never: who waits sends nothing."""
        return False

    def outcome(self, service: ServiceTime, batching: Batching) -> Outcome:
        """What clients would see."""
        answers = self.count + self.clients
        all_of_them = closed_loop(
            service, batching, self.clients, self.rows, answers, lengths=self.lengths
        )
        return replace(all_of_them, latency=all_of_them.latency[self.clients :])


Load = AtTimes | InFlight


def in_flight(source: Source, clients: int, count: int) -> InFlight:
    """The traffic's requests as a closed loop, ``count`` or more of them (twice ``clients``)."""
    many = max(count, 2 * clients)
    return InFlight(
        clients=clients,
        rows=source.request_rows(many),
        count=many,
        lengths=source.request_lengths(many),
    )
