"""A section of the page: words, then tables of the groups that were measured. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench_figures.document import Document
from bench_figures.tables import table


def section(
    document: Document, words: str, tables: Mapping[str, tuple[str, str]], column: str
) -> list[str]:
    """``tables``: by group, the sentence above its table, and above the names of its lines.

    ``column``: above the names of the lines where nothing else is said. Empty without rows.
    """
    made: list[str] = []
    for group, (sentence, head) in tables.items():
        lines = table([item for item in document.rows if item.group == group], head or column)
        made += [*_above(sentence), *lines, ""] if lines else []
    return ["", *words.strip().split("\n"), "", *made[:-1]] if made else []


def _above(sentence: str) -> Sequence[str]:
    return [sentence, ""] if sentence else []
