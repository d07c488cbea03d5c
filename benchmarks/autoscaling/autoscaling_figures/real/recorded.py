"""What one window left, as a file: for the process that has numpy, and for whoever looks. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import lives
from .answers import Answer, parsed
from .lives import Life
from .setting import GOAL_MS, SERVICES
from .sizing import Window

#: Beside ``window-0.json`` and so on.
FAULTS_FILE = "faults.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two: what came of its requests and pods. ``failures``: why, and how often."""

    answers: tuple[Answer, ...]
    lives: tuple[Life, ...]
    failures: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """``begin``: seconds since 1970; ``lead``: seconds after that which do not count.

    ``window``: with the lead. ``profiles``: by service, as the tune Job answered. ``sides``: by
    name. ``marks``: what was done on purpose, and when.
    """

    begin: float
    lead: float
    window: Window
    profiles: Mapping[str, Mapping[str, Any]]
    sides: Mapping[str, Side]
    marks: tuple[Mapping[str, Any], ...] = ()
    goal_ms: float = GOAL_MS

    @property
    def seconds(self) -> float:
        """With the lead."""
        return self.window.seconds


def dumps(
    recorded: Mapping[str, Any], answers: Mapping[str, Any], pods: Mapping[str, tuple[Life, ...]]
) -> str:
    """As JSON text. ``recorded``: the plain fields; ``answers``: the senders' own documents."""
    sides = {
        name: {"answers": document, "lives": lives.encoded(pods[name])}
        for name, document in answers.items()
    }
    return json.dumps({**recorded, "sides": sides})


def loads(text: str) -> Recorded:
    """From JSON text."""
    found = json.loads(text)
    sides = {
        name: Side(
            answers=parsed(one["answers"], SERVICES),
            lives=lives.decoded(one["lives"]),
            failures=one["answers"]["failures"],
        )
        for name, one in found["sides"].items()
    }
    window = Window(**found["window"])
    return Recorded(
        begin=found["begin"], lead=found["lead"], window=window, profiles=found["profiles"],
        sides=sides, marks=tuple(found.get("marks", ())),
    )  # fmt: skip
