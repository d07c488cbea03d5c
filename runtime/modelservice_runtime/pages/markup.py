"""HTML by small functions: whatever is not ``Html`` already is escaped."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """``number``: set to the right, digits under digits; ``wide``: prose, needs room."""

    title: str
    number: bool = False
    wide: bool = False


def text(value: str) -> Html:
    """Escaped, unless it is markup; control characters, which XML forbids, as a sign for them."""
    if isinstance(value, Html):
        return value
    plain = "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in ("Cc", "Cs") and c != "\n" else c
        for c in value
    )
    return Html(html.escape(plain))


def joined(parts: Iterable[str], between: str = "") -> Html:
    """Several pieces, each escaped if it has to be."""
    return Html(between.join(text(part) for part in parts))


def paragraph(words: str, kind: str = "") -> Html:
    """``<p>``; ``kind``: a class of the style sheet."""
    opening = f'<p class="{kind}">' if kind else "<p>"
    return Html(f"{opening}{text(words)}</p>")


def bullets(lines: Iterable[str]) -> Html:
    """A list, nothing for no lines."""
    items = "".join(f"<li>{text(line)}</li>" for line in lines)
    return Html(f"<ul>{items}</ul>" if items else "")


def section(title: str, *body: str) -> Html:
    """A heading and what stands under it."""
    return Html(f"<section><h2>{text(title)}</h2>{joined(body)}</section>")


def pairs(rows: Iterable[tuple[str, str]], caption: str) -> Html:
    """Words and their values. ``caption``: what the table is, for screen readers."""
    body = "".join(
        f'<tr><th scope="row">{text(key)}</th><td>{_lines(value)}</td></tr>' for key, value in rows
    )
    return Html(
        f'<table class="pairs"><caption>{text(caption)}</caption><tbody>{body}</tbody></table>'
    )


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], caption: str) -> Html:
    """A table that scrolls by itself where the screen is narrow; the first cell names the row."""
    head = "".join(f'<th scope="col"{_kind(c)}>{text(c.title)}</th>' for c in columns)
    body = "".join(f"<tr>{_row(columns, row)}</tr>" for row in rows)
    return Html(
        f'<div class="scroll" role="region" tabindex="0" aria-label="{text(caption)}"><table>'
        f"<caption>{text(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        "</table></div>"
    )


def _row(columns: Sequence[Column], row: Sequence[str]) -> str:
    first, *rest = zip(columns, row, strict=True)
    cells = [f'<th scope="row"{_kind(first[0])}>{_lines(first[1])}</th>']
    cells += [f"<td{_kind(column)}>{_lines(cell)}</td>" for column, cell in rest]
    return "".join(cells)


def _kind(column: Column) -> str:
    kinds = [name for name, is_it in (("n", column.number), ("wide", column.wide)) if is_it]
    return f' class="{" ".join(kinds)}"' if kinds else ""


def _lines(value: str) -> str:
    return text(value).replace("\n", "<br>")
