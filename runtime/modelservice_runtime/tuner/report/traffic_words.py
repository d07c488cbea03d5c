"""What a tuning was for, in words."""

from __future__ import annotations

from collections.abc import Iterator

from modelservice_runtime.contract.traffic import (
    CLOSED_LOOP,
    SINGLE_ROWS,
    TRACE,
    RowsShare,
    Traffic,
)

from . import words


def sentence(traffic: Traffic) -> str:
    """How requests arrive and how many rows they have, in one line."""
    told = [_arrivals(traffic), _rows(traffic)]
    if traffic.lengths:
        told.append(f"lengths {_lengths(traffic)}")
    if traffic.repeated_percent > 0:
        told.append(f"{traffic.repeated_percent:g} % were asked for shortly before")
    return "; ".join(told)


def lines(traffic: Traffic) -> Iterator[tuple[str, str]]:
    """The same, one by one."""
    yield "Arrivals", _arrivals(traffic)
    if traffic.rows_per_second > 0:
        yield "Wanted of the service", words.rows_per_second(traffic.rows_per_second)
    else:
        yield "Wanted of the service", "as much as can be served"
    yield "Rows", _rows(traffic)
    if traffic.lengths:
        yield "Lengths", _lengths(traffic)
    yield "Repeated requests", f"{traffic.repeated_percent:g} %"


def _arrivals(traffic: Traffic) -> str:
    if traffic.arrivals == CLOSED_LOOP:
        return f"closed loop of {traffic.concurrency} requests at a replica"
    if traffic.arrivals == TRACE:
        return f"as recorded in {traffic.trace_uri}"
    if traffic.rows_per_second > 0:
        return f"independent clients, {words.rows_per_second(traffic.rows_per_second)} altogether"
    return "independent clients"


def _rows(traffic: Traffic) -> str:
    if traffic.rows_per_request == SINGLE_ROWS:
        return "single rows"
    if not traffic.rows_per_request:
        return "requests of unknown size"
    shares = sorted(traffic.rows_per_request, key=lambda share: share.rows)
    first, *others = (_share(share) for share in shares)
    return ", ".join((f"requests of {first}", *others))


def _lengths(traffic: Traffic) -> str:
    shares = sorted(traffic.lengths, key=lambda share: share.length)
    return ", ".join(f"{share.length} ({share.percent:g} %)" for share in shares)


def _share(share: RowsShare) -> str:
    rows = "1 row" if share.rows == 1 else f"{share.rows} rows"
    return f"{rows} ({share.percent:g} %)"
