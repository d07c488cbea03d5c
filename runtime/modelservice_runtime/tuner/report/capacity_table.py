"""How much so many replicas carry, and what share is answered in time under any load."""

from __future__ import annotations

import math
from collections.abc import Sequence

from modelservice_runtime.contract.profile import RANDOM_SPLIT
from modelservice_runtime.pages.figures import NOTHING
from modelservice_runtime.pages.markup import Column, Html, joined, paragraph, table

from . import words
from .document import CapacityView

#: Shares from which a cell has the next better colour.
_STEPS = (99.9, 99.0, 95.0, 80.0)
_ROUTING = {
    RANDOM_SPLIT: "Each replica has a queue of its own and gets a random part of the requests.",
}


def capacity_table(capacity: CapacityView) -> Html:
    """What so many replicas carry within the goal, then the answered shares as a heat table."""
    if not capacity.replicas:
        return paragraph("Nothing is known of more than one replica.", "soft")
    routing = _ROUTING.get(capacity.routing, capacity.routing)
    said = paragraph(routing, "soft") if routing else Html("")
    return joined((said, _carried(capacity), _answered(capacity)))


def _carried(capacity: CapacityView) -> Html:
    rates = _padded(capacity.rows_per_second, len(capacity.replicas))
    columns = [Column(title="replicas"), *(Column(title=f"{n}") for n in capacity.replicas)]
    rows = [
        ("rows/s within the goal", *(words.rate(each) for each in rates)),
        ("rows/s of each", *_of_each(capacity.replicas, rates)),
    ]
    title = "Rows per second within the goal by number of replicas"
    return joined((Html('<div class="heat">'), table(columns, rows, title), Html("</div>")))


def _of_each(replicas: Sequence[int], rates: Sequence[float]) -> list[str]:
    return [words.rate(rate / max(n, 1)) for n, rate in zip(replicas, rates, strict=True)]


def _answered(capacity: CapacityView) -> Html:
    if not capacity.answered_percent:
        return Html("")
    columns = [Column(title="load"), *(Column(title=f"{n}") for n in capacity.replicas)]
    rows = [
        (f"{100 * load:g} %", *(_cell(each) for each in _padded(shares, len(capacity.replicas))))
        for load, shares in zip(capacity.load_steps, capacity.answered_percent, strict=False)
    ]
    title = "Percent of the requests answered in time, by load and number of replicas"
    said = paragraph(
        "Percent of the requests answered in time, by load (rows) and number of replicas"
        " (columns). Load: rows offered, of what all replicas together can do. Rounded down, so"
        " 100 is all of them."
    )
    return joined((said, Html('<div class="heat">'), table(columns, rows, title), Html("</div>")))


def _cell(share: float) -> Html:
    if not words.known(share):
        return Html(NOTHING)
    kind = next((number for number, least in enumerate(_STEPS) if share >= least), len(_STEPS))
    # A share that is not all must not read like all.
    down = math.floor(share * 10 + 1e-6) / 10
    said = f"{down:.0f}" if down in (0, 100) else f"{down:.1f}"
    return Html(f'<span class="h-{kind}">{said}</span>')


def _padded(values: Sequence[float], count: int) -> list[float]:
    """As many as there are columns."""
    return [*values[:count], *[math.nan] * (count - len(values))]
