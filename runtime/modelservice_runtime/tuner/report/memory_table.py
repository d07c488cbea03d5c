"""The memory of a replica by part, predicted and measured, and what the pod asks for."""

from __future__ import annotations

from modelservice_runtime.pages.markup import Column, Html, joined, pairs, table

from . import words
from .document import MemoryView

_TITLES = ("predicted", "measured", "off")


def memory_table(memory: MemoryView) -> Html:
    """Two tables."""
    columns = [Column(title="part"), *(Column(title=t, number=True) for t in _TITLES)]
    rows = [_row(part.name, part.predicted_bytes, part.measured_bytes) for part in memory.parts]
    rows.append(_row("altogether", memory.predicted_bytes, memory.measured_bytes or None))
    asked = [
        ("The pod's request", words.memory(memory.request_bytes)),
        ("The pod's limit", words.memory(memory.limit_bytes)),
        ("Allowed at most", words.memory(memory.allowed_bytes) if memory.allowed_bytes else "any"),
    ]
    by_part = table(columns, rows, "Memory of a replica by part")
    return joined((by_part, pairs(asked, "Memory that the pod asks for")))


def _row(name: str, predicted_: int, measured_: int | None) -> tuple[str, str, str, str]:
    off = words.signed(words.off(predicted_, measured_))
    return name, words.memory(predicted_), words.memory(measured_), off
