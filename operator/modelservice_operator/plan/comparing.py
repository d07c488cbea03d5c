"""Whether a replica answers worse with a new setting than others, or than it did before."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from modelservice_operator.drift.statistics import Figures

#: Latency may be so many times the reference's; and it is no harm while the goal is kept: a
#: setting that serves more may well answer later.
WORSE_LATENCY = 1.2
#: Failures may be so much more of the requests.
WORSE_FAILURES = 0.01
#: Triton's quantiles are of so many seconds; earlier they are in part those of the old setting.
QUANTILE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``requests``: that it rests on; ``failures``: more of them failed; ``words``: why."""

    requests: int
    worse: bool
    failures: bool
    words: str


def together(replicas: Sequence[Figures]) -> Figures | None:
    """Several replicas as one: requests are added, times are those of the middle one."""
    if not replicas:
        return None
    means = [item.mean_milliseconds for item in replicas if item.mean_milliseconds is not None]
    tails = [item.p99_milliseconds for item in replicas if item.p99_milliseconds is not None]
    return Figures(
        successes=sum(item.successes for item in replicas),
        failures=sum(item.failures for item in replicas),
        mean_milliseconds=statistics.median(means) if means else None,
        p99_milliseconds=statistics.median(tails) if tails else None,
    )


def compare(
    own: Figures,
    reference: Figures | None,
    *,
    of: str,
    least: int,
    elapsed: float,
    goal_milliseconds: float,
) -> Verdict:
    """The verdict over ``own``; ``of`` names the reference, ``least``: requests to tell anything.

    Without a reference more failures than none are worse, and no latency is.
    """
    if own.requests < least:
        words = f"{own.requests} requests in {elapsed:.0f} s are too few to compare"
        return Verdict(requests=own.requests, worse=False, failures=False, words=words)
    failed_before = reference.failed_share if reference else 0.0
    if own.failed_share - failed_before > WORSE_FAILURES:
        words = f"{own.failed_share:.1%} of its requests failed, {failed_before:.1%} {of}"
        return Verdict(requests=own.requests, worse=True, failures=True, words=words)
    name, mine, theirs = _latency(own, reference, elapsed)
    if mine is None or theirs is None:
        words = f"no more of its {own.requests} requests failed; there is no latency to compare"
        return Verdict(requests=own.requests, worse=False, failures=False, words=words)
    words = f"its {name} is {mine:.1f} ms over {own.requests} requests, {theirs:.1f} ms {of}"
    worse = mine > WORSE_LATENCY * theirs and mine > goal_milliseconds
    return Verdict(requests=own.requests, worse=worse, failures=False, words=words)


def _latency(
    own: Figures, reference: Figures | None, elapsed: float
) -> tuple[str, float | None, float | None]:
    if reference is None:
        return "latency", None, None
    tails = own.p99_milliseconds, reference.p99_milliseconds
    if elapsed >= QUANTILE_SECONDS and None not in tails:
        return "p99", *tails
    return "mean latency", own.mean_milliseconds, reference.mean_milliseconds
