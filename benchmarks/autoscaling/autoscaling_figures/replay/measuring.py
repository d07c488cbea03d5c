"""One recorded series under several controllers: a table, and a page with a picture."""

from __future__ import annotations

from pathlib import Path

from bench_figures.recorded import NotATraceError

from autoscaling_figures.bench import Bench
from autoscaling_figures.capacities import capacity_of_model
from autoscaling_figures.loads.recorded import read_file
from autoscaling_figures.runs.running import Case, foreseen, run
from autoscaling_figures.simulator.model import ModelOf
from autoscaling_figures.single.peers import FIXED, HPA, KEDA, KPA, OURS, ours

from .words import Replayed, page, table

PEERS = (HPA, KEDA, KPA)


def replay(path: Path, model: ModelOf, scale: float, out: Path) -> str:
    """The table, as text; the page is written to ``out``.

    Raises:
        NotATraceError: it cannot be read, nobody asks anything, or a replica carries nothing.
    """
    series = read_file(path)
    name = "requests" if "requests" in series else next(iter(series))
    trace = series[name].scaled(scale)
    if not trace.counts.sum():
        raise NotATraceError(f"{path}: nobody asks anything in {name}")
    each = capacity_of_model(model).of(1) if model.timeout > 0 else 0.0
    if each <= 0:
        raise NotATraceError(
            f"a batch of {model.batch} misses the goal of {1000 * model.goal:g} ms"
        )
    case = Case(trace=trace, model=model, each=each, seed=1)
    found = {}
    for who, make in {OURS: ours(), **{peer: FIXED[peer] for peer in PEERS}}.items():
        Bench().say(f"{trace.name}: {who}")
        found[who] = run(case, make(case))
    done = Replayed(
        title=trace.name, model=model, each=each, rate=trace.rate, seconds=trace.seconds,
        found=found, known=foreseen(case),
    )  # fmt: skip
    out.write_text(page(done), encoding="utf-8")
    return table(done)
