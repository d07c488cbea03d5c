"""What all engines of a case share: the artifact, the source model, the data and the goals.

Runs in the builder's environment, with the builder's own means.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from modelservice_runtime.builder import command, evaluating
from modelservice_runtime.builder.deadline import Deadline
from modelservice_runtime.builder.evaluating import Scoring
from modelservice_runtime.builder.pickles import torch_environment
from modelservice_runtime.builder.scratch import Scratch
from modelservice_runtime.builder.setting_out import Ground, set_out
from modelservice_runtime.builder.stages import Build
from modelservice_runtime.builder.worker import Limits
from modelservice_runtime.contract.manifest import Variant
from modelservice_runtime.store.fetching import read_manifest
from modelservice_runtime.store.opening import open_store

#: For making all engines of a case and timing them.
_SECONDS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """``service``: the manifest; ``out``: what was built from it; ``scratch``: to be filled."""

    service: Path
    out: Path
    claims: Path
    scratch: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """``artifact``: the folder of the published files; ``variants``: what it holds, best first.

    ``calibration``: a file of rows, as the builder's own candidates get.
    """

    build: Build
    ground: Ground
    scoring: Scoring
    artifact: Path
    variants: tuple[Variant, ...]
    calibration: Path | None

    @property
    def export(self) -> Path:
        """The plain ONNX export: that of torch.onnx or Keras, without what it says of itself."""
        return self.ground.baseline.export.model


def open_setting(paths: Paths, say: Callable[[str], None], processes: ExitStack) -> Setting:
    """The setting of an artifact; ``processes`` keeps the source model's process alive.

    Raises:
        BuildError, StoreError: in words.
    """
    request = command.read_request(paths.service, paths.out, paths.claims)
    store = open_store(request.artifact_uri)
    manifest = read_manifest(store)
    folders = Scratch(root=paths.scratch)
    build = Build(
        request=request,
        scratch=folders,
        environment=folders.environment(os.environ) | torch_environment(request.source),
        limits=Limits(memory_bytes=0),
        deadline=Deadline.after(_SECONDS, time.monotonic()),
        clock=time.monotonic,
        say=lambda stage, message, share=0.0: say(f"{stage}: {message}"),  # noqa: ARG005
    )
    ground = set_out(build, processes)
    if ground.data is None:
        raise ValueError(f"{paths.service}: there are no evaluation data to judge by")
    scoring = evaluating.score_source(build, ground.baseline.source, ground.data)
    return Setting(
        build=build,
        ground=ground,
        scoring=scoring,
        artifact=Path(store.at(manifest.folder)),
        variants=manifest.variants,
        calibration=evaluating.write_calibration(ground.data, folders.evaluation),
    )
