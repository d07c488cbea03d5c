"""The build Job."""

from __future__ import annotations

from typing import Any

from modelservice_operator.api import names
from modelservice_operator.api.service import ServiceRef
from modelservice_operator.api.spec import ModelServiceSpec, Store
from modelservice_operator.settings import Settings
from modelservice_runtime.contract.requests import TENSORFLOW, BuildRequest

from .jobs import job, job_pod
from .pods import resources
from .storage import claim_volumes, join, scratch

MODULE = "modelservice_runtime.builder"


def build_job(
    ref: ServiceRef,
    *,
    request: BuildRequest,
    spec: ModelServiceSpec,
    store: Store,
    settings: Settings,
) -> dict[str, Any]:
    """The Job of one attempt of a build. Engines run on one thread: they are compared.

    With parallelism it has several pods: index 0 is the build, the others produce candidates
    for it.
    """
    uris = (request.source.uri, request.evaluation.data_uri, store.uri)
    volumes = join(
        claim_volumes(uris, writable=store.uri),
        scratch("tmp", "/tmp"),  # noqa: S108 - a folder of the pod's own
    )
    pod = job_pod(
        kind=names.BUILD,
        image=builder_image(request, settings),
        pull_policy=settings.image_pull_policy,
        module=MODULE,
        request=request,
        store=store,
        volumes=volumes,
        resources=resources(spec.build_resources),
        threads=1,
    )
    return job(
        ref,
        kind=names.BUILD,
        key=request.build_key,
        attempt=request.attempt,
        duration_seconds=request.duration_seconds,
        pod=pod,
        pods=request.optimization.parallelism,
    )


def builder_image(request: BuildRequest, settings: Settings) -> str:
    """TensorFlow and torch do not go together in one environment, so there are two builders."""
    keras = request.source.kind == TENSORFLOW
    return settings.keras_builder_image if keras else settings.builder_image
