"""What the runs of one service at a time say: A1 to A5. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from bench_figures.rows import Figures, Row, Target, rounded, row, target

from autoscaling_figures.runs.matching import cost_at, geometric
from autoscaling_figures.runs.tables import Table, Weights, interval

from .peers import (
    DEPTH,
    DYNAMO,
    GRIDS,
    HPA,
    KEDA,
    KPA,
    OURS,
    PROMISED,
    RAY,
    SAME,
    WAITING,
)

#: Median seconds of a start.
STARTS = (20.0, 60.0, 180.0)
MAIN = 60.0
#: Shares of violations at which the cheapest settings are compared.
LEVELS = (0.005, 0.01, 0.02)
#: By start: (mean over series, worst series) that is promised.
MATCHED = {20.0: (0.95, 1.15), 60.0: (0.95, 1.15), 180.0: (1.0, 1.25)}
#: Violations below this are none: a handful of requests.
NONE = 1e-4
#: Where the peer's violations are fewer, there is little to be had.
WORTH = 0.005
ALLOWED = 0.01
DEFAULT = "default / best peer there"
COLUMNS = (OURS, HPA, KEDA, KPA, RAY, DYNAMO, DEPTH, WAITING)
Tables = Mapping[tuple[float, str], Table]


def figures(tables: Tables, judged: Sequence[str], chosen_on: Sequence[str]) -> Figures:
    """Rows and targets. ``judged``: series that targets are about; ``chosen_on``: made up ones."""
    rows: list[Row] = []
    targets: list[Target] = []
    for start in STARTS:
        at = {name: tables[start, name] for name in judged if (start, name) in tables}
        found = _matched(at, start)
        rows, targets = [*rows, *found.rows], [*targets, *found.targets]
    main = {name: table for (start, name), table in tables.items() if start == MAIN}
    at = {name: main[name] for name in judged}
    chosen = choose({name: main[name] for name in chosen_on})
    rows += cells(main, chosen, "A").rows
    for part in (_beside_ratio_rules(at), _beside_known(at), _beside_kpa(at), _beside_queues(at)):
        rows, targets = [*rows, *part.rows], [*targets, *part.targets]
    return Figures(rows=tuple(rows), targets=tuple(targets))


def name_in(table: Table, name: str) -> str:
    """Of a controller, in the table: some are points of a grid."""
    return SAME.get(name, name) if name not in table.blocks else name


def _weights(weights: Weights | None, name: str) -> object:
    return None if weights is None else weights[name]


def _point(table: Table, name: str, weights: object = None) -> tuple[float, float]:
    return table.point(name_in(table, name), weights)  # type: ignore[arg-type]


def best_peer(table: Table, missed: float, weights: object = None) -> float:
    """What the cheapest setting of any family costs at as many violations; NaN: none has so few."""
    costs = [
        cost_at([table.point(name, weights) for name in grid], missed)  # type: ignore[arg-type]
        for grid in GRIDS.values()
    ]
    return min((cost for cost in costs if math.isfinite(cost)), default=math.nan)


def matched(table: Table, missed: float, weights: object = None) -> float:
    """Cheapest of ours / cheapest of peers."""
    own = cost_at([table.point(name, weights) for name in PROMISED], missed)  # type: ignore[arg-type]
    return own / best_peer(table, missed, weights)


def default_matched(table: Table, weights: object = None) -> float:
    """Ours as it comes / the cheapest peer at our violations, a thousandth at least."""
    missed, cost = _point(table, OURS, weights)
    return cost / best_peer(table, max(missed, 0.001), weights)


def _matched(at: Mapping[str, Table], start: float) -> Figures:
    group = f"A1.{start:.0f}s"
    rows, worst = [], math.nan
    for name, table in at.items():
        by_level = [matched(table, level) for level in LEVELS]
        for level, ratio in zip(LEVELS, by_level, strict=True):
            if math.isfinite(ratio):
                rows.append(row(group, f"at {level:.1%}", "", [ratio], of=name))
        if math.isfinite(mean := geometric(by_level)):
            worst = mean if math.isnan(worst) else max(worst, mean)
        if math.isfinite(own := default_matched(table)):
            rows.append(row(group, DEFAULT, "", [own], of=name))

    def over_all(weights: Weights | None) -> float:
        return geometric(
            matched(table, level, _weights(weights, name))
            for name, table in at.items()
            for level in LEVELS
        )

    def over_defaults(weights: Weights | None) -> float:
        return geometric(
            default_matched(table, _weights(weights, name)) for name, table in at.items()
        )

    strict, own = interval(at, over_all), interval(at, over_defaults)
    rows.append(spread(group, "all levels", "", strict, len(at), of="all (geometric mean)"))
    rows.append(spread(group, DEFAULT, "", own, len(at), of="all (geometric mean)"))
    mean, most = MATCHED[start]
    what = f"GPU-seconds, ours / best peer in hindsight, starts {start:.0f} s"
    return known(
        rows,
        target(f"{group}", f"{what}: mean at 0.5, 1, 2 %", "<=", mean, strict[0]),
        target(f"{group}.default", f"{what}: mean, our default", "<=", mean, own[0]),
        target(f"{group}.worst", f"{what}: worst series", "<=", most, worst),
    )


def known(rows: Sequence[Row], *targets: Target) -> Figures:
    """Without targets that nothing is known for."""
    kept = tuple(item for item in targets if math.isfinite(item.value))
    return Figures(rows=tuple(rows), targets=kept)


def spread(
    group: str, what: str, unit: str, found: tuple[float, float, float], runs: int, *, of: str
) -> Row:
    """A row with an interval."""
    value, low, high = (rounded(one) for one in found)
    return Row(group=group, what=what, unit=unit, value=value, low=low, high=high, runs=runs, of=of)


def choose(made: Mapping[str, Table]) -> dict[str, str]:
    """By family, the cheapest setting that keeps the promise on what was made up, all together."""
    found = {}
    for family, grid in GRIDS.items():
        scores = {}
        for name in grid:
            points = [table.point(name) for table in made.values()]
            costs = [p[1] / fmean(k.cost for k in t.known) for p, t in zip(points, made.values())]  # noqa: B905 - both are of the same tables
            scores[name] = (max(0.0, fmean(p[0] for p in points) - ALLOWED), geometric(costs))
        found[family] = min(scores, key=lambda name: scores[name])
    return found


def cells(main: Mapping[str, Table], chosen: Mapping[str, str], group: str) -> Figures:
    """Violations and cost of each controller; ``chosen``: by family, a setting of its grid."""
    rows: list[Row] = []
    shown = {name: name for name in COLUMNS} | {
        f"{family}, chosen ({name.removeprefix(family).strip()})": name
        for family, name in chosen.items()
    }
    for series, table in main.items():
        bound = fmean(item.cost for item in table.known)
        for title, name in shown.items():
            inside = name_in(table, name)
            if inside not in table.blocks:
                continue
            missed = [100 * value for value in table.missed[inside]]
            cost = [value / bound for value in table.cost[inside]]
            rows.append(row(f"{group}.violations", title, "%", missed, of=series))
            rows.append(row(f"{group}.seconds", title, "", cost, of=series))
        foreseen = [100 * item.missed for item in table.known]
        rows.append(row(f"{group}.violations", "known in advance", "%", foreseen, of=series))
    return Figures(rows=tuple(rows), targets=())


def _ratio(
    at: Mapping[str, Table], peer: str, place: int, *, least: float = 0.0
) -> tuple[float, float, float]:
    """Geometric mean of ours / the peer's: violations (0) or replica-seconds (1)."""
    series = [name for name, table in at.items() if _point(table, peer)[0] >= least]

    def value(weights: Weights | None) -> float:
        found = []
        for name in series:
            own = _point(at[name], OURS, _weights(weights, name))[place]
            other = _point(at[name], peer, _weights(weights, name))[place]
            found.append(max(own, NONE) / max(other, NONE))
        return geometric(found)

    return interval({name: at[name] for name in series}, value) if series else (math.nan,) * 3


def _beside_ratio_rules(at: Mapping[str, Table]) -> Figures:
    rows, targets = [], []
    for word, peer in (("hpa", HPA), ("keda", KEDA)):
        many = sum(_point(table, peer)[0] >= WORTH for table in at.values())
        violations = _ratio(at, peer, 0, least=WORTH)
        seconds = _ratio(at, peer, 1)
        if many:
            rows.append(spread("A2", "violations", "", violations, many, of=f"ours / {peer}"))
        rows.append(spread("A2", "GPU-seconds", "", seconds, len(at), of=f"ours / {peer}"))
        what = f"ours / {peer}"
        words = f"violations, {what}, where it has more than 0.5 % ({many} series)"
        targets.append(target(f"A2.{word}.violations", words, "<=", 0.6, violations[0]))
        targets.append(target(f"A2.{word}.seconds", f"GPU-seconds, {what}", "<=", 1.05, seconds[0]))
    return known(rows, *targets)


def _beside_known(at: Mapping[str, Table]) -> Figures:
    ratios = {
        name: _point(table, OURS)[1] / sum(item.cost for item in table.known)
        for name, table in at.items()
    }

    def value(weights: Weights | None) -> float:
        found = []
        for name, table in at.items():
            share = 1.0 if weights is None else _share(table, _weights(weights, name))
            whole = sum(item.cost for item in table.known) * share
            found.append(_point(table, OURS, _weights(weights, name))[1] / whole)
        return geometric(found)

    over = sum(
        _point(table, OURS)[0] > ALLOWED
        for table in at.values()
        if fmean(item.missed for item in table.known) <= ALLOWED
    )
    all_of_them = spread(
        "A3", "GPU-seconds", "", interval(at, value), len(at), of="all (geometric mean)"
    )
    rows = [row("A3", "GPU-seconds", "", [ratio], of=name) for name, ratio in ratios.items()]
    return known(
        [*rows, all_of_them],
        target("A3", "GPU-seconds, ours / load known in advance", "<=", 1.35, all_of_them.value),
        target("A3.violations", "series with more than 1 % that need not have", "==", 0, over),
    )


def _share(table: Table, weights: object) -> float:
    """How much of the cost of a peer that follows the load is in what was drawn."""
    whole = _point(table, HPA)[1]
    return _point(table, HPA, weights)[1] / whole


def _beside_kpa(at: Mapping[str, Table]) -> Figures:
    seconds = _ratio(at, KPA, 1)
    more = sum(_point(t, OURS)[0] > max(NONE, _point(t, KPA)[0]) for t in at.values())
    return known(
        [spread("A4", "GPU-seconds", "", seconds, len(at), of=f"ours / {KPA}")],
        target("A4", f"GPU-seconds, ours / {KPA}, delay 300 s", "<=", 0.75, seconds[0]),
        target("A4.violations", f"series with more violations than {KPA}", "==", 0, more),
    )


def _beside_queues(at: Mapping[str, Table]) -> Figures:
    rows, targets = [], []
    for word, peer in (("depth", DEPTH), ("time", WAITING)):
        violations, seconds = _ratio(at, peer, 0), _ratio(at, peer, 1)
        rows.append(spread("A5", "violations", "", violations, len(at), of=f"ours / {peer}"))
        rows.append(spread("A5", "GPU-seconds", "", seconds, len(at), of=f"ours / {peer}"))
        what = f"ours / {peer}"
        targets += [
            target(f"A5.{word}.violations", f"violations, {what}", "<=", 0.25, violations[0]),
            target(f"A5.{word}.seconds", f"GPU-seconds, {what}", "<=", 0.5, seconds[0]),
        ]
    return known(rows, *targets)


Value = Callable[[Weights | None], float]
