"""The page with what both did in each window: load, GPUs, violations. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autoscaling_figures.replay.picture import drawn
from autoscaling_figures.runs.running import Run
from modelservice_runtime.pages.markup import Html, joined, paragraph, section
from modelservice_runtime.pages.sheet import sheet
from modelservice_runtime.pages.style import style

from .sizing import Window

Drawn = tuple[str, Window, Mapping[str, Mapping[str, Run]]]


def page(windows: Sequence[Drawn]) -> str:
    """The HTML document; for each window its title, its load, and by group the runs of both."""
    parts = [
        Html(f"<h1>{joined(('Real replicas beside an HPA',))}</h1>"),
        paragraph("The first two minutes of a window are its lead, and are not counted."),
    ]
    for number, (title, window, groups) in enumerate(windows, start=1):
        parts.append(section(f"Window {number}", paragraph(f"{title}.")))
        for group, runs in groups.items():
            load = _load(window, group)
            parts.append(
                section(f"Window {number}, {group}", drawn(load, window.bin_seconds, runs))
            )
    return sheet("Real replicas beside an HPA", style(()), joined(tuple(parts)))


def _load(window: Window, group: str) -> np.ndarray:
    rates = [window.rates[group]] if group in window.rates else list(window.rates.values())
    total: np.ndarray = np.array(rates).sum(axis=0)
    return total
