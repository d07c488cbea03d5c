"""The Triton pods of a service."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from modelservice_operator.api import names
from modelservice_operator.api.service import ServiceRef
from modelservice_operator.api.spec import ModelServiceSpec, Resources, Store
from modelservice_operator.plan.memory import PodMemory
from modelservice_operator.settings import Runtime, Settings
from modelservice_runtime.contract.admin import ADMIN_KEY_FILE
from modelservice_runtime.contract.codec import digest_of
from modelservice_runtime.contract.model_config import ModelConfig
from modelservice_runtime.contract.results import TERMINATION_MESSAGE_PATH, ArtifactSummary

from .config_maps import CONFIG_FILE
from .memory import quantity, with_memory
from .network import GRPC_PORT, HTTP_PORT, METRICS_PORT
from .pods import (
    SCRATCH_ENV,
    container_security,
    metadata,
    placement,
    pod_security,
    resources,
    store_env_from,
    thread_env,
)
from .storage import Volumes, claim_volumes, config, join, scratch, secret

#: A gRPC connection is asked to end after this long, so that clients find new replicas …
CONNECTION_AGE_SECONDS = 10
#: A setting is loaded, and warmed up, in this time; a model that takes longer goes the way of a
#: rollout. Connections stay so long for what they still carry, a load's answer among it.
LOAD_SECONDS = 300
#: A stopping pod goes on answering until every connection it had has been asked to end: gRPC
#: varies their age by a tenth, and clients have the rest to come to know of it.
PRE_STOP_SECONDS = CONNECTION_AGE_SECONDS + 8
#: Triton's own time for requests in flight, at least; it ends as soon as there are none.
EXIT_SECONDS = 15
#: Beyond that time, before the kubelet kills.
KILL_SECONDS = 10
#: Loading and warming up may take up to period x threshold = 10 min.
STARTUP_PERIOD_SECONDS = 2
STARTUP_FAILURES = 300
PROGRESS_DEADLINE_SECONDS = 900
ADMIN_FOLDER = "/admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingVersion:
    """What the pods serve. ``flags``: Triton's, beside those that every pod has.

    ``rollout``: key of the configuration that the pods' rollout began with; ``sized_by``: of the
    tuning that ``memory`` comes from. ``admin_secret``: name of the Secret with the key.
    ``cpu``: cores that a pod may use.
    """

    artifact: ArtifactSummary
    config: ModelConfig
    config_key: str
    build_key: str
    tuning_key: str
    memory: PodMemory
    rollout: str
    sized_by: str
    admin_secret: str
    cpu: float
    flags: tuple[str, ...] = ()


def pods_key(
    ref: ServiceRef,
    *,
    spec: ModelServiceSpec,
    store: Store,
    runtime: Runtime,
    settings: Settings,
    serving: ServingVersion,
) -> str:
    """What of the pods no reload can change: their template but for the ConfigMap's name."""
    bare = dataclasses.replace(serving, rollout="")
    return digest_of(
        _pod(ref, spec=spec, store=store, runtime=runtime, settings=settings, serving=bare)
    )


def deployment(
    ref: ServiceRef,
    *,
    spec: ModelServiceSpec,
    store: Store,
    runtime: Runtime,
    settings: Settings,
    serving: ServingVersion,
) -> dict[str, Any]:
    """The Deployment without ``spec.replicas``, which the balancer owns.

    Another artifact, variant, image, or size changes the template: a rollout, one surge pod at a
    time, none away before the new one answers. Another tuning changes what the ConfigMap holds.
    """
    key = pods_key(ref, spec=spec, store=store, runtime=runtime, settings=settings, serving=serving)
    keys = {
        names.BUILD_KEY_ANNOTATION: serving.build_key,
        names.TUNING_KEY_ANNOTATION: serving.tuning_key,
        names.CONFIG_ANNOTATION: serving.config_key,
        names.PODS_ANNOTATION: key,
        names.ROLLOUT_ANNOTATION: serving.rollout,
        names.SIZED_ANNOTATION: serving.sized_by,
    }
    if serving.memory.raised:
        keys[names.MEMORY_RAISED_ANNOTATION] = serving.memory.raised
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(ref, ref.name, names.SERVING, annotations=keys),
        "spec": {
            "selector": {"matchLabels": names.selector(ref.name)},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
            },
            "minReadySeconds": 1,
            "progressDeadlineSeconds": PROGRESS_DEADLINE_SECONDS,
            "revisionHistoryLimit": 2,
            "template": {
                "metadata": {
                    "labels": names.labels(ref.name, names.SERVING),
                    "annotations": {names.ROLLOUT_ANNOTATION: serving.rollout},
                },
                "spec": _pod(
                    ref,
                    spec=spec,
                    store=store,
                    runtime=runtime,
                    settings=settings,
                    serving=serving,
                ),
            },
        },
    }


def _pod(
    ref: ServiceRef,
    *,
    spec: ModelServiceSpec,
    store: Store,
    runtime: Runtime,
    settings: Settings,
    serving: ServingVersion,
) -> dict[str, Any]:
    claims = claim_volumes((serving.artifact.uri,))
    artifact = scratch("artifact", "/artifact")
    tmp = scratch("tmp", "/tmp")  # noqa: S108 - a folder of the pod's own
    own = join(
        artifact,
        tmp,
        scratch("models", "/models"),
        scratch("shm", "/dev/shm", memory=quantity(serving.memory.shared_bytes)),  # noqa: S108
        config("config", names.serving_config(ref.name, serving.rollout), "/config"),
        secret("admin", serving.admin_secret, ADMIN_FOLDER),
    )
    common = {
        "image": runtime.image,
        "imagePullPolicy": settings.image_pull_policy,
        "securityContext": container_security(),
        "terminationMessagePath": TERMINATION_MESSAGE_PATH,
    }
    wanted = with_memory(spec.serving.resources, serving.memory)
    fetch = common | _fetch(serving, store, join(claims, artifact, tmp), wanted)
    triton = common | _triton(ref.name, serving, own, wanted, exit_seconds(spec))
    return {
        "serviceAccountName": ref.name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(),
        "terminationGracePeriodSeconds": PRE_STOP_SECONDS + exit_seconds(spec) + KILL_SECONDS,
        "topologySpreadConstraints": [_spread(ref)],
        "volumes": [*claims.volumes, *own.volumes],
        "initContainers": [fetch],
        "containers": [triton],
    } | placement(runtime)


def exit_seconds(spec: ModelServiceSpec) -> int:
    """Twice the latency goal, as a power of two: most changes of a goal change no pod."""
    goal = spec.serving.objective.milliseconds / 1000
    return max(EXIT_SECONDS, int(2 ** math.ceil(math.log2(2 * goal))))


def _fetch(
    serving: ServingVersion, store: Store, volumes: Volumes, wanted: Resources
) -> dict[str, Any]:
    """Brings the artifact and checks every digest; what is damaged never reaches Triton."""
    limits = {k: v for k, v in wanted.limits.items() if k in {"cpu", "memory"}}
    requests = {k: v for k, v in wanted.requests.items() if k in {"cpu", "memory"}}
    artifact = serving.artifact
    return {
        "name": "fetch",
        "command": ["python", "-m", "modelservice_runtime.serve.fetch"],
        "args": [
            *("--uri", artifact.uri, "--digest", artifact.digest, "--target", "/artifact"),
            *("--variant", serving.config.variant),
        ],
        "env": list(SCRATCH_ENV),
        "envFrom": store_env_from(store),
        "resources": resources(Resources(requests=requests, limits=limits)),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": list(volumes.mounts),
    }


def _triton(
    name: str, serving: ServingVersion, volumes: Volumes, wanted: Resources, exits: int
) -> dict[str, Any]:
    return {
        "name": "triton",
        "command": ["python", "-m", "modelservice_runtime.serve.start"],
        "args": [
            *("--artifact", "/artifact", "--config", f"/config/{CONFIG_FILE}"),
            *("--repository", "/models", "--model", name),
            *("--admin-key-file", f"{ADMIN_FOLDER}/{ADMIN_KEY_FILE}", "--"),
            f"--grpc-max-connection-age={CONNECTION_AGE_SECONDS * 1000}",
            f"--grpc-max-connection-age-grace={LOAD_SECONDS * 1000}",
            f"--exit-timeout-secs={exits}",
            *serving.flags,
        ],
        # From the limit, not from the tuning, whose threads are the engine's: those a reload sets.
        "env": [*SCRATCH_ENV, *thread_env(max(1, int(serving.cpu)))],
        "ports": [
            {"name": "http", "containerPort": HTTP_PORT, "protocol": "TCP"},
            {"name": "grpc", "containerPort": GRPC_PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
        ],
        "resources": resources(wanted),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": list(volumes.mounts),
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(PRE_STOP_SECONDS)]}}},
        "startupProbe": {
            "exec": {"command": _ready_command(name)},
            "periodSeconds": STARTUP_PERIOD_SECONDS,
            "timeoutSeconds": 20,
            "failureThreshold": STARTUP_FAILURES,
        },
        "readinessProbe": {
            "httpGet": {"path": f"/v2/models/{name}/ready", "port": "http"},
            "periodSeconds": 2,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
        },
        "livenessProbe": {
            "httpGet": {"path": "/v2/health/live", "port": "http"},
            "periodSeconds": 10,
            "timeoutSeconds": 10,
            "failureThreshold": 6,
        },
    }


def _ready_command(name: str) -> list[str]:
    module = "modelservice_runtime.serve.ready"
    return ["python", "-m", module, "--artifact", "/artifact", "--model", name]


def _spread(ref: ServiceRef) -> dict[str, Any]:
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": names.selector(ref.name)},
    }
