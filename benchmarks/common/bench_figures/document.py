"""``results.json``: what was measured last, by group; a group that was not measured stays."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from .rows import Figures, Row, Target, group_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The whole file. ``machine``, ``versions`` and ``date`` are of the latest run."""

    machine: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    date: str = ""
    rows: tuple[Row, ...] = ()
    targets: tuple[Target, ...] = ()

    def groups(self) -> list[str]:
        """The groups that have rows."""
        return sorted({item.group for item in self.rows})


def merged(old: Document, new: Figures, head: Document) -> Document:
    """``head`` (machine, versions, date) with the rows of ``new`` in place of their groups.

    What ``old`` has of other groups stays, with its dates, its machines and with the versions that
    this run does not know of: a group is measured on one machine, another one on another perhaps.
    """
    replaced = {item.group for item in new.rows}
    groups, here = old.groups(), machine_name(head.machine)
    dated = tuple(replace(item, date=head.date, machine=here) for item in new.rows)
    return replace(
        head,
        versions={**old.versions, **head.versions},
        rows=tuple(sorted([*dated, *_stay(old, replaced)], key=lambda item: item.group)),
        targets=tuple(
            sorted(
                [*new.targets, *(t for t in old.targets if group_of(t.id, groups) not in replaced)],
                key=lambda item: item.id,
            )
        ),
    )


def _stay(old: Document, replaced: Container[str]) -> Iterator[Row]:
    """Of the other groups; each row with its machine."""
    before = machine_name(old.machine)
    for item in old.rows:
        if item.group not in replaced:
            yield item if item.machine else replace(item, machine=before)


def machine_name(machine: Mapping[str, Any]) -> str:
    """``AMD EPYC, 2 cores``: where this differs, figures may not be compared. Empty: none."""
    return f"{machine['cpu']}, {machine['cores']} cores" if machine else ""


def dumps(document: Document) -> str:
    """As JSON text."""
    return json.dumps(asdict(document), indent=1, ensure_ascii=False) + "\n"


def loads(text: str) -> Document:
    """From JSON text.

    Raises:
        ValueError: it is no such document.
    """
    try:
        found = json.loads(text)
        return Document(
            machine=found["machine"],
            versions=found["versions"],
            date=found["date"],
            rows=tuple(Row(**item) for item in found["rows"]),
            targets=tuple(Target(**item) for item in found["targets"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not the results of a benchmark: {error!r}") from error


def read(path: Path) -> Document:
    """The file at ``path``; empty if there is none."""
    return loads(path.read_text(encoding="utf-8")) if path.is_file() else Document()


def write(path: Path, document: Document) -> None:
    """Replace the file, whole or not at all."""
    draft = path.with_suffix(".draft")
    draft.write_text(dumps(document), encoding="utf-8")
    draft.replace(path)
