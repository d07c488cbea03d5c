"""A table with a bar in each row."""

from __future__ import annotations

from collections.abc import Iterable

from .markup import Column, Html, table


def bars(title: str, rows: Iterable[tuple[str, str, float]]) -> Html:
    """Name, value in words and value of each; nothing for no rows."""
    found = list(rows)
    if not found:
        return Html("")
    most = max(value for _, _, value in found) or 1.0
    cells = [
        (
            name,
            said,
            Html(f'<span class="bar" style="width:{100 * max(value, 0.0) / most:.1f}%"></span>'),
        )
        for name, said, value in found
    ]
    columns = (Column(title=title), Column(title="", number=True), Column(title=""))
    return Html(f'<div class="bars">{table(columns, cells, title)}</div>')
