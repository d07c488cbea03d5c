"""The ways in which Model Analyzer searches, each within the same bounds. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

OURS = "ours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """``options``: of its configuration. ``threads``: swept by hand, a search of its own each.

    ``word``: on our command line; ``by_rate``: it sends at rates, not so many requests at a time.
    """

    name: str
    word: str
    what: str
    options: Mapping[str, object] = field(default_factory=dict)
    threads: tuple[int, ...] = (1,)
    by_rate: bool = False


QUICK = Mode(
    name="quick",
    word="quick",
    what="hill climb over instances and batch",
    options={"run_config_search_mode": "quick"},
)
BRUTE = Mode(
    name="brute",
    word="brute",
    what="every combination of instances, batch and concurrency",
    options={"run_config_search_mode": "brute"},
)
OPTUNA = Mode(
    name="optuna",
    word="optuna",
    what="Optuna over instances, batch and concurrency",
    options={"run_config_search_mode": "optuna"},
)
THREADS = Mode(
    name="brute, threads by hand",
    word="threads",
    what="brute once for each number of threads",
    options=BRUTE.options,
    threads=(1, 2),
)
RATES = Mode(
    name="brute at rates",
    word="rates",
    what="brute with request rates in place of concurrency",
    options=BRUTE.options,
    by_rate=True,
)
MODES = (QUICK, BRUTE, OPTUNA, THREADS, RATES)
#: Those that try every combination, a quarter of an hour and more: searched once, whatever the
#: repeats of the others.
EXHAUSTIVE = frozenset({BRUTE.name, RATES.name})
#: What it does when nothing is said.
DEFAULT = BRUTE


def named(words: Sequence[str]) -> tuple[Mode, ...]:
    """The modes of these words, in their usual order.

    Raises:
        ValueError: there is no such mode.
    """
    known = [mode.word for mode in MODES]
    if unknown := [word for word in words if word not in known]:
        raise ValueError(f"no mode {', '.join(unknown)}; there are {', '.join(known)}")
    return tuple(mode for mode in MODES if mode.word in words)


def peer(modes: Sequence[Mode]) -> Mode:
    """Whose pick is meant where it says "Model Analyzer's": its default where that searched."""
    return DEFAULT if DEFAULT in modes else modes[0]
