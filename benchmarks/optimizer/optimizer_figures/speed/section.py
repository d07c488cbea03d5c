"""O1 on the page. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bench_figures.document import Document
from bench_figures.rows import Row
from bench_figures.tables import cell, table

from .findings import FIGURE, LEFT_OUT

_HOW = """\

## O1: speed at equal accuracy

Each of the [examples](examples.md) is built from its own manifest by
`python -m modelservice_runtime.builder`; `sentence-encoder-0.99` is the sentence encoder on its
larger data with a goal of 0.99. Goal, metric and the rows of the gate are the same for all engines,
and so is the judge: the builder's gate, each engine alone. What computes what the source model does
but for rounding is within the goals if it equals it by the manifest's tolerance.

Every engine is a process of its own with one thread and rests while another one is timed; in each
round every engine is called for 0.15 s at every batch size, beginning with another one each time.
Medians of the rounds' medians, and the least and the most of these. Beside each other: round by
round, since what slows a round slows both.

Stock recipes, as their documentation has them: **torch.compile** and **AOTInductor** with frozen
weights, a graph for each batch size in the former; **ONNX Runtime** on torch's (or Keras') plain
ONNX export; its **dynamic int8** by `quantize_dynamic` without options; **torchao**'s
`Int8DynamicActivationInt8WeightConfig`, compiled
([peers.txt](../benchmarks/optimizer/peers.txt)); **NNCF**'s `quantize` on the same rows that the
builder calibrates with, in **OpenVINO** as it comes, which computes in bfloat16 where the CPU has
it and does not say so (here it is asked, and the answer stands in brackets); OpenVINO with float32
asked for. *Loss*: of the metric, on the gate's rows. *Within the goals*: 1, or 0 where that is not
proven. What is served is the builder's first choice, or what the tuning picked where that is given;
the tuned batch is the manifest's largest. Where that is the plain export, it is the same file that
ONNX Runtime runs beside it, and what differs is the noise of the comparison: calls of a few
microseconds differ by some percent from process to process.
"""


def lines(document: Document) -> list[str]:
    """The lines of this section; none while nothing of it was measured."""
    groups = [group for group in document.groups() if group.startswith(f"{FIGURE}.")]
    found = [line for group in groups for line in _case(group, document.rows)]
    return [_HOW, *found] if found else []


def _case(group: str, rows: Sequence[Row]) -> list[str]:
    own = [item for item in rows if item.group == group]
    left_out = [item for item in own if item.what.startswith(LEFT_OUT)]
    beside = [item for item in own if not item.of]
    engines = [item for item in own if item.of and item not in left_out]
    return [
        f"\n### {group.removeprefix(f'{FIGURE}.')}\n",
        *table(engines, "engine"),
        "",
        *(f"- {item.what}: {cell(item)}" for item in beside),
        *(f"- left out: {item.of}: {item.what.removeprefix(LEFT_OUT)}" for item in left_out),
    ]
