"""Latency by batch and length, where requests have several lengths."""

from __future__ import annotations

from collections.abc import Sequence

from modelservice_runtime.pages.markup import Column, Html, joined, paragraph, section, table

from . import words
from .document import LengthView


def length_section(lengths: Sequence[LengthView]) -> tuple[Html, ...]:
    """The section with its table; nothing where there are no lengths."""
    if not lengths:
        return ()
    columns = [
        Column(title="length"),
        Column(title="of the requests"),
        *(Column(title=f"batch {size}", number=True) for size in lengths[0].batches),
    ]
    rows = [
        (
            f"{each.length:,}",
            f"{each.percent:g} %",
            *(words.milliseconds(value) for value in each.milliseconds),
        )
        for each in lengths
    ]
    said = paragraph("Time of an execution at the chosen setting, by its longest request.", "soft")
    title = "Latency by batch and length"
    return (section(title, joined((said, table(columns, rows, title)))),)
