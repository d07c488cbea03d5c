"""What Triton counts of its executions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Of an execution's time, waiting left out.
_PARTS = ("compute_input", "compute_infer", "compute_output")

#: Batch size → (how many, their nanoseconds).
Executions = Mapping[int, tuple[int, int]]


def counted(statistics: Mapping[str, Any]) -> Executions:
    """Since the model was loaded first, from an entry of its ``model_stats``."""
    return {
        int(item["batch_size"]): (
            int(item["compute_infer"]["count"]),
            sum(int(item[part]["ns"]) for part in _PARTS),
        )
        for item in statistics.get("batch_stats", ())
    }


def between(before: Executions, after: Executions) -> Executions:
    """Those that came between two looks."""
    changes = {
        size: (count - before.get(size, (0, 0))[0], spent - before.get(size, (0, 0))[1])
        for size, (count, spent) in after.items()
    }
    return {size: pair for size, pair in changes.items() if pair[0] > 0}
