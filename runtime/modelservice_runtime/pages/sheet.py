"""A whole page: no script, nothing from outside."""

from __future__ import annotations

from .markup import Html, text


def sheet(title: str, style: str, body: Html) -> str:
    """The HTML document."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{style}</style></head><body>{body}</body></html>\n"
    )
