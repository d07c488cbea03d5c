"""What the plan needs to know of a build."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from modelservice_runtime.cpu import read_cpu_class

from .evaluating import CALIBRATION, GATE, SELECTION, Scoring
from .gate.goals import margin
from .setting_out import Ground
from .stages import Build
from .techniques.facts import Facts
from .techniques.inspecting import inspect

#: The driver's device of the first NVIDIA GPU.
_GPU = Path("/dev/nvidia0")


def facts_of(build: Build, ground: Ground) -> Facts:
    """What can be known before any candidate is made.

    Raises:
        BuildError: the export cannot be read.
    """
    request, data = build.request, ground.data
    contents = inspect(
        ground.baseline.export.model,
        limits=build.limits,
        environment=build.environment,
        timeout=build.deadline.remaining(build.clock()),
        cwd=build.scratch.work,
    )
    pruning = request.optimization.pruning
    return Facts(
        source_kind=request.source.kind,
        engines=request.engines,
        techniques=request.optimization.techniques,
        operators=contents.operators,
        parameters=contents.parameters,
        cpu_class=read_cpu_class(),
        gpu=_GPU.exists(),
        calibration_rows=len(data.parts[CALIBRATION]) if data else 0,
        selection_rows=len(data.parts[SELECTION]) if data else 0,
        metric=data.metric.name if data else "",
        output=data.metric.output if data else "",
        training_entrypoint=pruning.training_entrypoint if pruning else "",
        ratios=pruning.ratios if pruning else (),
    )


def with_allowance(facts: Facts, scoring: Scoring) -> Facts:
    """``facts`` with the loss that the goals allow, now that the source model was scored."""
    own = scoring.evidence(GATE, scoring.expected[GATE])
    if own is None:
        return facts
    margins = [margin(goal, own) for goal in scoring.goals]
    allowed = [value for value in margins if value is not None and value >= 0]
    return dataclasses.replace(facts, max_drop=min(allowed, default=None))
