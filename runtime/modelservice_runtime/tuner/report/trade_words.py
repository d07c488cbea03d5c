"""The words in the picture of the choice: names beside the marks, the legend, the description."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from modelservice_runtime.pages import axes, labels
from modelservice_runtime.pages.axes import Axis
from modelservice_runtime.pages.labels import Box, Label, Mark
from modelservice_runtime.pages.markup import Html, joined, text

from . import marks, words
from .document import OUTCOMES
from .spots import Place, Spot

#: More names than this would hide the picture: all but the chosen one are numbered.
_NAMED = 6
_STEP = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where words may go. ``occupied``: where others are already."""

    x_axis: Axis
    y_axis: Axis
    area: Box
    occupied: Sequence[Box]

    def at(self, place: Place) -> tuple[float, float]:
        """In the picture."""
        return self.x_axis.scale.at(place.rows), self.y_axis.scale.at(place.ms)


def names(drawn: Sequence[Spot], frame: Frame, radius: Callable[[Spot], float]) -> Html:
    """Beside each mark that matters its setting, or its number where there is no room for that.

    Rather over the small marks of the others than not at all.
    """
    spots = [spot for spot in drawn if spot.ranked.matters]
    others = [_box(spot, place, frame, radius) for spot in drawn for place in spot.places]
    large = [_box(spot, place, frame, radius) for spot in spots for place in spot.places]
    joints = [box for spot in spots for box in _joint(spot, frame)]
    few = len(spots) <= _NAMED
    by_name = [spot.name if few or spot.chosen else "" for spot in spots]
    # With a space, or two of them side by side would read as one.
    by_number = [f"{spot.ranked.number} " for spot in spots]
    found: dict[int, Label] = {}
    for said, beside in ((by_name, others), (by_name, large), (by_number, large)):
        left = [index for index in range(len(spots)) if index not in found]
        wanted = [_mark(spots[index], frame, radius, said[index]) for index in left]
        taken = [*frame.occupied, *joints, *beside, *(label.box for label in found.values())]
        for label in labels.place(wanted, frame.area, taken):
            found[left[label.mark]] = label
    return joined(_drawn(spots[index], label, frame) for index, label in found.items())


def _mark(spot: Spot, frame: Frame, radius: Callable[[Spot], float], said: str) -> Mark:
    x, y = frame.at(spot.main)
    return Mark(x=x, y=y, radius=radius(spot), words=said)


def _box(spot: Spot, place: Place, frame: Frame, radius: Callable[[Spot], float]) -> Box:
    x, y = frame.at(place)
    return Mark(x=x, y=y, radius=radius(spot), words="").box


def _joint(spot: Spot, frame: Frame) -> Iterator[Box]:
    """Along the line from what was simulated to what was measured."""
    if spot.simulated is None or spot.measured is None:
        return
    (x1, y1), (x2, y2) = frame.at(spot.simulated), frame.at(spot.measured)
    steps = max(1, int(math.dist((x1, y1), (x2, y2)) / _STEP))
    for number in range(1, steps):
        x, y = x1 + (x2 - x1) * number / steps, y1 + (y2 - y1) * number / steps
        yield Mark(x=x, y=y, radius=1.0, words="").box


def _drawn(spot: Spot, label: Label, frame: Frame) -> Html:
    parts, box = [], label.box
    if label.far:
        x, y = frame.at(spot.main)
        edge = box.bottom if box.bottom < y else box.top
        parts.append(axes.line("lead", x, y, min(max(x, box.left), box.right), edge))
    parts.append(axes.words(label.words, box.left, box.bottom - 3, kind="halo strong"))
    return joined(parts)


def legend(drawn: Sequence[Spot], frame: Frame, missing: int) -> Html:
    """What the marks mean, and what is not in the picture."""
    seen = {spot.ranked.setting.outcome for spot in drawn}
    items = "".join(
        f"<li>{marks.sample(outcome)}{text(outcome)}</li>"
        for outcome in OUTCOMES
        if outcome in seen
    )
    notes = ["Hollow marks are simulated, filled ones measured; a thin line joins the two."]
    if sum(spot.ranked.matters for spot in drawn) > _NAMED:
        notes.append("Numbers are rows of the table of all settings.")
    scale = frame.y_axis.scale
    far = sum(any(scale.outside(place.ms) for place in spot.places) for spot in drawn)
    if far:
        notes.append(f"At the upper edge, since they take longer than it says: {far}.")
    if missing:
        notes.append(f"Not drawn, since they carry nothing within the goal: {missing}.")
    return Html(f'<ul class="legend">{items}</ul><figcaption>{joined(notes, " ")}</figcaption>')


def described(drawn: Sequence[Spot]) -> str:
    """The picture in words: what matters, and how many others there are."""
    told = [
        f"{spot.ranked.setting.label}: {spot.ranked.setting.outcome},"
        f" {words.rows_per_second(spot.main.rows)} at {words.milliseconds(spot.main.ms)}"
        for spot in drawn
        if spot.ranked.matters
    ]
    others = [spot.main.rows for spot in drawn if not spot.ranked.matters]
    if others:
        span = f"{words.rate(min(others))} to {words.rows_per_second(max(others))}"
        told.append(f"{len(others)} others with {span}")
    return "; ".join(told)
