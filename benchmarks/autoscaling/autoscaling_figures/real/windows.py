"""Which parts of the traffic the real runs get: the same rule for any. Needs numpy."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from autoscaling_figures.loads import generated
from autoscaling_figures.loads.choosing import busiest, variation
from autoscaling_figures.simulator.arrivals import Trace

from .setting import SERVICES, WINDOW_SECONDS, WINDOWS
from .sizing import Window

#: Steps of the rates that are sent: those of a series that has finer ones are averaged.
BIN_SECONDS = 15.0
#: Of a window's busiest minute beside its mean: a peak of one service alone takes no more than all
#: GPUs but one for each of the others.
MOST_PEAK = 3.0
#: Of each made-up shape, where nothing was recorded.
SEEDS = (1, 2, 3)

Files = Mapping[str, Mapping[str, Trace]]


def chosen(files: Files) -> list[Window]:
    """Three windows of three series each: the busiest part of a series, if its peak is no larger.

    The series of a file in the order of how much they change, the files in turns; a window takes
    every third of them. Without enough series those that are made up follow.
    """
    turns = [*_turns(files), *_turns(_made_up())]
    most = len(SERVICES) * WINDOWS
    return [_window(turns[:most][number::WINDOWS]) for number in range(WINDOWS)]


def _turns(files: Files) -> list[Trace]:
    ordered = []
    for series in files.values():
        parts = [busiest(trace, WINDOW_SECONDS) for trace in series.values()]
        usable = [part for part in parts if part is not None and peak(part) <= MOST_PEAK]
        ordered.append(sorted(usable, key=variation, reverse=True))
    rounds = itertools.zip_longest(*ordered)
    return [trace for found in rounds for trace in found if trace is not None]


def peak(trace: Trace) -> float:
    """The busiest minute beside the mean."""
    together = max(1, round(60.0 / trace.seconds))
    minutes = np.convolve(trace.counts, np.ones(together) / together, "valid")
    return float(minutes.max() / trace.counts.mean())


def _made_up() -> Files:
    return {
        shape: {str(seed): generated.made(shape, seed) for seed in SEEDS}
        for shape in generated.SHAPES
    }


def _window(traces: list[Trace]) -> Window:
    pairs = dict(zip(SERVICES, traces, strict=True))
    return Window(
        of={name: trace.name for name, trace in pairs.items()},
        rates={name: _rates(trace) for name, trace in pairs.items()},
        bin_seconds=BIN_SECONDS,
    )


def _rates(trace: Trace) -> list[float]:
    """Requests a second in each of the bins: the means of what is finer, else what is coarser."""
    edges = [number * BIN_SECONDS for number in range(round(WINDOW_SECONDS / BIN_SECONDS))]
    rate = trace.rate
    if trace.seconds >= BIN_SECONDS:
        return [float(rate[min(len(rate) - 1, int(at / trace.seconds))]) for at in edges]
    return [
        float(rate[int(at / trace.seconds) : int((at + BIN_SECONDS) / trace.seconds)].mean())
        for at in edges
    ]
