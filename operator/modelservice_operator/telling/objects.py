"""Parts of an object that may be missing: it may be new, or written by another version. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def part(document: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """The object at a path, empty where there is none."""
    found: object = document
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def parts(document: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """The objects of a list, none where there is no list."""
    found = document.get(name)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def condition(status: Mapping[str, Any], type_: str) -> Mapping[str, Any]:
    """One condition, empty where there is none."""
    return next((c for c in parts(status, "conditions") if c.get("type") == type_), {})
