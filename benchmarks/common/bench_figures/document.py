"""``results.json``: what was measured last, by group; a group that was not measured stays."""

from __future__ import annotations

import json
from collections.abc import Mapping
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

    What ``old`` has of other groups stays, with its dates and with the versions that this run
    does not know of, if it comes from such a machine.
    """
    replaced = {item.group for item in new.rows}
    dated = tuple(replace(item, date=head.date) for item in new.rows)
    rows, targets, versions = dated, new.targets, head.versions
    if same_machine(old.machine, head.machine):
        groups, versions = old.groups(), {**old.versions, **versions}
        rows += tuple(item for item in old.rows if item.group not in replaced)
        targets += tuple(t for t in old.targets if group_of(t.id, groups) not in replaced)
    return replace(
        head,
        versions=versions,
        rows=tuple(sorted(rows, key=lambda item: item.group)),
        targets=tuple(sorted(targets, key=lambda item: item.id)),
    )


def same_machine(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether figures of the two may stand beside each other."""
    return all(one.get(key) == other.get(key) for key in ("cpu", "cores"))


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
