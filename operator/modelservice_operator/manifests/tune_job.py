"""The tune Job: the serving image with the load generator; it starts Triton as its child."""

from __future__ import annotations

from typing import Any

from modelservice_operator.api import names
from modelservice_operator.api.quantities import parse_quantity
from modelservice_operator.api.service import ServiceRef
from modelservice_operator.api.spec import ModelServiceSpec, Resources, Store
from modelservice_operator.settings import Runtime, Settings
from modelservice_runtime.contract.requests import TuneRequest

from .jobs import job, job_pod
from .pods import placement, resources
from .storage import claim_volumes, join, scratch

MODULE = "modelservice_runtime.tuner"

#: The load generator and the tuner itself, beside the Triton that gets the serving limit.
TUNER_MEMORY_BYTES = 1 << 30
#: Shared memory between Triton and its Python backend.
SHARED_MEMORY = "1Gi"


def tune_job(
    ref: ServiceRef,
    *,
    request: TuneRequest,
    spec: ModelServiceSpec,
    store: Store,
    runtime: Runtime,
    settings: Settings,
) -> dict[str, Any]:
    """The Job of one attempt of a tuning, where the service's pods will run."""
    volumes = join(
        claim_volumes((request.artifact_uri,)),
        scratch("tmp", "/tmp"),  # noqa: S108 - a folder of the pod's own
        scratch("shm", "/dev/shm", memory=SHARED_MEMORY),  # noqa: S108 - the pod's own
    )
    pod = job_pod(
        kind=names.TUNE,
        image=runtime.tuner_image,
        pull_policy=settings.image_pull_policy,
        module=MODULE,
        request=request,
        store=store,
        volumes=volumes,
        resources=resources(tuner_resources(spec.serving.resources)),
        threads=max(1, int(request.cpu)),
    )
    return job(
        ref,
        kind=names.TUNE,
        key=request.tuning_key,
        attempt=request.attempt,
        duration_seconds=request.duration_seconds,
        pod=pod | placement(runtime),
    )


def tuner_resources(serving: Resources) -> Resources:
    """The serving resources, with room for the load generator where memory is limited.

    The CPU limit is left out: the load generator would take its share from the Triton that is
    being measured. Triton's own threads are what the request says.
    """
    limits = {name: value for name, value in serving.limits.items() if name != "cpu"}
    if "memory" in limits:
        given = parse_quantity(limits["memory"], "spec.serving.resources.limits.memory")
        limits["memory"] = str(int(given) + TUNER_MEMORY_BYTES)
    return Resources(requests=serving.requests, limits=limits)
