"""What the build Job and the tune Job have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from modelservice_operator.api import names
from modelservice_operator.api.service import ServiceRef
from modelservice_operator.api.spec import Store
from modelservice_runtime.contract.codec import dumps
from modelservice_runtime.contract.exit_codes import FINAL, KILLED
from modelservice_runtime.contract.requests import JOB_VARIABLE
from modelservice_runtime.contract.results import TERMINATION_MESSAGE_PATH

from .pods import (
    SCRATCH_ENV,
    container_security,
    metadata,
    pod_security,
    store_env_from,
    thread_env,
)
from .storage import Volumes

#: The Job itself keeps a shorter deadline; this one ends what does not keep it.
DEADLINE_GRACE_SECONDS = 60
#: A finished Job stays so long that its result is read even by an operator that was away.
KEPT_SECONDS = 3600
#: Failures that the policy below calls neither final nor a disruption are tried so often again.
BACKOFF_LIMIT = 1


def job(
    ref: ServiceRef,
    *,
    kind: str,
    key: str,
    attempt: int,
    duration_seconds: int,
    pod: dict[str, Any],
    pods: int = 1,
) -> dict[str, Any]:
    """A Job around ``pod`` (a pod's spec). Its template is immutable: it is only created.

    ``pods``: how many of them work side by side; the first (index 0) decides what becomes of it.
    """
    labels = {
        names.KIND_LABEL: kind,
        names.KEY_LABEL: key,
        names.ATTEMPT_LABEL: str(attempt),
    }
    name = names.job(ref.name, kind, key, attempt)
    of_pods = names.labels(ref.name, kind) | labels
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(ref, name, kind, labels=labels),
        "spec": {
            **(_one_pod(kind) if pods == 1 else _indexes(kind, pods)),
            "activeDeadlineSeconds": duration_seconds + DEADLINE_GRACE_SECONDS,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {
                "metadata": {"labels": of_pods},
                "spec": pod if pods == 1 else pod | _apart(of_pods),
            },
        },
    }


def _one_pod(container: str) -> dict[str, Any]:
    """A user's error ends the Job at once; a drained node or an eviction does not count."""
    rules = [_DISRUPTION, _on_exit("FailJob", container, FINAL)]
    return {"backoffLimit": BACKOFF_LIMIT, "podFailurePolicy": {"rules": rules}}


def _indexes(container: str, count: int) -> dict[str, Any]:
    """The same for ``count`` indexes: an index that crashes is tried again, then done without.

    A killed pod fails its own index only. That this ends the Job where it was index 0 no policy
    can say; ``plan/observed.py`` sees to it.
    """
    ending = tuple(code for code in FINAL if code != KILLED)
    rules = [
        _DISRUPTION,
        _on_exit("FailJob", container, ending),
        _on_exit("FailIndex", container, (KILLED,)),
    ]
    return {
        "completionMode": "Indexed",
        "completions": count,
        "parallelism": count,
        "backoffLimitPerIndex": BACKOFF_LIMIT,
        "successPolicy": {"rules": [{"succeededIndexes": "0"}]},
        "podFailurePolicy": {"rules": rules},
    }


_DISRUPTION = {
    "action": "Ignore",
    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
}


def _on_exit(action: str, container: str, codes: Collection[int]) -> dict[str, Any]:
    return {
        "action": action,
        "onExitCodes": {
            "containerName": container,
            "operator": "In",
            "values": sorted(codes),
        },
    }


def _apart(labels: Mapping[str, str]) -> dict[str, Any]:
    """Pods of one Job on different nodes where that is possible: they measure and compute."""
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": dict(labels)},
    }
    return {"topologySpreadConstraints": [spread]}


def job_pod(
    *,
    kind: str,
    image: str,
    pull_policy: str,
    module: str,
    request: object,
    store: Store,
    volumes: Volumes,
    resources: dict[str, Any],
    threads: int,
    env: Iterable[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """The pod of a Job: one container, named after the kind, that runs ``python -m module``."""
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(),
        "volumes": list(volumes.volumes),
        "containers": [
            {
                "name": kind,
                "image": image,
                "imagePullPolicy": pull_policy,
                "command": ["python", "-m", module],
                "env": [
                    {"name": JOB_VARIABLE, "value": dumps(request)},
                    *SCRATCH_ENV,
                    *thread_env(threads),
                    *env,
                ],
                "envFrom": store_env_from(store),
                "resources": resources,
                "securityContext": container_security(),
                "terminationMessagePath": TERMINATION_MESSAGE_PATH,
                "terminationMessagePolicy": "File",
                "volumeMounts": list(volumes.mounts),
            }
        ],
    }
