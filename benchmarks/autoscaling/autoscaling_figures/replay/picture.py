"""Three panels over the same time: load, replicas, violations. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autoscaling_figures.runs.running import Run
from modelservice_runtime.pages import axes
from modelservice_runtime.pages.axes import Axis, Picture
from modelservice_runtime.pages.markup import Html, joined
from modelservice_runtime.pages.scales import Scale

_WIDTH, _HEIGHT = 900.0, 620.0
_LEFT, _RIGHT = 62.0, 884.0
#: Top and bottom of each panel.
_PANELS = ((44.0, 190.0), (246.0, 392.0), (448.0, 570.0))
#: Points of a line; more are not to be told apart.
_MOST_POINTS = 800
_LOAD_COLOUR = 6
_COLOURS = (1, 2)


def drawn(rate: np.ndarray, seconds: float, runs: Mapping[str, Run]) -> Html:
    """``rate``: requests a second by bin. ``runs``: at most as many as there are colours."""
    hours = len(rate) * seconds / 3600
    x_scale = Scale(low=0.0, high=hours, start=_LEFT, end=_RIGHT)
    replicas = {name: run.seconds / 60.0 for name, run in runs.items()}
    missed = {
        name: 100 * run.violations / np.maximum(1.0, run.offered) for name, run in runs.items()
    }
    image = Picture(
        name="replay", width=_WIDTH, height=_HEIGHT,
        title="Load, replicas and violations over time",
        description="; ".join(
            f"{name}: {run.cost / 3600:.1f} GPU-hours, {100 * run.missed:.2f} % violations"
            for name, run in runs.items()
        ),
    )  # fmt: skip
    return image.draw(
        _panel(0, "requests a second", x_scale, [rate], ["load"], colours=(_LOAD_COLOUR,)),
        _panel(1, "replicas that hold GPUs", x_scale, [*replicas.values()], [*replicas]),
        _panel(
            2, "% of the requests of a minute violate", x_scale, [*missed.values()], [*missed],
            last=True,
        ),
    )  # fmt: skip


def _panel(
    place: int,
    title: str,
    x_scale: Scale,
    values: Sequence[np.ndarray],
    names: Sequence[str],
    *,
    colours: Sequence[int] = _COLOURS,
    last: bool = False,
) -> Html:
    top, bottom = _PANELS[place]
    most = max(1e-9, *(float(series.max()) for series in values))
    y_scale = Scale(low=0.0, high=1.05 * most, start=bottom, end=top)
    parts = [axes.vertical(Axis(scale=y_scale, title=title, words=_number), _LEFT, _RIGHT)]
    if last:
        x_axis = Axis(scale=x_scale, title="hours", words=_number)
        parts.append(axes.horizontal(x_axis, _PANELS[0][0], bottom))
    else:
        parts.append(axes.line("axis", _LEFT, bottom, _RIGHT, bottom))
    at = _RIGHT
    for series, name, colour in reversed(list(zip(values, names, colours, strict=False))):
        parts.append(_line(series, x_scale, y_scale, colour))
        parts.append(axes.words(name, at, top - 12, kind="halo", anchor="end"))
        at -= 8.0 * len(name) + 8
        parts.append(axes.line(f"l-{colour}", at - 18, top - 16, at, top - 16))
        at -= 34
    return joined(parts)


def _number(value: float) -> str:
    return f"{value:g}"


def _line(series: np.ndarray, x_scale: Scale, y_scale: Scale, colour: int) -> Html:
    """A staircase; where there are too many values, the largest of some together."""
    together = max(1, -(-len(series) // _MOST_POINTS))
    starts = np.arange(0, len(series), together)
    heights = np.maximum.reduceat(series, starts)
    width = (x_scale.high - x_scale.low) / len(series)
    parts = []
    for start, height in zip(starts, heights, strict=True):
        y = y_scale.at(float(height))
        left = x_scale.at(x_scale.low + start * width)
        right = x_scale.at(x_scale.low + min(len(series), start + together) * width)
        parts.append(f"{left} {y}L{right} {y}")
    return Html(f'<path class="l-{colour}" d="M{"L".join(parts)}"/>')
