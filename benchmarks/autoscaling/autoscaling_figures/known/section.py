"""P on the page. Pure."""

from __future__ import annotations

from bench_figures.document import Document
from bench_figures.tables import cell

_WORDS = """
## P: the peers do what they are known to do

Each rule is written after its source (`kubernetes/pkg/controller/podautoscaler`, KEDA's Prometheus
scaler, `knative/serving/pkg/autoscaler`, Ray Serve's `autoscaling_policy.py`).
"""


def lines(document: Document) -> list[str]:
    """The lines of this section; none while nothing of it was measured."""
    rows = [item for item in document.rows if item.group.startswith("P.")]
    if not rows:
        return []
    body = [f"| {item.what} | {cell(item)} |" for item in rows]
    return ["", *_WORDS.strip().split("\n"), "", "| what | measured |", "| --- | ---: |", *body]
