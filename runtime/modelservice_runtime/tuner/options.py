"""The words of the command line. Imports nothing heavy, so that ``--help`` is there at once."""

from __future__ import annotations

import argparse
from pathlib import Path

from modelservice_runtime.contract.traffic import SINGLE_ROWS, LengthShare, RowsShare


def rows_per_request(text: str) -> tuple[RowsShare, ...]:
    """``1:80,8:20`` → 80 % of the requests with 1 row, 20 % with 8.

    Raises:
        argparse.ArgumentTypeError: it is not such a text.
    """
    return tuple(RowsShare(rows=rows, percent=share) for rows, share in _shares(text, "rows"))


def lengths(text: str) -> tuple[LengthShare, ...]:
    """``16:60,128:40`` → 60 % of the requests with open axes of 16, 40 % of 128.

    Raises:
        argparse.ArgumentTypeError: it is not such a text, or says a length twice.
    """
    shares = _shares(text, "length")
    if len({length for length, _ in shares}) < len(shares):
        raise argparse.ArgumentTypeError(f"{text!r}: each length may be there once")
    return tuple(LengthShare(length=length, percent=share) for length, share in sorted(shares))


def _shares(text: str, name: str) -> list[tuple[int, float]]:
    shares = []
    for part in text.split(","):
        size, _, percent = part.partition(":")
        try:
            shares.append((int(size), float(percent or "100")))
        except ValueError as error:
            words = f"{part!r} is not {name.upper()}:PERCENT"
            raise argparse.ArgumentTypeError(words) from error
    if any(size < 1 or percent <= 0 for size, percent in shares):
        raise argparse.ArgumentTypeError(f"{text!r}: {name} and percents must be positive")
    if not abs(sum(percent for _, percent in shares) - 100) <= 0.01:  # noqa: PLR2004 - rounding
        raise argparse.ArgumentTypeError(f"{text!r}: the percents do not add up to 100")
    return shares


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    group = parser.add_argument_group("a Triton that runs already")
    group.add_argument("--url", help="its gRPC address, HOST:PORT")
    group.add_argument("--model", help="name of the model")
    group.add_argument("--goal-ms", type=_positive, help="latency goal in milliseconds")
    group.add_argument(
        "--percentile", type=_percentile, default=99.0, help="of the goal (default: %(default)s)"
    )
    group.add_argument("--max-batch", type=_count_from_one, default=16, help="default: %(default)s")
    group.add_argument("--max-instances", type=_count, default=0, help="default: cores + 1")
    group.add_argument("--max-threads", type=_count, default=0, help="default: cores")
    group.add_argument(
        "--cpu", type=_amount, default=0.0, help="cores of the server (default: all)"
    )
    group.add_argument("--rows-per-second", type=_amount, default=0.0, help="expected rate")
    group.add_argument(
        "--rows-per-request",
        type=rows_per_request,
        default=SINGLE_ROWS,
        help="such as 1:80,8:20 (percents; default: single rows)",
    )
    group.add_argument(
        "--lengths",
        type=lengths,
        default=(),
        help="of open axes, such as 16:60,128:40 (percents; default: as the input data are)",
    )
    group.add_argument("--repeated-percent", type=_share, default=0.0, help="default: %(default)s")
    group.add_argument("--closed-loop", type=_count, default=0, help="so many clients that wait")
    group.add_argument("--or-fewer", action="store_true", help="as many of them as serve best")
    group.add_argument("--trace", type=Path, help="CSV with the columns seconds and requests")
    group.add_argument("--input-data", type=Path, help="perf_analyzer's JSON (default: random)")
    group.add_argument("--admin-key", default="", help="of Triton's restricted APIs")
    group.add_argument(
        "--server-pid", type=_count, default=0, help="to measure its memory, if local"
    )
    group.add_argument(
        "--metrics-url", default="", help="HOST:PORT of its metrics, for the memory of its GPUs"
    )
    group.add_argument("--memory-limit-mib", type=_count, default=0, help="of the server")
    group.add_argument("--max-seconds", type=_positive, default=300.0, help="default: %(default)s")
    group.add_argument("--apply", action="store_true", help="leave the best setting loaded")
    group.add_argument("--json", type=Path, help="write what was found to this file")
    group.add_argument("--report", type=Path, help="write report.html and report.json here")


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _percentile(text: str) -> float:
    value = float(text)
    if not 50 <= value <= 99.9:  # noqa: PLR2004 - the API's own bounds
        raise argparse.ArgumentTypeError(f"{text} is not from 50 to 99.9")
    return value


def _amount(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 on")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 100:  # noqa: PLR2004 - percent
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 100")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return value


def _count_from_one(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value
