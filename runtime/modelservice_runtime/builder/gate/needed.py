"""How many samples would tell what these cannot."""

from __future__ import annotations

import math
from dataclasses import dataclass

from modelservice_runtime.contract.requests import Goal

from . import goals as aims
from .enough import POWER
from .evidence import Evidence
from .normal import quantile

#: The smallest distance from the limit, in standard errors, that is reckoned with.
_NEAREST = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """``lossless``: samples that prove it if not one is lost, 0 if there is no such number.

    ``nearly_always``: with these a candidate that loses half of what it may passes; or, if that
    many were there already, one that loses as this one does.
    """

    lossless: int
    nearly_always: int


def needed(goal: Goal, evidence: Evidence, confidence: float) -> Needed:
    """For a goal that the estimate is within."""
    allowed = aims.margin(goal, evidence)
    if allowed is None or allowed <= 0:
        return Needed(lossless=0, nearly_always=_at_this_rate(goal, evidence, confidence))
    enough = evidence.enough(allowed, confidence)
    if enough <= evidence.samples:
        enough = _at_this_rate(goal, evidence, confidence)
    return Needed(lossless=evidence.least(allowed, confidence), nearly_always=enough)


def _at_this_rate(goal: Goal, evidence: Evidence, confidence: float) -> int:
    """The distance from the limit, in standard errors, grows with the root of the samples."""
    p_value = aims.p_value(goal, evidence)
    here = -quantile(p_value) if 0 < p_value < 1 else _NEAREST
    there = quantile(confidence) + quantile(POWER)
    factor = (there / max(here, _NEAREST)) ** 2
    return max(evidence.fewest, evidence.samples + 1, math.ceil(evidence.samples * factor))
