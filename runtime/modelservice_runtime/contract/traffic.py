"""How requests reach a service: what a tuning is for."""

from __future__ import annotations

from dataclasses import dataclass

#: Independent clients at a rate; so many clients, each waiting for its answer; as recorded.
POISSON, CLOSED_LOOP, TRACE = "Poisson", "ClosedLoop", "Trace"
ARRIVALS = (POISSON, CLOSED_LOOP, TRACE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsShare:
    """``percent`` of the requests have ``rows`` rows."""

    rows: int
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthShare:
    """``percent`` of the requests have ``length`` as the size of every open axis of an input."""

    length: int
    percent: float


SINGLE_ROWS = (RowsShare(rows=1, percent=100.0),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What is expected; with nothing said, independent clients that send single rows.

    ``arrivals``: one of ``ARRIVALS``. ``rows_per_second``: of the whole service, 0 for not said:
    then the most that can be served is looked for, else what serves it with the least.
    ``rows_per_request``: percents that add up to 100. ``repeated_percent``: requests whose inputs
    were asked for a short while before. ``concurrency``: ClosedLoop, requests in flight at a
    replica. ``trace_uri``: Trace, a CSV file with the columns ``seconds`` (since its start) and
    ``requests`` (that arrived from then until the next line). ``lengths``: percents that add up to
    100, of the size of each axis that the model leaves open (dims -1) beside the rows; none: the
    samples' own sizes.
    """

    arrivals: str = POISSON
    rows_per_second: float = 0.0
    rows_per_request: tuple[RowsShare, ...] = SINGLE_ROWS
    repeated_percent: float = 0.0
    concurrency: int = 0
    trace_uri: str = ""
    lengths: tuple[LengthShare, ...] = ()

    @property
    def mean_rows(self) -> float:
        """Rows of a request, on average."""
        total = sum(share.percent for share in self.rows_per_request)
        return sum(share.rows * share.percent for share in self.rows_per_request) / total

    def length_at(self, percentile: float) -> int:
        """The least length that so many percent of the requests do not exceed; 0 for none said."""
        shares = sorted(self.lengths, key=lambda share: share.length)
        below = 0.0
        for share in shares:
            below += share.percent
            if below >= percentile:
                return share.length
        return shares[-1].length if shares else 0
