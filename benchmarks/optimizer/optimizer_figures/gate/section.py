"""O2 on the page. Pure."""

from __future__ import annotations

from bench_figures.document import Document
from bench_figures.tables import table

from .figures import BETWEEN, BF16, LIMIT, MILD, PRECISION, SEVERE

_HOW = """\

## O2: the gate catches what it should

Real faults in the models of the [examples](examples.md): a change of the ONNX graph or of its
weights, in two strengths. What a fault really costs, in the metric and against the goal of the
example's own manifest, is measured on a population of 10,000 rows or more (digits moved and turned,
cut-outs of photographs, sentences of the documentation of Python packages, sentences and readers
that the examples' generators make). Then samples are drawn, other ones for each of the trials, and
judged by the builder's gate, and on the same samples by what others do:

- **point estimate**: refused if more was lost on the samples than the goal allows;
- **tolerance**: refused unless every number is within 1e-3 + 1e-2 · |number| of the source model's,
  as one sets it on the differences that Triton Model Navigator records;
- **AITune's check**, reimplemented from its source since it needs a GPU: refused if there is NaN or
  infinity, or another shape.

The gate refuses whatever it does not prove. Samples are drawn with replacement, so they are as
independent as those of an endless population; sentences, which are compared with each other,
without, and their truth is the mean over many samples of that size.
"""
_SEVERE = """\

### At least twice the goal is lost

Refused of so many trials, on as many samples as the goal takes of a candidate that loses nothing
(as the gate itself says it), and on 100 samples, with which the gate can prove next to nothing and
says so, and an estimate is luck.
"""
_LIMIT = """\

### Exactly the goal is lost

The same faulty models, judged against a goal of exactly what they lose, on as many samples as that
goal takes. The gate promises to let through 2.5 % of such candidates at most.
"""
_MILD = """\

### At most half of the goal is lost

These may pass. First on as many samples as the goal takes; where the gate could not tell, once more
on as many as it then asked for. Refused of so many trials, in the end; *fails*: the gate said that
the candidate fails, and not that it still cannot tell.
"""
_BETWEEN = """\

### Something between is lost

These strengths cost neither as much as they should nor as little; they do not count.
"""
_PRECISION = """\

### Silent bf16

OpenVINO computes a float32 model in bfloat16 where the CPU has it, unless it is told not to. On the
digits that changes the numbers and hardly an answer, so no metric sees it: what is asserted is the
precision itself, in the builder's worker and in the runner of the serving pod. 1: refused.
"""
_BF16 = """
What it would be if nobody looked, against the source model's numbers:
"""
_PARTS = (
    (_SEVERE, SEVERE, "fault"),
    (_LIMIT, LIMIT, "fault"),
    (_MILD, MILD, "fault"),
    (_BETWEEN, BETWEEN, "fault"),
    (_PRECISION, PRECISION, "way"),
    (_BF16, BF16, "computed in"),
)


def lines(document: Document) -> list[str]:
    """The lines of this section; none while nothing of it was measured."""
    found: list[str] = []
    for words, group, head in _PARTS:
        rows = [item for item in document.rows if item.group == group]
        if rows:
            found += [words, *table(rows, head)]
    return [_HOW, *found] if found else []
