"""The Job's answer: from a manifest or an error."""

from __future__ import annotations

from modelservice_runtime.contract.manifest import Manifest, Variant
from modelservice_runtime.contract.requests import BuildRequest
from modelservice_runtime.contract.results import (
    FAILED,
    REJECTED,
    SUCCEEDED,
    ArtifactSummary,
    BuildResult,
    VariantSummary,
)

from .errors import PUBLISHED, BuildError, Rejected

#: What is told of a variant that computes what the source model does.
EXACT_METRIC = "cosine"


def summary(uri: str, manifest: Manifest) -> ArtifactSummary:
    """What the operator keeps of the artifact; derived from the manifest alone."""
    chosen = manifest.variants[0]
    metric = chosen.metric
    cosine = min((point.cosine for point in chosen.parity), default=1.0)
    return ArtifactSummary(
        uri=uri,
        digest=manifest.digest,
        size_bytes=chosen.size_bytes,
        metric_name=metric.name if metric else EXACT_METRIC,
        metric_value=metric.value if metric else cosine,
        metric_source_value=metric.source_value if metric else 1.0,
        samples=metric.samples if metric else manifest.sample_rows,
        goal_met=manifest.goal_met,
        goal=manifest.goal,
        speedup=_speedup(chosen),
        recipe_version=manifest.recipe_version,
        interface=manifest.interface,
        sample_inputs=manifest.sample_inputs,
        variants=tuple(
            VariantSummary(
                name=variant.name,
                engine=variant.engine,
                precision=variant.precision,
                folder=variant.folder,
                model_file=variant.model_file,
            )
            for variant in manifest.variants
        ),
    )


def _speedup(variant: Variant) -> float:
    first = min(variant.latency, key=lambda pair: pair.batch, default=None)
    return first.source_ms / first.artifact_ms if first and first.artifact_ms > 0 else 1.0


def published(request: BuildRequest, manifest: Manifest, *, again: bool) -> BuildResult:
    """The result of a success. ``again``: the artifact was there before this run."""
    artifact = summary(request.artifact_uri, manifest)
    verb = "was published before" if again else "published"
    message = (
        f"{verb}: {artifact.variants[0].name}, {artifact.metric_name}"
        f" {artifact.metric_value:.6g}, {artifact.speedup:.2f}x the source model's speed at batch"
        f" 1, {artifact.size_bytes / 1e6:.1f} MB; {manifest.goal}"
    )
    return BuildResult(
        key=request.build_key,
        attempt=request.attempt,
        outcome=SUCCEEDED,
        reason=PUBLISHED,
        message=message,
        artifact=artifact,
    )


def helped(key: str, attempt: int) -> BuildResult:
    """Of a pod that only made candidates."""
    message = "made its share of the candidates"
    return BuildResult(
        key=key, attempt=attempt, outcome=SUCCEEDED, reason=PUBLISHED, message=message
    )


def failed(key: str, attempt: int, error: BuildError) -> BuildResult:
    """The result of an error, same words."""
    return BuildResult(
        key=key,
        attempt=attempt,
        outcome=REJECTED if isinstance(error, Rejected) else FAILED,
        reason=error.reason,
        message=error.message,
    )
