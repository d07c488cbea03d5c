"""The operator's own Job of a build, with another command in its container."""

from __future__ import annotations

import dataclasses
from typing import Any

import operator_samples as samples

from modelservice_operator import manifests as m
from modelservice_operator.api.service import ServiceRef
from modelservice_runtime.contract.build_spec import build_request
from modelservice_runtime.contract.requests import OptimizationRequest

STORE = "pvc://models/artifacts"


def build_job(
    namespace: str,
    *,
    pods: int,
    attempt: int = 1,
    name: str = "tiny",
    script: str = "true",
) -> dict[str, Any]:
    """The operator's Job of a build by ``pods`` pods, without an owner; each runs ``script``."""
    spec = samples.built(optimization=OptimizationRequest(parallelism=pods))
    request = build_request(
        spec.build, namespace=namespace, name=name, build_key="b" * 40, attempt=attempt,
        store_uri=STORE, artifact_uri=f"{STORE}/a", engines=(),
    )  # fmt: skip
    ref = ServiceRef(namespace=namespace, name=name, uid="", generation=1)
    store = dataclasses.replace(samples.settings().store, uri=STORE)
    job = m.build_job(ref, request=request, spec=spec, store=store, settings=samples.settings())
    del job["metadata"]["ownerReferences"]
    pod = job["spec"]["template"]["spec"]
    # A shell that is the first process does not hear SIGTERM, as the builder does.
    pod["terminationGracePeriodSeconds"] = 1
    (container,) = pod["containers"]
    container["command"] = ["sh", "-c", script]
    container["resources"] = {"requests": {"cpu": "10m", "memory": "16Mi"}}
    return job
