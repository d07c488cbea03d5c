"""From a ModelService to a BuildRequest: the part of the spec that says what is built.

The one parser of ``model``, ``evaluation`` and ``optimization``: the operator's, and that of the
builder's command, which has no API server before it. The rules are those of the schema (crds/).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import requests as r
from .fields import Fields, SpecError

__all__ = [
    "BuildSpec",
    "SpecError",
    "build_request",
    "deciding_words",
    "max_batch_size",
    "parse_build_spec",
]

#: All fields of a spec. Of those that say nothing about the build only the names are looked at.
FIELDS = ("model", "evaluation", "optimization", "serving", "scaling", "store", "suspend")
#: Scored against labels, which only data of the user's own have.
_NEED_LABELS = (r.ACCURACY, r.MACRO_F1, r.ENTITY_F1)
#: Scored against the source model, which agrees with itself everywhere.
_AGREEMENT = (r.TOP1_AGREEMENT, r.NEIGHBOUR_AGREEMENT, r.COSINE)
#: Not shares: their values may be above 1.
_UNBOUNDED = (r.MEAN_ABSOLUTE_ERROR, r.ENTRYPOINT)
_PERCENT = (r.MAX_DEGRADATION_PERCENT, r.MIN_IMPROVEMENT_PERCENT)
_IMPROVEMENT = (r.MIN_IMPROVEMENT, r.MIN_IMPROVEMENT_PERCENT)
_ANY = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSpec:
    """What a ModelService says about its build. ``duration_seconds``: of one build, at most."""

    source: r.SourceRequest
    revision: str
    parity: r.ParityTolerance
    evaluation: r.EvaluationRequest
    optimization: r.OptimizationRequest
    duration_seconds: int
    max_batch_size: int


def parse_build_spec(spec: Mapping[str, Any], *, strict: bool = False) -> BuildSpec:
    """What ``spec`` says about the build.

    ``strict``: unknown fields in ``model``, ``evaluation`` and ``optimization`` are errors too,
    for documents that no API server has seen.

    Raises:
        SpecError: a field is missing or wrong, or two do not go together; the error names it.
    """
    root = Fields("spec", spec, strict).only(*FIELDS)
    model = root.child("model").only("source", "revision")
    evaluation = root.child("evaluation")
    optimization = root.child("optimization")
    source = _source(model.child("source"))
    return BuildSpec(
        source=source,
        revision=model.text("revision", ""),
        parity=_parity(evaluation.child("parity")),
        evaluation=_evaluation(evaluation),
        optimization=_optimization(optimization, source),
        duration_seconds=optimization.integer("maxDurationSeconds", 3600, low=60, high=86400),
        max_batch_size=max_batch_size(root.child("serving")),
    )


def max_batch_size(serving: Fields) -> int:
    """``spec.serving.maxBatchSize``, which decides what is built and what is tuned."""
    return serving.integer("maxBatchSize", 16, low=1, high=1024)


def build_request(
    spec: BuildSpec | Mapping[str, Any],
    *,
    namespace: str,
    name: str,
    build_key: str,
    attempt: int,
    store_uri: str,
    artifact_uri: str,
    engines: Sequence[str],
) -> r.BuildRequest:
    """One attempt of the build that ``spec`` asks for.

    ``spec``: parsed, or the ``spec`` of a document that no API server has seen (parsed strictly).

    Raises:
        SpecError: see ``parse_build_spec``.
    """
    if not isinstance(spec, BuildSpec):
        spec = parse_build_spec(spec, strict=True)
    return r.BuildRequest(
        namespace=namespace,
        name=name,
        build_key=build_key,
        attempt=attempt,
        source=spec.source,
        store_uri=store_uri,
        artifact_uri=artifact_uri,
        max_batch_size=spec.max_batch_size,
        duration_seconds=spec.duration_seconds,
        parity=spec.parity,
        evaluation=spec.evaluation,
        optimization=spec.optimization,
        engines=tuple(engines),
    )


def deciding_words(spec: BuildSpec, engines: Sequence[str]) -> dict[str, object]:
    """What decides an artifact's bytes, for a build key.

    Not: how many pods share the work and how long they may take. The kind of the source says
    which builder it is, too.
    """
    return {
        "source": spec.source,
        "revision": spec.revision,
        "parity": spec.parity,
        "evaluation": spec.evaluation,
        "optimization": dataclasses.replace(spec.optimization, parallelism=1),
        "maxBatchSize": spec.max_batch_size,
        "engines": sorted(engines),
    }


def _source(fields: Fields) -> r.SourceRequest:
    kinds = [kind for kind in r.SOURCE_KINDS if fields.only(*r.SOURCE_KINDS).has(kind)]
    if len(kinds) != 1:
        given = " and ".join(kinds) or "none"
        known = ", ".join(r.SOURCE_KINDS)
        raise SpecError(fields.path, f"exactly one of {known} is needed, got {given}")
    chosen = fields.child(kinds[0])
    with_code = kinds[0] == r.PYTORCH
    chosen.only("uri", "digest", *(("entrypoint",) if with_code else ()))
    return r.SourceRequest(
        kind=kinds[0],
        uri=chosen.text("uri"),
        entrypoint=chosen.text("entrypoint") if with_code else "",
        digest=chosen.text("digest", ""),
    )


def _parity(fields: Fields) -> r.ParityTolerance:
    fields.only("absoluteTolerance", "relativeTolerance", "minimumCosine")
    return r.ParityTolerance(
        absolute=fields.decimal("absoluteTolerance", "0.001", low=0, high=_ANY),
        relative=fields.decimal("relativeTolerance", "0.001", low=0, high=_ANY),
        cosine=fields.decimal("minimumCosine", "0.9999", low=0, high=1),
    )


def _evaluation(fields: Fields) -> r.EvaluationRequest:
    fields.only(
        "dataUri", "dataDigest", "metric", "entrypoint", "output", "labelNames", "goals",
        "confidence", "parity",
    )  # fmt: skip
    metric = fields.choice("metric", "", ("", *r.METRICS))
    _check_metric(fields, metric)
    return r.EvaluationRequest(
        data_uri=fields.text("dataUri", ""),
        data_digest=fields.text("dataDigest", ""),
        metric=metric,
        entrypoint=fields.text("entrypoint", ""),
        output=fields.text("output", ""),
        label_names=fields.texts("labelNames"),
        goals=_goals(fields, metric),
        confidence=fields.decimal("confidence", "0.975", low=0.8, high=0.999),
    )


def _check_metric(fields: Fields, metric: str) -> None:
    """What a metric needs, and what is of no use with another one."""
    for key, owner in (("entrypoint", r.ENTRYPOINT), ("labelNames", r.ENTITY_F1)):
        if metric == owner and not fields.has(key):
            raise SpecError(fields.at(key), f"the metric {owner} needs it")
    if metric != r.ENTRYPOINT and fields.has("entrypoint"):
        raise SpecError(fields.at("entrypoint"), f"it is for the metric {r.ENTRYPOINT} alone")
    if metric not in ("", r.ENTITY_F1) and fields.has("labelNames"):
        raise SpecError(fields.at("labelNames"), f"it is for the metric {r.ENTITY_F1} alone")
    if metric in _NEED_LABELS and not fields.has("dataUri"):
        raise SpecError(
            fields.at("dataUri"), f"the metric {metric} needs data with labels; give their address"
        )
    if fields.has("dataDigest") and not fields.has("dataUri"):
        raise SpecError(fields.at("dataDigest"), "it pins data, but dataUri is not given")


def _goals(fields: Fields, metric: str) -> tuple[r.Goal, ...]:
    if not fields.has("goals"):
        goals = {goal.kind: goal for goal in r.EvaluationRequest().goals}
    else:
        goals = {}
        for item in fields.children("goals"):
            goal = _goal(item.only("type", "value"), metric)
            if goal.kind in goals:
                raise SpecError(item.at("type"), f"there are two goals of type {goal.kind}")
            goals[goal.kind] = goal
    if not goals:
        raise SpecError(fields.at("goals"), "at least one goal is needed, or leave it out")
    return tuple(goals[kind] for kind in r.GOAL_KINDS if kind in goals)


def _goal(fields: Fields, metric: str) -> r.Goal:
    kind = fields.choice("type", None, r.GOAL_KINDS)
    if kind in _IMPROVEMENT and metric in _AGREEMENT:
        raise SpecError(fields.at("type"), f"nothing improves on the source model in {metric}")
    low, high = (-_ANY if kind == r.THRESHOLD else 0.0), _ANY
    if kind in _PERCENT:
        high = 100.0
    elif metric and metric not in _UNBOUNDED:
        high = 1.0
    return r.Goal(kind=kind, value=fields.decimal("value", low=low, high=high))


def _optimization(fields: Fields, source: r.SourceRequest) -> r.OptimizationRequest:
    fields.only(
        "techniques", "minSpeedup", "parallelism", "pruning", "maxDurationSeconds", "resources"
    )
    techniques = fields.subset("techniques", r.DEFAULT_TECHNIQUES, r.TECHNIQUES)
    if r.PRUNE in techniques and source.kind != r.PYTORCH:
        raise SpecError(
            fields.at("techniques"),
            f"{r.PRUNE} changes the source's own code, so it needs spec.model.source.{r.PYTORCH}",
        )
    return r.OptimizationRequest(
        techniques=techniques,
        min_speedup=fields.decimal("minSpeedup", "1.0", low=0, high=100),
        parallelism=fields.integer("parallelism", 1, low=1, high=32),
        pruning=_pruning(fields, techniques),
    )


def _pruning(fields: Fields, techniques: Sequence[str]) -> r.PruningRequest | None:
    wanted, given = r.PRUNE in techniques, fields.has("pruning")
    if wanted and not given:
        raise SpecError(fields.at("pruning"), f"the technique {r.PRUNE} needs it")
    if not given:
        return None
    if not wanted:
        raise SpecError(fields.at("pruning"), f"it does nothing without the technique {r.PRUNE}")
    pruning = fields.child("pruning").only("trainingEntrypoint", "ratios")
    return r.PruningRequest(
        training_entrypoint=pruning.text("trainingEntrypoint"),
        ratios=tuple(sorted(set(pruning.decimals("ratios", low=0.01, high=0.99)))),
    )
