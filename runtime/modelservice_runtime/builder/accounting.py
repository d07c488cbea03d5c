"""What the search found and what it took, as the report's value."""

from __future__ import annotations

import platform
import resource
from collections.abc import Mapping
from datetime import datetime
from importlib import metadata

from modelservice_runtime.cpu import read_cpu, read_cpu_class

from .engines import SOURCE_MODEL
from .evaluating import CALIBRATION, GATE, SELECTION
from .judged import Cost, Evaluated
from .producing import longest_chain_seconds, serial_seconds
from .report.document import Report
from .search import Finding
from .stages import Build

_DISTRIBUTION = "modelservice-operator"


def report_of(build: Build, found: Finding, now: datetime) -> Report:
    """The report of a build at its end."""
    ground, outcome = found.ground, found.outcome
    baseline = ground.baseline
    return Report(
        created_at=now.isoformat(timespec="seconds"),
        request=build.request,
        source_digest=ground.source_digest,
        interface=baseline.interface,
        sample_rows=len(next(iter(baseline.samples.values()))),
        candidates=outcome.candidates,
        evaluated=_evaluated(found),
        choice=outcome.choice,
        goal_met=outcome.goal_met,
        goal=outcome.goal,
        cost=_cost(build, found),
        requirements=ground.requirements,
        notes=(*baseline.notes, *(ground.data.notes if ground.data else ())),
        hardware=read_cpu(),
        cpu_class=read_cpu_class(),
        versions=_versions(found),
    )


def _evaluated(found: Finding) -> Evaluated | None:
    data, scoring = found.ground.data, found.scoring
    if data is None or scoring is None:
        return None
    own = scoring.evidence(GATE, scoring.expected[GATE])
    return Evaluated(
        metric=data.metric.name,
        given=data.given,
        calibration_rows=len(data.parts[CALIBRATION]),
        selection_rows=len(data.parts[SELECTION]),
        gate_rows=len(data.parts[GATE]),
        source_value=own.source_value if own else None,
    )


def _cost(build: Build, found: Finding) -> Cost:
    production = found.production
    own_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    peaks = {"builder": own_peak, SOURCE_MODEL: found.ground.baseline.source.peak_bytes}
    peaks |= {name: trial.peak_bytes for name, trial in found.trials.items() if trial.peak_bytes}
    return Cost(
        total_seconds=round(sum(build.seconds.values()), 2),
        workers=production.workers * production.share.count,
        serial_seconds=round(serial_seconds(production.done), 2),
        predicted_parallel_seconds=round(longest_chain_seconds(production.done), 2),
        measured_parallel_seconds=round(production.measured_seconds, 2),
        stage_seconds=build.seconds,
        peak_memory_bytes=peaks,
    )


def _versions(found: Finding) -> Mapping[str, str]:
    own = {"python": platform.python_version(), _DISTRIBUTION: metadata.version(_DISTRIBUTION)}
    return {**own, **found.ground.ingredients.versions, **found.ground.baseline.versions}
