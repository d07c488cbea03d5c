"""T1 on the page. Pure."""

from __future__ import annotations

from bench_figures.document import Document
from bench_figures.tables import table

from tuner_figures.peers.modes import MODES

from .findings import FIGURE

_HOW = """\

## T1: what a search finds, and what it costs

Our tuner beside NVIDIA's Model Analyzer in its modes, on the same Triton with the same model, the
same rows, the same goal for p99 and the same bounds: ours is asked, as Model Analyzer is, for the
setting that serves most with as many clients that wait for their answers as suit it, and as many at
most as Model Analyzer tries. *Load*: seconds in which the load generator ran; *in
all*: from the start of the search to its end, servers started for it included. *Of the best*: rows
per second within the goal of what was picked, beside the best that anyone picked in any repeat; 0
where nothing was found. Every pick was measured anew for that, all of them in turns on one Triton,
three times at least, each with as many requests under way as suit it best within the goal. Where
searches were repeated, those by brute force were not. Stretch goals beside the quick search: a
quarter of its load, a third of its time.

{modes}
"""


def lines(document: Document) -> list[str]:
    """The lines of this section; none while nothing of it was measured."""
    groups = [g for g in document.groups() if g.startswith(f"{FIGURE}.")]
    if not groups:
        return []
    searched = {item.of for item in document.rows if item.group in groups}
    modes = "\n".join(f"- *{mode.name}*: {mode.what}." for mode in MODES if mode.name in searched)
    made = [_HOW.format(modes=modes)]
    for group in groups:
        rows = [item for item in document.rows if item.group == group]
        head = "setting: picked by (times)" if group.endswith(".settings") else "search"
        title = group.removeprefix(f"{FIGURE}.").removesuffix(".settings")
        made += [] if group.endswith(".settings") else [f"### {title}", ""]
        made += [*table(rows, head), ""]
    return made[:-1]
