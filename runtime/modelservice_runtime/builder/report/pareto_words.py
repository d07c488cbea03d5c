"""The words in the picture of the choice: names beside the marks, the legend, the description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelservice_runtime.builder.judged import CHOSEN, FINALIST, OUTCOMES
from modelservice_runtime.pages import axes, figures, labels
from modelservice_runtime.pages.axes import Axis
from modelservice_runtime.pages.labels import Box
from modelservice_runtime.pages.markup import Html, joined, text

from . import marks
from .document import Report
from .front import front
from .spots import Spot, important_first

#: With more marks than this, only those that matter are named, the others numbered.
_NAMED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where words may go. ``occupied``: where others are already."""

    x_axis: Axis
    y_axis: Axis
    area: Box
    occupied: Sequence[Box]


def named(drawn: Sequence[Spot]) -> frozenset[int]:
    """The numbers of those for whose names and intervals there is room."""
    few = len(drawn) <= _NAMED
    return frozenset(s.number for s in drawn if few or s.candidate.outcome in (CHOSEN, FINALIST))


def names(
    report: Report,
    drawn: Sequence[Spot],
    sizes: Mapping[int, float],
    frame: Frame,
) -> Html:
    """Beside each mark its candidate's name, or its number where there are many.

    ``sizes``: radius by number.
    """
    ordered = important_first(report, drawn)
    by_name = named(drawn)
    wanted = []
    for spot in ordered:
        x, y = frame.x_axis.scale.at(spot.time), frame.y_axis.scale.at(spot.drop)
        said = spot.name if spot.number in by_name else str(spot.number)
        if frame.y_axis.scale.outside(spot.drop):
            said += f" (loss {figures.number(spot.drop)})"
        wanted.append(
            labels.Mark(
                x=x, y=y, radius=sizes[spot.number], words=said, near=spot.number not in by_name
            )
        )
    parts = []
    for label in labels.place(wanted, frame.area, frame.occupied):
        mark, box = wanted[label.mark], label.box
        if label.far:
            middle = (box.left + box.right) / 2
            edge = box.bottom if box.bottom < mark.y else box.top
            parts.append(axes.line("lead", mark.x, mark.y, middle, edge))
        outcome = ordered[label.mark].candidate.outcome
        kind = "halo strong" if outcome in (CHOSEN, FINALIST) else "halo"
        parts.append(axes.words(label.words, box.left, box.bottom - 3, kind=kind))
    return joined(parts)


def legend(report: Report, drawn: Sequence[Spot]) -> Html:
    """What the marks mean, and what is not in the picture."""
    seen = {spot.candidate.outcome for spot in drawn}
    items = "".join(
        f"<li>{marks.sample(outcome)}{text(marks.MEANING[outcome])}</li>"
        for outcome in OUTCOMES
        if outcome in seen
    )
    sizes = [spot.candidate.size_bytes for spot in drawn]
    between = f"{figures.megabytes(min(sizes))} to {figures.megabytes(max(sizes))}"
    notes = [f"The larger the mark, the larger the files ({between})."]
    notes.append("Thin lines are the intervals.")
    if front(report.candidates):
        notes.append("Nothing within the goals lies below and left of the green steps.")
    if any(not spot.proven for spot in drawn):
        notes.append("Hollow: an estimate on the selection part, nothing is proven by it.")
    if len(drawn) > _NAMED:
        notes.append("Numbers, where there is room for them, are rows of the table of candidates.")
    missing = len(report.candidates) - len(drawn)
    if missing:
        notes.append(f"Not drawn, since they were not timed or not scored: {missing}.")
    return Html(f'<ul class="legend">{items}</ul><figcaption>{joined(notes, " ")}</figcaption>')


def described(report: Report, drawn: Sequence[Spot]) -> str:
    """The picture in words."""
    told = [
        f"{spot.candidate.recipe.name}: {marks.MEANING.get(spot.candidate.outcome, '')},"
        f" {spot.time:.0f} percent of the time, loss {figures.number(spot.drop)}"
        for spot in important_first(report, drawn)
    ]
    return "; ".join(told)
