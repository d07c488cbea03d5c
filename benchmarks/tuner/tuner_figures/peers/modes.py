"""The ways in which Model Analyzer searches, each within the same bounds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

OURS = "ours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """``options``: of its configuration. ``threads``: swept by hand, a search of its own each.

    ``by_rate``: it sends at rates, not so many requests at a time.
    """

    name: str
    what: str
    options: Mapping[str, object] = field(default_factory=dict)
    threads: tuple[int, ...] = (1,)
    by_rate: bool = False


QUICK = Mode(
    name="quick",
    what="hill climb over instances and batch",
    options={"run_config_search_mode": "quick"},
)
#: What it does when nothing is said.
BRUTE = Mode(
    name="brute",
    what="every combination of instances, batch and concurrency",
    options={"run_config_search_mode": "brute"},
)
OPTUNA = Mode(
    name="optuna",
    what="Optuna over instances, batch and concurrency",
    options={"run_config_search_mode": "optuna"},
)
THREADS = Mode(
    name="brute, threads by hand",
    what="brute once for each number of threads",
    options=BRUTE.options,
    threads=(1, 2),
)
RATES = Mode(
    name="brute at rates",
    what="brute with request rates in place of concurrency",
    options=BRUTE.options,
    by_rate=True,
)
MODES = (QUICK, BRUTE, OPTUNA, THREADS, RATES)
#: Whose pick is meant where it says "Model Analyzer's": its default.
DEFAULT = BRUTE.name
