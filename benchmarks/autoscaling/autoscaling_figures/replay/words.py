"""What a replayed trace cost: a table for the terminal, a page. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from autoscaling_figures.runs.running import Foreseen, Run
from autoscaling_figures.simulator.model import ModelOf
from modelservice_runtime.pages.markup import Column, Html, joined, paragraph, section
from modelservice_runtime.pages.markup import table as html_table
from modelservice_runtime.pages.sheet import sheet
from modelservice_runtime.pages.style import style

from . import picture

HEAD = ("", "violations", "GPU-hours", "of known in advance", "most replicas", "starts")
KNOWN = "known in advance"
#: Of ours and of the first peer: the two that are drawn.
DRAWN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """``rate``: requests a second by bin of ``seconds``. ``found``: by controller, ours first."""

    title: str
    model: ModelOf
    each: float
    rate: np.ndarray
    seconds: float
    found: Mapping[str, Run]
    known: Foreseen


def cells(done: Replayed) -> list[tuple[str, ...]]:
    """A line for each controller."""
    lines = [
        (
            who,
            f"{100 * one.missed:.2f} %",
            f"{one.cost / 3600:.1f}",
            f"{one.cost / done.known.cost:.2f}",
            f"{one.peak}",
            f"{one.starts}",
        )
        for who, one in done.found.items()
    ]
    known = done.known
    last = (KNOWN, f"{100 * known.missed:.2f} %", f"{known.cost / 3600:.1f}", "1.00", "", "")
    return [*lines, last]


def table(done: Replayed) -> str:
    """For a terminal."""
    lines = [HEAD, *cells(done)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(HEAD))]
    said = [
        "  ".join(
            word.ljust(width) if place == 0 else word.rjust(width)
            for place, (word, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join(["", sentence(done), "", *said, ""])


def sentence(done: Replayed) -> str:
    """What was replayed."""
    model = done.model
    hours = len(done.rate) * done.seconds / 3600
    return (
        f"{done.title}: {hours:.1f} h, {done.rate.mean():.3g} requests/s in the mean,"
        f" {done.rate.max():.3g} at most; a replica carries {done.each:.3g} within"
        f" {1000 * model.goal:.0f} ms (batches up to {model.batch}) and takes"
        f" {model.start:.0f} s to start"
    )


def page(done: Replayed) -> str:
    """The HTML document."""
    names = list(done.found)[:DRAWN]
    columns = [Column(title=HEAD[0]), *(Column(title=word, number=True) for word in HEAD[1:])]
    body = joined((
        Html(f"<h1>{joined((f'What {done.title} would have cost',))}</h1>"),
        paragraph(sentence(done) + "."),
        html_table(columns, cells(done), "Cost by controller"),
        section(
            "Load, replicas, violations",
            picture.drawn(done.rate, done.seconds, {name: done.found[name] for name in names}),
        ),
        paragraph(
            "Simulated: each replica has a queue of its own, requests are split at random. Known in"
            " advance: the fewest replicas that keep the goal, each start charged; nobody reaches"
            " it.", "soft",
        ),
    ))  # fmt: skip
    return sheet(f"{done.title}: autoscaling replayed", style(()), body)
