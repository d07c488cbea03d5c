"""A1 to A5: every controller on every series, start and seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor

from bench_figures.rows import Figures

from autoscaling_figures.bench import Bench
from autoscaling_figures.capacities import each_of
from autoscaling_figures.loads import choosing, generated
from autoscaling_figures.runs.collecting import collected
from autoscaling_figures.runs.running import Case, foreseen, run
from autoscaling_figures.runs.tables import Known, Table, blocks
from autoscaling_figures.simulator.arrivals import Trace
from autoscaling_figures.simulator.model import ModelOf

from .findings import STARTS, cells, figures
from .peers import FIXED, HPA, KEDA, KPA, OURS, Made, everybody, ours

#: The start that most targets are about has all seeds; the others these many.
MAIN_START, OTHER_SEEDS = 60.0, 2
#: Who is run pooled, which takes long.
POOLED: Mapping[str, Made] = {OURS: ours(), **{name: FIXED[name] for name in (HPA, KEDA, KPA)}}


def measure(bench: Bench) -> Iterator[Figures]:
    """All of it, at once."""
    made = {
        f"made up: {name}": [
            generated.made(name, seed, bench.seconds(generated.DURATION)) for seed in bench.seeds
        ]
        for name in generated.SHAPES
    }
    recorded = {
        trace.name: [trace] * len(bench.seeds)
        for trace in choosing.single(bench.files, bench.seconds(choosing.WINDOW))
    }
    asked: dict[tuple[float, str], Sequence[Trace]] = {}
    for start in STARTS:
        seeds = len(bench.seeds) if start == MAIN_START else min(OTHER_SEEDS, len(bench.seeds))
        series = dict(recorded) if start != MAIN_START and recorded else {**made, **recorded}
        asked |= {(start, name): traces[:seeds] for name, traces in series.items()}
    pooled = {
        (MAIN_START, name): traces[:OTHER_SEEDS] for name, traces in (recorded or made).items()
    }
    with ProcessPoolExecutor() as processes:
        tables = _all(bench, processes, asked)
        yield figures(tables, judged=list(recorded or made), chosen_on=list(made))
        known = _all(bench, processes, pooled, pooled=True)
    yield cells({name: table for (_, name), table in known.items()}, {}, "A.pooled")


def _all(
    bench: Bench,
    processes: ProcessPoolExecutor,
    asked: Mapping[tuple[float, str], Sequence[Trace]],
    *,
    pooled: bool = False,
) -> dict[tuple[float, str], Table]:
    """By start and series; each is a process's job, since none needs another."""
    jobs = {
        (start, name): processes.submit(_table, traces, bench.seeds, start, pooled=pooled)
        for (start, name), traces in asked.items()
    }
    return collected(
        jobs,
        bench.say,
        lambda key: f"A: {key[1]}, {'pooled' if pooled else f'starts take {key[0]:.0f} s'}",
    )


def _table(traces: Sequence[Trace], seeds: Sequence[int], start: float, *, pooled: bool) -> Table:
    """With every setting; pooled, which takes long, those without hindsight."""
    model = ModelOf(start=start, pooled=pooled)
    each = each_of(model)
    makers = POOLED if pooled else everybody()
    cases = [
        Case(trace=choosing.sized(trace, each), model=model, each=each, seed=seed)
        for trace, seed in zip(traces, seeds, strict=False)
    ]
    runs = {name: [run(case, make(case)) for case in cases] for name, make in makers.items()}
    known = [foreseen(case) for case in cases]
    return Table(
        blocks={name: blocks(found) for name, found in runs.items()},
        missed={name: [each.missed for each in found] for name, found in runs.items()},
        cost={name: [each.cost for each in found] for name, found in runs.items()},
        known=[Known(cost=each.cost, missed=each.missed) for each in known],
    )
