"""What Model Analyzer found, and what it cost, from its files. Pure."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

from tuner_figures.serving.settings import Setting

_THROUGHPUT, _WITHIN = "Throughput (infer/sec)", "Satisfies Constraints"
_BATCH, _GROUP = "Max Batch Size", "Instance Group"
_INSTANCES = re.compile(r"^(\d+):")
#: Lines of its log that say what went wrong.
_TROUBLE = re.compile(
    r"^.*(?:ERROR|Error|Exception|[Ff]ailed|[Uu]nable|[Cc]annot|terminated).*$", re.MULTILINE
)
_STAMP = re.compile(r"^(?:\d\d:\d\d:\d\d )?\[[^\]]*\] *(?:(?:ERROR|WARNING): *)?")
_FEW_CHARACTERS = 200


class UnreadableError(ValueError):
    """Its table is not what it is expected to be; the message says how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """``setting`` with what it measured of it, infer/s."""

    setting: Setting
    throughput: float


def best(table: str, threads: int) -> Best | None:
    """The most throughput within the constraint; None if nothing was within it.

    ``threads``: it knows nothing of them.

    Raises:
        UnreadableError: the table has other columns, or other words in them.
    """
    within = [
        _line(item, threads) for item in csv.DictReader(io.StringIO(table)) if _is_within(item)
    ]
    return max(within, key=lambda item: item.throughput, default=None)


def _is_within(line: dict[str, str]) -> bool:
    if _WITHIN not in line:
        raise UnreadableError(f"no column {_WITHIN!r} in {', '.join(line)}")
    return line[_WITHIN] == "Yes"


def _line(line: dict[str, str], threads: int) -> Best:
    try:
        instances = _INSTANCES.match(line[_GROUP])
        if instances is None:
            raise UnreadableError(f"{_GROUP} {line[_GROUP]!r} has no number of instances")
        setting = Setting(batch=int(line[_BATCH]), instances=int(instances[1]), threads=threads)
        return Best(setting=setting, throughput=float(line[_THROUGHPUT]))
    except (KeyError, TypeError) as error:
        raise UnreadableError(f"no column {error}") from error
    except ValueError as error:
        raise UnreadableError(f"a line that is not understood: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How often the load generator ran, for how long, and how often for nothing.

    ``last``: when the last run ended, POSIX seconds; 0 where none did.
    """

    runs: int
    seconds: float
    failed: int
    last: float = 0.0


def load(text: str) -> Load:
    """From the lines ``BEGIN END CODE`` that the wrapper of perf_analyzer writes.

    One that was killed wrote no end: it counts as a run and takes no time.
    """
    runs = [line.split() for line in text.splitlines() if line.strip()]
    ended = [words for words in runs if len(words) == 3]  # noqa: PLR2004 - begin, end, code
    return Load(
        runs=len(runs),
        seconds=sum(float(end) - float(begin) for begin, end, _ in ended),
        failed=sum(code != "0" for _, _, code in ended) + len(runs) - len(ended),
        last=max((float(end) for _, end, _ in ended), default=0.0),
    )


def trouble(log: str, code: int) -> str:
    """Why it found nothing, in words."""
    lines = [_STAMP.sub("", line.strip()) for line in _TROUBLE.findall(log)]
    words = "; ".join(dict.fromkeys(lines[-3:])) or "it does not say why"
    return f"{words[:_FEW_CHARACTERS]} (exit code {code})"
