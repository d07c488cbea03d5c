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

#: The tuner itself, a compiler in it (0.3 GiB), and the load generator with its requests.
TUNER_MEMORY_BYTES = 1 << 30
#: Versions of the model in memory while Triton loads a changed configuration in place.
VERSIONS_LOADED = 2
#: Shared memory between Triton and its Python backend.
SHARED_MEMORY = "1Gi"
#: The image is read-only; what is compiled once serves the tuner's other processes too.
COMPILED_ENV = ({"name": "NUMBA_CACHE_DIR", "value": "/tmp/numba"},)  # noqa: S108 - the pod's own


def tune_job(
    ref: ServiceRef,
    *,
    request: TuneRequest,
    spec: ModelServiceSpec,
    store: Store,
    runtime: Runtime,
    settings: Settings,
) -> dict[str, Any]:
    """The Job of one attempt of a tuning, where the service's pods will run.

    It reads the artifact and the trace, and writes its report into the store.
    """
    uris = (request.artifact_uri, request.traffic.trace_uri, request.report_uri)
    volumes = join(
        claim_volumes(uris, writable=request.report_uri),
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
        env=COMPILED_ENV,
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
    """The serving resources, with room for what else is in the pod where memory is limited.

    Triton may not be killed for two versions of a model that as one fits a serving pod: what a
    reload needs there is found out here. Only the limit grows; no node has to set it aside. The
    CPU limit is left out: the load generator would take its share from the Triton that is
    being measured. Triton's own threads are what the request says.
    """
    limits = {name: value for name, value in serving.limits.items() if name != "cpu"}
    if "memory" in limits:
        given = parse_quantity(limits["memory"], "spec.serving.resources.limits.memory")
        limits["memory"] = str(VERSIONS_LOADED * int(given) + TUNER_MEMORY_BYTES)
    return Resources(requests=serving.requests, limits=limits)
