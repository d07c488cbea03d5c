"""What ten services on few GPUs say: B1 to B5. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from bench_figures.rows import Figures, Row, row, target

from autoscaling_figures.runs.sharing import Shared
from autoscaling_figures.simulator.model import ModelOf
from autoscaling_figures.simulator.world import Change

OURS, FAIR_SHARE = "ours", "fair share"
CAPPED, EVICTING = "HPA 70 %, first come", "HPA 70 %, priorities"
FARO_SUM, FARO_FAIR = "Faro-like, sum", "Faro-like, fair-sum"
RANKED = "ours, first of higher priority"
PEERS = (FAIR_SHARE, CAPPED, EVICTING)
#: Far too few, a little short, right.
BUDGETS = (16, 32, 36)
DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgeted:
    """``found``: by GPUs and controller, a run for each seed.

    ``bounds``: share in time, by GPUs. ``first``: the service that may be of higher priority.
    """

    load: str
    found: Mapping[tuple[int, str], Sequence[Shared]]
    bounds: Mapping[int, float]
    first: str
    model: ModelOf


def figures(done: Budgeted) -> Figures:
    """Rows and targets."""
    rows = _cells("B.missed", done.found)
    rows += [
        row(
            "B.missed", "violating requests", "%", [100 * (1 - share)],
            of=f"{gpus} GPUs: the bound",
        )
        for gpus, share in done.bounds.items()
    ]  # fmt: skip
    short, tight, right = 16, 32, 36
    bound = _in_time(done, short)
    rows += [
        row("B3", "in time / the bound", "", [bound], of=f"{short} GPUs: {OURS}"),
        row("B5", "moves an hour", "", [moves(r) for r in done.found[tight, OURS]], of=OURS),
        row(
            "B5", "moved back within two starts, a day", "",
            [_back(done, run) for run in done.found[tight, OURS]], of=OURS,
        ),
    ]  # fmt: skip
    rows += [
        row("B1", "ours / the other", "", [_beside(done, gpus, peer)], of=f"{gpus} GPUs: {peer}")
        for gpus in (tight, right)
        for peer in (*PEERS, FARO_SUM, FARO_FAIR)
    ]
    worst = [100 * run.worst for run in done.found[tight, OURS]]
    rows.append(row("B2", "worst service", "%", worst, of=f"{tight} GPUs: {OURS}"))
    ranked = [100 * run.runs[done.first].missed for run in done.found[short, RANKED]]
    rows.append(row("B4", "service of higher priority", "%", ranked, of=f"{short} GPUs: {RANKED}"))
    targets = [
        *(
            target(
                f"B1.{gpus}", f"violating requests, ours / best of HPA, fair share, {gpus} GPUs",
                "<=", 0.5, max(_beside(done, gpus, peer) for peer in PEERS),
            )
            for gpus in (tight, right)
        ),
        *(
            target(
                f"B1.faro{gpus}", f"violating requests, ours / best Faro-like, {gpus} GPUs",
                "<=", 0.9, max(_beside(done, gpus, peer) for peer in (FARO_SUM, FARO_FAIR)),
            )
            for gpus in (tight, right)
        ),
        target("B2", f"violations of the worst service, %, {tight} GPUs", "<=", 3.0, fmean(worst)),
        target(
            "B3.mean", f"mean of services' violations, ours / best peer, {short} GPUs", "<=", 0.85,
            _mean(done, short, OURS)
            / min(_mean(done, short, p) for p in (*PEERS, FARO_SUM, FARO_FAIR)),
        ),
        target("B3.bound", f"in time, ours / optimum, {short} GPUs", ">=", 0.92, bound),
        target("B4", f"violations of a higher priority, %, {short} GPUs", "<=", 1.0, fmean(ranked)),
        target(
            "B5.moves", f"moves an hour, {tight} GPUs", "<=", 30.0,
            fmean(moves(run) for run in done.found[tight, OURS]),
        ),
        target(
            "B5.back", "GPUs moved back within two starts, a day", "<=", 1.0,
            fmean(_back(done, run) for run in done.found[tight, OURS]),
        ),
    ]  # fmt: skip
    return Figures(rows=tuple(rows), targets=tuple(targets))


def pooled(found: Mapping[tuple[int, str], Sequence[Shared]]) -> Figures:
    """Rows only: targets are about random splits."""
    return Figures(rows=tuple(_cells("B.pooled", found)), targets=())


def _cells(group: str, found: Mapping[tuple[int, str], Sequence[Shared]]) -> list[Row]:
    rows: list[Row] = []
    for (gpus, who), runs in found.items():
        of = f"{gpus} GPUs: {who}"
        rows += [
            row(group, "violating requests", "%", [100 * run.missed for run in runs], of=of),
            row(group, "worst service", "%", [100 * run.worst for run in runs], of=of),
            row(group, "mean of services", "%", [100 * run.mean for run in runs], of=of),
            row(group, "Jain index", "", [run.jain for run in runs], of=of),
            row(group, "starts an hour", "", [_starts(run) for run in runs], of=of),
        ]
    return rows


def _missed(done: Budgeted, gpus: int, who: str) -> float:
    return fmean(run.missed for run in done.found[gpus, who])


def _mean(done: Budgeted, gpus: int, who: str) -> float:
    return fmean(run.mean for run in done.found[gpus, who])


def _beside(done: Budgeted, gpus: int, peer: str) -> float:
    return _missed(done, gpus, OURS) / max(1e-6, _missed(done, gpus, peer))


def _in_time(done: Budgeted, gpus: int) -> float:
    return (1 - _missed(done, gpus, OURS)) / done.bounds[gpus]


def _hours(run: Shared) -> float:
    return len(next(iter(run.runs.values())).offered) / 60


def _starts(run: Shared) -> float:
    return sum(one.starts for one in run.runs.values()) / _hours(run)


def moves(run: Shared) -> float:
    """Replicas an hour that one service gives up and another gets: the fewer of downs and ups."""
    ups = sum(max(0, change.after - change.before) for change in run.changes)
    downs = sum(max(0, change.before - change.after) for change in run.changes)
    return min(ups, downs) / _hours(run)


def _back(done: Budgeted, run: Shared) -> float:
    """A day: given to another one and back within two starts."""
    return turns(run.changes, 2 * done.model.start) / (_hours(run) * 3600 / DAY)


def turns(changes: Sequence[Change], seconds: float) -> int:
    """How often a service gets back within so many seconds what it gave to another one."""
    found = 0
    for place, back in enumerate(changes):
        if back.after < back.before:
            continue
        recent = [c for c in changes[:place] if back.at - c.at <= seconds]
        gave = [c.at for c in recent if c.service == back.service and c.after < c.before]
        if gave:
            since = [c for c in recent if c.at >= gave[-1] and c.service != back.service]
            lent = {c.service for c in since if c.after > c.before}
            found += bool(lent & {c.service for c in since if c.after < c.before})
    return found
