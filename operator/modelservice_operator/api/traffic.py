"""``spec.serving.traffic``: how requests are expected to come, as the tuner's contract has it."""

from __future__ import annotations

from collections.abc import Sequence

from modelservice_runtime.contract.fields import Fields, SpecError
from modelservice_runtime.contract.traffic import (
    ARRIVALS,
    CLOSED_LOOP,
    POISSON,
    SINGLE_ROWS,
    TRACE,
    LengthShare,
    RowsShare,
    Traffic,
)

#: Where a trace may lie; the schema has the same for every address that is only read.
SCHEMES = ("pvc://", "s3://", "https://", "http://")
MAX_SHARES = 8
#: 33.33 three times is meant to be all; the last digit is what binary fractions lose.
PERCENT_SLACK = 0.0101
#: Less is nothing: who expects no traffic, or does not know, leaves the field out.
_LEAST = 0.001


def parse_traffic(fields: Fields, max_batch_size: int) -> Traffic:
    """The value of ``spec.serving.traffic``; with nothing said, the contract's default.

    Raises:
        SpecError: a field is wrong, or two do not go together; the error names it.
    """
    arrivals = fields.choice("arrivals", POISSON, ARRIVALS)
    _check_belonging(fields, arrivals)
    return Traffic(
        arrivals=arrivals,
        rows_per_second=_rate(fields),
        rows_per_request=_shares(fields, max_batch_size),
        repeated_percent=fields.decimal("repeatedPercent", "0", low=0, high=100),
        concurrency=_concurrency(fields),
        trace_uri=_trace(fields.child("trace")) if fields.has("trace") else "",
        lengths=_lengths(fields),
    )


def _check_belonging(fields: Fields, arrivals: str) -> None:
    """What one kind of arrivals needs is of no use with another."""
    for key, owner in (("concurrency", CLOSED_LOOP), ("trace", TRACE)):
        if arrivals == owner and not fields.has(key):
            raise SpecError(fields.at(key), f"arrivals {owner} needs it")
        if arrivals != owner and fields.has(key):
            raise SpecError(fields.at(key), f"it is for arrivals {owner} alone")


def _rate(fields: Fields) -> float:
    if not fields.has("rowsPerSecond"):
        return 0.0
    return fields.decimal("rowsPerSecond", low=_LEAST, high=1e9)


def _concurrency(fields: Fields) -> int:
    return fields.integer("concurrency", low=1, high=4096) if fields.has("concurrency") else 0


def _trace(fields: Fields) -> str:
    uri = fields.text("uri")
    if not uri.startswith(SCHEMES):
        raise SpecError(fields.at("uri"), f"the address must start with {', '.join(SCHEMES)}")
    return uri


def _shares(fields: Fields, max_batch_size: int) -> tuple[RowsShare, ...]:
    if not fields.has("rowsPerRequest"):
        return SINGLE_ROWS
    shares = tuple(_share(item, max_batch_size) for item in fields.children("rowsPerRequest"))
    _check_shares(fields.at("rowsPerRequest"), shares)
    if len({share.rows for share in shares}) < len(shares):
        raise SpecError(fields.at("rowsPerRequest"), "each number of rows may be there once")
    return tuple(sorted(shares, key=lambda share: share.rows))


def _lengths(fields: Fields) -> tuple[LengthShare, ...]:
    if not fields.has("lengths"):
        return ()
    shares = tuple(
        LengthShare(
            length=item.integer("length", low=1, high=1_048_576),
            percent=item.decimal("percent", low=_LEAST, high=100),
        )
        for item in fields.children("lengths")
    )
    _check_shares(fields.at("lengths"), shares)
    if len({share.length for share in shares}) < len(shares):
        raise SpecError(fields.at("lengths"), "each length may be there once")
    return tuple(sorted(shares, key=lambda share: share.length))


def _check_shares(path: str, shares: Sequence[RowsShare] | Sequence[LengthShare]) -> None:
    if not 1 <= len(shares) <= MAX_SHARES:
        raise SpecError(path, f"1 to {MAX_SHARES} shares are possible, or leave it out")
    total = sum(share.percent for share in shares)
    if abs(total - 100) > PERCENT_SLACK:
        raise SpecError(path, f"the percents must add up to 100, but give {total:g}")


def _share(fields: Fields, max_batch_size: int) -> RowsShare:
    rows = fields.integer("rows", low=1, high=1024)
    if rows > max_batch_size:
        words = f"{rows} is more than spec.serving.maxBatchSize {max_batch_size}; raise that"
        raise SpecError(fields.at("rows"), words)
    return RowsShare(rows=rows, percent=fields.decimal("percent", low=_LEAST, high=100))
