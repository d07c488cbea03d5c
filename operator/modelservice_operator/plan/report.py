"""The status of one service, as JSON: conditions, artifact, tuning, replicas, decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from modelservice_operator.api import names
from modelservice_operator.api.conditions import rfc3339, to_status
from modelservice_operator.api.service import Decision, ServiceRef
from modelservice_operator.api.spec import ModelServiceSpec
from modelservice_operator.fleet import Verdict
from modelservice_runtime.contract.codec import encode
from modelservice_runtime.contract.profile import Profile
from modelservice_runtime.contract.results import ArtifactSummary

from .conditions import Facts, all_conditions
from .figures import decimal
from .jobs import Running
from .memory import PodMemory, reload_words
from .serving import ServingPlan

MAX_DECISIONS = 5
#: One more than these fits the schema: the operator may have something to add.
MAX_REASONS = 31
MAX_REASON = 1024
_DIGEST_DIGITS = 12


def build_status(
    ref: ServiceRef,
    spec: ModelServiceSpec | None,
    facts: Facts,
    previous: Mapping[str, Any],
    *,
    now: datetime,
) -> dict[str, Any]:
    """The whole ``status``. Parts that are not known now keep what they said before."""
    deployment = facts.children.deployment
    serving = facts.plan.serving if facts.plan else None
    desired = _desired(facts.verdict, previous, deployment.replicas if deployment else 0)
    ready = deployment.ready if deployment else 0
    status: dict[str, Any] = {
        "observedGeneration": ref.generation,
        "conditions": to_status(
            all_conditions(facts),
            previous.get("conditions", ()),
            generation=ref.generation,
            now=now,
        ),
        "replicas": {
            "desired": desired,
            "current": deployment.current if deployment else 0,
            "ready": ready,
            "summary": f"{ready}/{desired}",
        },
        "selector": names.selector_text(names.selector(ref.name)),
        "endpoint": {
            "http": f"http://{ref.name}.{ref.namespace}.svc:8000",
            "grpc": f"{ref.name}.{ref.namespace}.svc:8001",
        },
        "decisions": merge_decisions(previous.get("decisions", ()), facts.verdict),
        "job": _job(facts),
    }
    if spec is not None:
        objective = spec.serving.objective
        status["goal"] = f"p{objective.percentile:g} ≤ {objective.milliseconds:g} ms"
    status |= _serving_status(ref, serving) if serving else _kept_parts(previous)
    return status


def _kept_parts(previous: Mapping[str, Any]) -> dict[str, Any]:
    return {key: previous[key] for key in ("artifact", "model", "tuning") if key in previous}


def _serving_status(ref: ServiceRef, serving: ServingPlan) -> dict[str, Any]:
    version = serving.version
    parts: dict[str, Any] = {
        "artifact": _artifact(version.artifact, version.build_key),
        "model": {"name": ref.name, **encode(version.artifact.interface)},
        "tuning": None,
    }
    if version.profile is not None:
        parts["tuning"] = _tuning(version.profile, version.tuning_key, serving.memory)
    return parts


def _artifact(artifact: ArtifactSummary, build_key: str) -> dict[str, Any]:
    value = decimal(artifact.metric_value)
    return {
        "uri": artifact.uri,
        "digest": artifact.digest,
        "shortDigest": artifact.digest.removeprefix("sha256:")[:_DIGEST_DIGITS],
        "buildKey": build_key,
        "metric": {
            "name": artifact.metric_name,
            "value": value,
            "sourceValue": decimal(artifact.metric_source_value),
            "samples": artifact.samples,
            "summary": f"{artifact.metric_name} {value}",
        },
        "variants": [variant.name for variant in artifact.variants],
        "speedup": f"{artifact.speedup:.2f}x",
        "sizeBytes": artifact.size_bytes,
        "recipeVersion": artifact.recipe_version,
    }


def _tuning(profile: Profile, key: str, memory: PodMemory) -> dict[str, Any]:
    said = (*profile.reasons[:MAX_REASONS], reload_words(memory))
    return {
        "tuningKey": key,
        "variant": profile.variant,
        "maxBatchSize": profile.max_batch_size,
        "instances": profile.instances,
        "threads": profile.threads,
        "queueDelayMicroseconds": profile.queue_delay_microseconds,
        "queueTimeoutMicroseconds": profile.queue_timeout_microseconds,
        "capacityRowsPerSecond": f"{profile.capacity_rows_per_second:.1f}",
        "throughputRowsPerSecond": f"{profile.throughput_rows_per_second:.1f}",
        "latencyMilliseconds": f"{profile.latency_at_capacity_ms:.1f}",
        "objectiveMet": profile.objective_met,
        "peakMemoryBytes": profile.peak_memory_bytes,
        "memoryRequestBytes": memory.request_bytes,
        "routing": profile.routing,
        "reasons": [words[:MAX_REASON] for words in said if words],
        "reportUri": profile.report_uri,
    }


def _desired(verdict: Verdict | None, previous: Mapping[str, Any], replicas: int) -> int:
    if verdict is not None:
        return verdict.desired
    return int(previous.get("replicas", {}).get("desired", replicas))


def _job(facts: Facts) -> dict[str, Any] | None:
    if facts.plan is None:
        return None
    for stage in facts.plan.stages:
        if isinstance(stage.step, Running):
            return {"name": stage.step.job.name, "kind": stage.kind, "progress": facts.progress}
    return None


def merge_decisions(
    previous: Iterable[Mapping[str, Any]], verdict: Verdict | None
) -> list[dict[str, Any]]:
    """The last five: what status holds, and what this process has decided since."""
    mine = [_decision(item) for item in verdict.decisions] if verdict else []
    merged = [dict(item) for item in previous]
    merged += [item for item in mine if item not in merged]
    return sorted(merged, key=lambda item: str(item["time"]))[-MAX_DECISIONS:]


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "time": rfc3339(decision.at),
        "from": decision.before,
        "to": decision.after,
        "reason": decision.reason,
    }


def changed_conditions(
    conditions: list[dict[str, Any]], previous: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Conditions whose status or reason is new: each is worth one event."""
    before = {item["type"]: (item["status"], item["reason"]) for item in previous}
    return [
        item for item in conditions if before.get(item["type"]) != (item["status"], item["reason"])
    ]
