"""What happened and when: events in words, samples in figures. One JSON file, appended to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The state at ``seconds`` since the start; rates in rows per second, None if unknown."""

    seconds: float
    offered: float
    capacity: float | None
    desired: int
    ready: int
    p99_ms: float | None = None
    failed: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something worth a line. ``kind``: ``step`` (ours), ``decision`` (the operator's) or other."""

    seconds: float
    kind: str
    text: str


@dataclass(slots=True, kw_only=True)
class Timeline:
    """Grows while the story runs."""

    moments: list[Moment] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    def moment(self, seconds: float, kind: str, text: str) -> bool:
        """Add a moment unless the same words of the same kind were the last of it."""
        earlier = [item.text for item in self.moments if item.kind == kind]
        if text in earlier[-5:]:
            return False
        self.moments.append(Moment(seconds=seconds, kind=kind, text=text))
        return True

    def totals(self) -> Mapping[str, int]:
        """Requests that failed and that were refused by the queue policy, over all samples."""
        return {
            "failed": sum(item.failed for item in self.samples),
            "refused": sum(item.refused for item in self.samples),
        }

    def document(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "moments": [asdict(item) for item in self.moments],
            "samples": [asdict(item) for item in self.samples],
        }

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(self.document(), indent=1))
        draft.replace(path)
