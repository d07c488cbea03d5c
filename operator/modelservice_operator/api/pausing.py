"""The annotation with which people keep the balancer from changing a replica count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .names import PAUSE

IN, OUT, ALL = "in", "out", "all"
SIDES = (IN, OUT, ALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """``side``: what is not to happen: fewer replicas (in), more (out), any change (all).

    ``words``: who says so.
    """

    side: str
    words: str


def pause_of(annotations: Mapping[str, str]) -> Pause | None:
    """What the annotations of a ModelService say; a word that is none of ours pauses all."""
    given = annotations.get(PAUSE)
    if given is None:
        return None
    words = f"annotation {PAUSE}: {given}"
    side = given.strip().lower()
    if side in SIDES:
        return Pause(side=side, words=words)
    return Pause(
        side=ALL, words=f"{words}, which is none of {', '.join(SIDES)}, so it counts as all"
    )
