"""Long tables: the first rows are shown, the rest can be unfolded."""

from __future__ import annotations

from collections.abc import Sequence

from modelservice_runtime.pages.markup import Column, Html, joined, table, text

_SHOWN = 30


def folding(columns: Sequence[Column], rows: Sequence[Sequence[str]], caption: str) -> Html:
    """The table, or two of them."""
    shown = table(columns, rows[:_SHOWN], caption)
    rest = rows[_SHOWN:]
    if not rest:
        return shown
    more = table(columns, rest, f"{caption}, the rest")
    summary = text(f"{len(rest):,} more")
    return joined((shown, Html(f"<details><summary>{summary}</summary>{more}</details>")))
