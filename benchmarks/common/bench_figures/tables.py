"""Rows as tables: a line for each thing, a column for each of its values. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from .rows import Row


def table(rows: Sequence[Row], head: str) -> list[str]:
    """A table in Markdown; ``head``: above the names of the lines. Empty without rows.

    Lines and columns come in the order in which they first occur.
    """
    columns = list(dict.fromkeys(item.what for item in rows))
    names = list(dict.fromkeys(item.of for item in rows))
    if not rows:
        return []
    cells = {(item.of, item.what): item for item in rows}
    return [
        f"| {head} | {' | '.join(columns)} |",
        f"| --- |{' ---: |' * len(columns)}",
        *(
            f"| {name} | {' | '.join(cell(cells.get((name, column))) for column in columns)} |"
            for name in names
        ),
    ]


def cell(item: Row | None) -> str:
    """The median with its unit, and its spread where there is one."""
    if item is None:
        return ""
    unit = f" {item.unit}" if item.unit else ""
    spread = f" ({item.low:g} to {item.high:g})" if item.low != item.high else ""
    return f"{item.value:g}{unit}{spread}"
