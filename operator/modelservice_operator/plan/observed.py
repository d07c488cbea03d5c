"""The cluster's objects of one service as values. Parsing only; nothing is decided here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from modelservice_operator.api import names
from modelservice_operator.api.quantities import parse_quantity

RUNNING = "Running"
SUCCEEDED = "Succeeded"
FAILED = "Failed"
#: The kubelet's reason for exit code 137 when the kernel took the memory back.
OOM_KILLED = "OOMKilled"
_LONG_AGO = datetime.fromtimestamp(0, tz=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSeen:
    """A pod. ``exit_code``, ``exit_reason``, ``exit_message``: of the container that ended.

    ``waiting``: why it does not run (``ImagePullBackOff: …``, ``Unschedulable: …``), or empty.
    ``out_of_memory``: a container of it was killed for its memory. ``memory_request_bytes``,
    ``memory_limit_bytes``: of its container that runs on, 0 for none.
    ``index``: which one of its Job's pods, 0 where there is one only.
    ``address``: its IP, empty while it has none. ``ready_at``: since when it is ready;
    ``homeless_since``: since when the scheduler finds no place for it; None where that is not so.
    ``marked``: the balancer has chosen it to go first.
    """

    name: str
    job: str
    component: str
    created_at: datetime
    ready: bool
    waiting: str
    exit_code: int | None
    exit_reason: str
    exit_message: str
    restarts: int = 0
    index: int = 0
    ended_at: datetime | None = None
    address: str = ""
    deleting: bool = False
    out_of_memory: bool = False
    memory_request_bytes: int = 0
    memory_limit_bytes: int = 0
    ready_at: datetime | None = None
    homeless_since: datetime | None = None
    marked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSeen:
    """A build or tune Job. ``ended_at`` is None while it runs.

    ``pod``: the newest of index 0, whose end is the Job's. ``lingering``: index 0 has failed for
    good, but the others still run, so the cluster does not call the Job failed yet.
    """

    name: str
    kind: str
    key: str
    attempt: int
    state: str
    reason: str
    message: str
    created_at: datetime
    ended_at: datetime | None
    deleting: bool
    pod: PodSeen | None
    lingering: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentSeen:
    """The serving Deployment; keys of what it serves come from its annotations.

    ``pods_key``: of the pods' template; ``rollout``: the configuration that its rollout began
    with, which names the ConfigMap; ``sized_by``: the tuning that its memory comes from.
    ``memory_raised``: the plan of memory that was too little, by name (``plan/memory.py``).
    """

    generation_observed: bool
    replicas: int
    ready: int
    updated: int
    current: int
    build_key: str
    tuning_key: str
    config_key: str
    pods_key: str = ""
    rollout: str = ""
    sized_by: str = ""
    memory_raised: str = ""

    @property
    def one_template(self) -> bool:
        """All pods that there are run the newest template."""
        return self.generation_observed and self.updated == self.current

    @property
    def rolling(self) -> bool:
        """A rollout is under way: there are pods of an older template, as was last observed."""
        return self.updated < self.current

    @property
    def rolled_out(self) -> bool:
        """All wanted replicas run the newest template, and nothing older is left."""
        done = self.updated == self.replicas == self.current and self.ready == self.replicas
        return self.generation_observed and done


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigMapSeen:
    """A ConfigMap of ours. ``kind``: build or tune for a result, empty for a configuration.

    ``holds``: key of the configuration that is in it now.
    """

    name: str
    kind: str
    key: str
    created_at: datetime
    holds: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Children:
    """Everything of one service that the cluster holds.

    ``tuning_state``, ``balancer_state``: what was remembered of its tuning, and of its load, JSON;
    empty for nothing. ``rival``: an autoscaler of somebody else's for its Deployment, by kind and
    name; empty for none.
    """

    jobs: tuple[JobSeen, ...]
    results: Mapping[tuple[str, str], str]
    deployment: DeploymentSeen | None
    pods: tuple[PodSeen, ...]
    config_maps: tuple[ConfigMapSeen, ...] = ()
    tuning_state: str = ""
    balancer_state: str = ""
    rival: str = ""


def parse_time(text: str | None) -> datetime | None:
    """An RFC 3339 time of the API, or None."""
    return datetime.fromisoformat(text) if text else None


def _created(item: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(item["metadata"]["creationTimestamp"])


def parse_children(
    *,
    jobs: Iterable[Mapping[str, Any]],
    config_maps: Iterable[Mapping[str, Any]],
    deployments: Iterable[Mapping[str, Any]],
    pods: Iterable[Mapping[str, Any]],
) -> Children:
    """Values from the API's objects; objects that are not ours to read are left out."""
    seen_pods = tuple(parse_pod(item) for item in pods)
    maps = list(config_maps)
    return Children(
        jobs=tuple(parse_job(item, seen_pods) for item in jobs if _is_ours(item)),
        results=dict(pair for item in maps if (pair := parse_result(item))),
        deployment=next((parse_deployment(item) for item in deployments), None),
        pods=tuple(pod for pod in seen_pods if pod.component == names.SERVING),
        config_maps=tuple(_config_map(item) for item in maps),
        tuning_state=next(filter(None, (_state(item, names.STATE) for item in maps)), ""),
        balancer_state=next(filter(None, (_state(item, names.BALANCING) for item in maps)), ""),
    )


def _is_ours(job: Mapping[str, Any]) -> bool:
    return names.KEY_LABEL in job["metadata"].get("labels", {})


def parse_result(item: Mapping[str, Any]) -> tuple[tuple[str, str], str] | None:
    """((kind, key), JSON text) of a result ConfigMap, None for another one."""
    labels = item["metadata"].get("labels", {})
    text = (item.get("data") or {}).get("result.json")
    kind, key = labels.get(names.KIND_LABEL), labels.get(names.KEY_LABEL)
    return ((kind, key), text) if text and kind and key else None


def _config_map(item: Mapping[str, Any]) -> ConfigMapSeen:
    labels = item["metadata"].get("labels", {})
    return ConfigMapSeen(
        name=item["metadata"]["name"],
        kind=labels.get(names.KIND_LABEL, ""),
        key=labels.get(names.KEY_LABEL, ""),
        created_at=_created(item),
        holds=item["metadata"].get("annotations", {}).get(names.CONFIG_ANNOTATION, ""),
    )


def _state(item: Mapping[str, Any], wanted: str) -> str:
    kind = item["metadata"].get("labels", {}).get(names.KIND_LABEL)
    return str((item.get("data") or {}).get(names.STATE_FILE, "")) if kind == wanted else ""


def parse_deployment(item: Mapping[str, Any]) -> DeploymentSeen:
    """What the Deployment says of itself."""
    annotations = item["metadata"].get("annotations", {})
    status = item.get("status", {})
    return DeploymentSeen(
        generation_observed=status.get("observedGeneration", 0) >= item["metadata"]["generation"],
        replicas=item["spec"].get("replicas", 1),
        ready=status.get("readyReplicas", 0),
        updated=status.get("updatedReplicas", 0),
        current=status.get("replicas", 0),
        build_key=annotations.get(names.BUILD_KEY_ANNOTATION, ""),
        tuning_key=annotations.get(names.TUNING_KEY_ANNOTATION, ""),
        config_key=annotations.get(names.CONFIG_ANNOTATION, ""),
        pods_key=annotations.get(names.PODS_ANNOTATION, ""),
        rollout=annotations.get(names.ROLLOUT_ANNOTATION, ""),
        sized_by=annotations.get(names.SIZED_ANNOTATION, ""),
        memory_raised=annotations.get(names.MEMORY_RAISED_ANNOTATION, ""),
    )


def parse_job(item: Mapping[str, Any], pods: Iterable[PodSeen]) -> JobSeen:
    """A Job and the newest pod of its index 0."""
    meta, status = item["metadata"], item.get("status", {})
    ends = {c["type"]: c for c in status.get("conditions", ()) if c.get("status") == "True"}
    state = SUCCEEDED if "Complete" in ends else FAILED if "Failed" in ends else RUNNING
    end = ends.get("Complete") or ends.get("Failed") or {}
    own = [pod for pod in pods if pod.job == meta["name"] and pod.index == 0]
    newest = max(own, key=lambda pod: pod.created_at, default=None)
    lingering = state == RUNNING and _first_failed(status.get("failedIndexes", ""))
    ended_at = parse_time(end.get("lastTransitionTime"))
    return JobSeen(
        name=meta["name"],
        kind=meta["labels"].get(names.COMPONENT_LABEL, ""),
        key=meta["labels"][names.KEY_LABEL],
        attempt=int(meta["labels"].get(names.ATTEMPT_LABEL, "1")),
        state=FAILED if lingering else state,
        reason=end.get("reason", ""),
        message=end.get("message", ""),
        created_at=_created(item),
        ended_at=newest.ended_at if lingering and newest else ended_at,
        deleting="deletionTimestamp" in meta,
        pod=newest,
        lingering=lingering,
    )


def _first_failed(indexes: str) -> bool:
    """Whether index 0 is in a list such as ``0,3-5``."""
    return indexes.replace("-", ",").split(",")[0] == "0"


def parse_pod(item: Mapping[str, Any]) -> PodSeen:
    """A pod, its waiting reason and the end of its last container that ended badly."""
    meta, status = item["metadata"], item.get("status", {})
    labels = meta.get("labels", {})
    containers = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    ended = _ended(containers)
    return PodSeen(
        name=meta["name"],
        job=labels.get("batch.kubernetes.io/job-name", labels.get("job-name", "")),
        component=labels.get(names.COMPONENT_LABEL, ""),
        created_at=_created(item),
        ready=_since(status, "Ready", "True") is not None,
        ready_at=_since(status, "Ready", "True"),
        homeless_since=_since(status, "PodScheduled", "False"),
        waiting=_waiting(status, containers),
        exit_code=ended.get("exitCode"),
        exit_reason=ended.get("reason", ""),
        exit_message=ended.get("message", ""),
        restarts=sum(c.get("restartCount", 0) for c in containers),
        index=int(labels.get("batch.kubernetes.io/job-completion-index", "0")),
        ended_at=parse_time(ended.get("finishedAt")),
        address=status.get("podIP", ""),
        deleting="deletionTimestamp" in meta,
        out_of_memory=any(end.get("reason") == OOM_KILLED for end in _ends(containers)),
        memory_request_bytes=_memory(item, "requests"),
        memory_limit_bytes=_memory(item, "limits"),
        marked=meta.get("annotations", {}).get(names.DELETION_COST) == names.GOES_FIRST,
    )


def _since(status: Mapping[str, Any], type_: str, value: str) -> datetime | None:
    """Since when a condition has this value; the beginning of time where that is not said."""
    for condition in status.get("conditions", ()):
        if condition["type"] == type_ and condition["status"] == value:
            return parse_time(condition.get("lastTransitionTime")) or _LONG_AGO
    return None


def _memory(item: Mapping[str, Any], side: str) -> int:
    running = item.get("spec", {}).get("containers", ({},))[0]
    text = running.get("resources", {}).get(side, {}).get("memory", "0")
    return int(parse_quantity(text, f"resources.{side}.memory"))


def _ended(containers: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    last: Mapping[str, Any] = {}
    for ended in _ends(containers):
        if not last or ended.get("exitCode", 0) != 0 or last.get("exitCode") == 0:
            last = ended
    return last


def _ends(containers: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for container in containers:
        for state in (container.get("lastState", {}), container.get("state", {})):
            if ended := state.get("terminated"):
                yield ended


def _waiting(status: Mapping[str, Any], containers: Iterable[Mapping[str, Any]]) -> str:
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{condition.get('reason', 'Pending')}: {condition.get('message', '')}"
    for container in containers:
        waiting = container.get("state", {}).get("waiting")
        if waiting and waiting.get("reason") not in {"ContainerCreating", "PodInitializing"}:
            return f"{waiting.get('reason', 'Waiting')}: {waiting.get('message', '')}".strip(": ")
    return ""
