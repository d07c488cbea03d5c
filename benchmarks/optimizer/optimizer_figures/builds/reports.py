"""What the figures need of a build's ``report.json``. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

EXPORT, CHOSEN = "export", "Chosen"
BUILDER, SOURCE_MODEL = "builder", "source model"
_MAKER_PEAK = "maker_peak_bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """``name``: as the report has it. ``techniques``: the modules of its steps, in order.

    ``speedups``: source time ÷ own time by batch size, empty where it was not timed.
    ``maker_peak_bytes``: of the process that made the last step, 0 where none was started.
    """

    name: str
    outcome: str
    engine: str
    techniques: tuple[str, ...]
    speedups: Mapping[int, float]
    size_bytes: int
    maker_peak_bytes: int

    @property
    def speedup(self) -> float:
        """Geometric mean over the batch sizes, by which the builder chooses; 0 without any."""
        found = self.speedups.values()
        return float(prod(found) ** (1 / len(found))) if found else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Seconds and bytes of one build; ``peaks``: of its processes, by the candidate they ran."""

    source_kind: str
    max_batch_size: int
    total_seconds: float
    workers: int
    serial_seconds: float
    longest_seconds: float
    making_seconds: float
    peaks: Mapping[str, int]
    candidates: Mapping[str, Candidate]

    @property
    def chosen(self) -> Candidate:
        """What is served first."""
        return next(each for each in self.candidates.values() if each.outcome == CHOSEN)

    @property
    def model_bytes(self) -> int:
        """Of the plain export: the model as it is, in float32."""
        return self.candidates[EXPORT].size_bytes


def read(document: Mapping[str, Any]) -> Report:
    """From the JSON.

    Raises:
        KeyError: it is no such report.
    """
    cost, request = document["cost"], document["request"]
    candidates = [_candidate(found) for found in document["candidates"]]
    return Report(
        source_kind=str(request["source"]["kind"]),
        max_batch_size=int(request["maxBatchSize"]),
        total_seconds=float(cost["totalSeconds"]),
        workers=int(cost["workers"]),
        serial_seconds=float(cost["serialSeconds"]),
        longest_seconds=float(cost["predictedParallelSeconds"]),
        making_seconds=float(cost["measuredParallelSeconds"]),
        peaks={str(name): int(peak) for name, peak in cost["peakMemoryBytes"].items()},
        candidates={candidate.name: candidate for candidate in candidates},
    )


def _candidate(found: Mapping[str, Any]) -> Candidate:
    steps = found["recipe"]["steps"]
    return Candidate(
        name="+".join(str(step["label"]) for step in steps) or EXPORT,
        outcome=str(found["outcome"]),
        engine=str(found["recipe"]["engine"]),
        techniques=tuple(str(step["technique"]) for step in steps),
        speedups={
            int(pair["batch"]): float(pair["sourceMs"]) / float(pair["artifactMs"])
            for pair in found["latency"]
        },
        size_bytes=int(found["sizeBytes"]),
        maker_peak_bytes=int(found["figures"].get(_MAKER_PEAK, 0)),
    )
