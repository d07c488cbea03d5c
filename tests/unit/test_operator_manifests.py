"""Kubernetes objects: what every pod must have, whatever the spec says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import operator_samples as samples
import pytest

from modelservice_operator import manifests as m
from modelservice_operator.api import names
from modelservice_operator.api.service import ServiceKey
from modelservice_operator.api.spec import Resources, Store
from modelservice_operator.manifests.deployment import (
    PRE_STOP_SECONDS,
    ServingVersion,
    exit_seconds,
)
from modelservice_operator.manifests.storage import claim_volumes
from modelservice_operator.plan.memory import PodMemory
from modelservice_operator.plan.serving import Version, plan_serving
from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.codec import loads
from modelservice_runtime.contract.profile import Profile
from modelservice_runtime.contract.requests import (
    BuildRequest,
    EvaluationRequest,
    LatencyObjective,
    OptimizationRequest,
    SourceRequest,
    TuneRequest,
)
from modelservice_runtime.contract.traffic import TRACE, Traffic

SETTINGS = samples.settings()
RUNTIME = SETTINGS.runtimes["triton"]
S3 = Store(uri="s3://bucket/prefix", secret_name="s3-credentials")  # noqa: S106 - a name


def build_request(**changes: Any) -> BuildRequest:
    """A build of the sample source."""
    base = BuildRequest(
        namespace="demo",
        name="tiny",
        build_key="b" * 40,
        attempt=1,
        source=SourceRequest(kind="pytorch", uri="pvc://sources/tiny", entrypoint="tiny:load"),
        store_uri="pvc://models/artifacts",
        artifact_uri="pvc://models/artifacts/demo/tiny/b/1",
        max_batch_size=16,
        duration_seconds=600,
    )
    return dataclasses.replace(base, **changes)


def tune_request(**changes: Any) -> TuneRequest:
    """A tuning of the sample artifact."""
    base = TuneRequest(
        namespace="demo",
        name="tiny",
        tuning_key="t" * 40,
        attempt=1,
        artifact_uri="pvc://models/artifacts/demo/tiny/b/1",
        artifact_digest="sha256:" + "a" * 64,
        backend="python",
        objective=LatencyObjective(percentile=99, milliseconds=100),
        max_batch_size=16,
        cpu=1,
        memory_limit_bytes=0,
        duration_seconds=600,
        report_uri="pvc://models/artifacts/demo/tiny/tunings/t/1",
    )
    return dataclasses.replace(base, **changes)


def serving(profile: Mapping[str, Any] | None = None, **changes: Any) -> ServingVersion:
    """The sample artifact, tuned, fields of its ``profile`` and of the version replaced."""
    version = Version(
        artifact=samples.artifact(),
        build_key="b",
        profile=samples.profile(**(profile or {})),
        tuning_key="t",
    )
    plan = plan_serving("tiny", version, runtime=RUNTIME, spec=samples.spec())
    assert plan is not None
    base = ServingVersion(
        artifact=version.artifact,
        config=plan.config,
        config_key=plan.config_key,
        build_key="b",
        tuning_key="t",
        memory=plan.memory,
        rollout="r" * 40,
        sized_by="t",
        admin_secret="tiny-admin-12345678",  # noqa: S106 - a name
        cpu=1.0,
    )
    return dataclasses.replace(base, **changes)


def the_build(store: Store = SETTINGS.store, **request: Any) -> dict[str, Any]:
    """The build Job, fields of its request replaced."""
    return m.build_job(
        samples.ref(),
        request=build_request(**request),
        spec=samples.spec(),
        store=store,
        settings=SETTINGS,
    )


def the_shared_build(pods: int = 3) -> dict[str, Any]:
    """The build Job of several pods."""
    return the_build(optimization=OptimizationRequest(parallelism=pods))


def the_tuning(**request: Any) -> dict[str, Any]:
    """The tune Job, fields of its request replaced."""
    return m.tune_job(
        samples.ref(),
        request=tune_request(**request),
        spec=samples.spec(),
        store=SETTINGS.store,
        runtime=RUNTIME,
        settings=SETTINGS,
    )


def the_deployment(version: ServingVersion | None = None, **spec: Any) -> dict[str, Any]:
    """The serving Deployment."""
    return m.deployment(
        samples.ref(),
        spec=samples.spec(**spec),
        store=S3,
        runtime=RUNTIME,
        settings=SETTINGS,
        serving=version or serving(),
    )


def pod_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """The pod's spec inside a Job or Deployment."""
    spec: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return spec


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """All containers of a pod, init containers too."""
    return [*pod.get("initContainers", ()), *pod["containers"]]


PODS = pytest.mark.parametrize(
    "manifest",
    [the_build(), the_shared_build(), the_tuning(), the_deployment()],
    ids=["build", "shared build", "tune", "serving"],
)


@PODS
def test_every_pod_is_restricted(manifest: dict[str, Any]) -> None:
    pod = pod_of(manifest)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers(pod):
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False
        assert security["readOnlyRootFilesystem"] is True
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["requests"]


@PODS
def test_every_mount_has_its_volume_and_every_volume_is_mounted(manifest: dict[str, Any]) -> None:
    pod = pod_of(manifest)
    volumes = {volume["name"] for volume in pod["volumes"]}
    mounts = {mount["name"] for c in containers(pod) for mount in c["volumeMounts"]}
    assert volumes == mounts
    assert len(volumes) == len(pod["volumes"])


@PODS
def test_every_object_belongs_to_its_service(manifest: dict[str, Any]) -> None:
    (owner,) = manifest["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("ModelService", "tiny", True)
    assert manifest["metadata"]["labels"][names.NAME_LABEL] == "tiny"
    labels = manifest["spec"]["template"]["metadata"]["labels"]
    assert labels[names.NAME_LABEL] == "tiny"


def test_a_build_writes_to_the_store_and_only_reads_the_source() -> None:
    mounts = {
        item["mountPath"]: item for item in pod_of(the_build())["containers"][0]["volumeMounts"]
    }
    assert mounts["/mnt/pvc/sources"]["readOnly"] is True
    assert mounts["/mnt/pvc/models"]["readOnly"] is False


def test_a_build_reads_the_evaluation_data_where_they_lie() -> None:
    evaluation = EvaluationRequest(data_uri="pvc://datasets/tiny.parquet")
    mounts = {
        item["mountPath"]: item.get("readOnly")
        for item in pod_of(the_build(evaluation=evaluation))["containers"][0]["volumeMounts"]
    }
    assert mounts["/mnt/pvc/datasets"] is True


@pytest.mark.parametrize(
    ("kind", "image"),
    [
        ("pytorch", "modelservice-builder:1"),
        ("torchExport", "modelservice-builder:1"),
        ("onnx", "modelservice-builder:1"),
        ("tensorflow", "modelservice-builder-keras:1"),
    ],
)
def test_each_kind_of_source_gets_the_builder_that_can_read_it(kind: str, image: str) -> None:
    job = the_build(source=SourceRequest(kind=kind, uri="pvc://models/a"))
    assert pod_of(job)["containers"][0]["image"] == image


def test_a_source_on_the_store_claim_shares_its_mount() -> None:
    volumes = claim_volumes(("pvc://models/a", "pvc://models/b"), writable="pvc://models/b")
    assert [mount["readOnly"] for mount in volumes.mounts] == [False]


def test_the_request_travels_whole() -> None:
    env = {item["name"]: item["value"] for item in pod_of(the_build())["containers"][0]["env"]}
    assert loads(BuildRequest, env["MODELSERVICE_JOB"]) == build_request()


def test_credentials_come_from_the_secret_that_is_named() -> None:
    (container,) = pod_of(the_build(S3))["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "s3-credentials", "optional": False}}]
    assert not pod_of(the_build())["containers"][0]["envFrom"]


def test_final_exit_codes_end_the_job_and_disruptions_do_not_count() -> None:
    ignore, fail = the_build()["spec"]["podFailurePolicy"]["rules"]
    assert ignore["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert fail["onExitCodes"]["values"] == sorted(exit_codes.FINAL)
    assert exit_codes.INFRASTRUCTURE not in exit_codes.FINAL


def test_a_shared_build_is_one_indexed_job_that_index_0_decides() -> None:
    spec = the_shared_build(3)["spec"]
    assert spec["completionMode"] == "Indexed"
    assert (spec["completions"], spec["parallelism"]) == (3, 3)
    assert spec["successPolicy"] == {"rules": [{"succeededIndexes": "0"}]}
    assert spec["backoffLimitPerIndex"] == 1
    assert "backoffLimit" not in spec, "it would count the failures of all indexes together"
    assert "completionMode" not in the_shared_build(1)["spec"]


def test_a_helper_that_is_killed_fails_alone_and_a_users_error_still_ends_the_job() -> None:
    ignore, fail_job, fail_index = the_shared_build()["spec"]["podFailurePolicy"]["rules"]
    assert ignore["action"] == "Ignore"
    assert fail_job["action"] == "FailJob"
    assert fail_index["action"] == "FailIndex"
    assert fail_index["onExitCodes"]["values"] == [exit_codes.KILLED]
    both = fail_job["onExitCodes"]["values"] + fail_index["onExitCodes"]["values"]
    assert sorted(both) == sorted(exit_codes.FINAL)


def test_pods_that_share_a_build_keep_apart_and_from_no_other_pods() -> None:
    template = the_shared_build()["spec"]["template"]
    (spread,) = template["spec"]["topologySpreadConstraints"]
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
    assert spread["labelSelector"]["matchLabels"] == template["metadata"]["labels"]


def test_the_init_container_is_told_the_variant_that_will_be_served() -> None:
    (fetch,) = pod_of(the_deployment())["initContainers"]
    arguments = dict(zip(fetch["args"][::2], fetch["args"][1::2], strict=True))
    assert arguments["--variant"] == samples.COMPILED.name


def test_the_deployment_leaves_the_replicas_to_the_balancer() -> None:
    assert "replicas" not in the_deployment()["spec"]
    replicas = m.replicas_manifest(ServiceKey("demo", "tiny"), 3)
    assert replicas["spec"] == {"replicas": 3}


def test_a_rollout_never_takes_a_pod_before_the_new_one_answers() -> None:
    strategy = the_deployment()["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": 1, "maxUnavailable": 0}


def test_a_stopping_pod_answers_until_its_connections_have_been_asked_to_end() -> None:
    pod = pod_of(the_deployment())
    (triton,) = pod["containers"]
    flags = dict(arg.split("=") for arg in triton["args"] if "=" in arg)
    oldest = 1.1 * int(flags["--grpc-max-connection-age"])  # gRPC varies it by a tenth
    assert triton["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", str(PRE_STOP_SECONDS)]
    assert oldest < PRE_STOP_SECONDS * 1000
    exit_seconds = int(flags["--exit-timeout-secs"])
    assert pod["terminationGracePeriodSeconds"] > PRE_STOP_SECONDS + exit_seconds


@pytest.mark.parametrize(("goal", "seconds"), [(1, 15), (7_000, 16), (9_000, 32), (600_000, 2048)])
def test_a_stopping_triton_has_twice_the_goal_for_what_it_has_accepted(
    goal: int, seconds: int
) -> None:
    objective = LatencyObjective(percentile=99, milliseconds=goal)
    assert exit_seconds(samples.spec(serving=samples.serving(objective=objective))) == seconds


TUNED = {
    "max_batch_size": 16,
    "instances": 3,
    "threads": 4,
    "queue_delay_microseconds": 700,
    "queue_timeout_microseconds": 9,
}


def test_another_tuning_changes_what_the_config_map_holds_and_no_pod() -> None:
    """Every knob of it: threads too, which the environment takes from the CPU limit."""
    before, after = the_deployment(), the_deployment(version=serving(TUNED))
    assert before["spec"]["template"] == after["spec"]["template"]
    keys = [item["metadata"]["annotations"] for item in (before, after)]
    assert keys[0][names.CONFIG_ANNOTATION] != keys[1][names.CONFIG_ANNOTATION]
    assert keys[0][names.PODS_ANNOTATION] == keys[1][names.PODS_ANNOTATION]
    maps = [
        m.serving_config_map(samples.ref(), rollout="r" * 40, config=version.config)
        for version in (serving(), serving(TUNED))
    ]
    assert maps[0]["metadata"]["name"] == maps[1]["metadata"]["name"]
    assert maps[0]["data"] != maps[1]["data"]
    assert not any(item.get("immutable") for item in maps)


@pytest.mark.parametrize(
    "version",
    [
        serving({"variant": samples.QUANTIZED.name}),
        serving(artifact=samples.artifact("sha256:" + "b" * 64)),
        serving(memory=PodMemory(request_bytes=3 << 30)),
        serving(memory=PodMemory(shared_bytes=1 << 20)),
        serving(flags=("--cache-config=local,size=1",)),
        serving(admin_secret="tiny-admin-other"),  # noqa: S106 - a name
        serving(cpu=4.0),
    ],
    ids=["variant", "artifact", "memory", "shared memory", "flags", "key", "cpu"],
)
def test_what_no_reload_can_change_is_another_template(version: ServingVersion) -> None:
    keys = [
        item["metadata"]["annotations"][names.PODS_ANNOTATION]
        for item in (the_deployment(), the_deployment(version=version))
    ]
    assert keys[0] != keys[1]


def test_a_new_rollout_has_a_config_map_of_its_own() -> None:
    another = serving(rollout="s" * 40)
    found = [
        [v["configMap"]["name"] for v in pod_of(item)["volumes"] if "configMap" in v]
        for item in (the_deployment(), the_deployment(version=another))
    ]
    assert found[0] != found[1]


def test_triton_s_key_is_a_file_and_nowhere_in_the_pod() -> None:
    secret = m.admin_secret(samples.ref(), name="tiny-admin-12345678", key="open sesame")
    pod = pod_of(the_deployment())
    (triton,) = pod["containers"]
    assert secret["immutable"]
    assert secret["metadata"]["ownerReferences"][0]["uid"] == "uid-1"
    (volume,) = [item for item in pod["volumes"] if "secret" in item]
    assert volume["secret"]["secretName"] == secret["metadata"]["name"]
    assert volume["secret"]["defaultMode"] & 0o007 == 0
    assert "open sesame" not in str(pod)
    assert {"name": "admin", "mountPath": "/admin", "readOnly": True} in triton["volumeMounts"]
    for container in pod["initContainers"]:
        assert not [m for m in container["volumeMounts"] if m["name"] == "admin"]


def memory_of(container: dict[str, Any]) -> tuple[str | None, str | None]:
    """Request and limit as they are written."""
    resources = container["resources"]
    return resources["requests"].get("memory"), resources["limits"].get("memory")


@pytest.mark.parametrize(
    ("memory", "written"),
    [
        (PodMemory(request_bytes=1 << 30, limit_bytes=2 << 30), ("1Gi", "2Gi")),
        (PodMemory(request_bytes=1280 << 20, limit_bytes=2 << 30), ("1280Mi", "2Gi")),
        (PodMemory(request_bytes=1536 << 20, limit_bytes=3 << 30), ("1536Mi", "3072Mi")),
        (PodMemory(request_bytes=(1 << 30) + 1, limit_bytes=2 << 30), ("1073741825", "2Gi")),
    ],
    ids=["as the spec says", "planned", "raised", "not a round number"],
)
def test_both_containers_get_the_memory_of_the_plan(
    memory: PodMemory, written: tuple[str, str]
) -> None:
    pod = pod_of(the_deployment(serving(memory=memory)))
    assert [memory_of(container) for container in containers(pod)] == [written, written]
    assert pod["containers"][0]["resources"]["limits"]["cpu"] == "1", "the rest stays"


def test_a_pod_without_a_limit_in_the_spec_gets_the_planned_one() -> None:
    memory = PodMemory(request_bytes=512 << 20, limit_bytes=640 << 20)
    pod = pod_of(
        the_deployment(serving(memory=memory), serving=samples.serving(resources=Resources()))
    )
    assert memory_of(pod["containers"][0]) == ("512Mi", "640Mi")


@pytest.mark.parametrize(
    ("shared", "size"), [(64 << 20, "64Mi"), (192 << 20, "192Mi"), (1 << 30, "1024Mi")]
)
def test_shared_memory_is_as_large_as_planned(shared: int, size: str) -> None:
    pod = pod_of(the_deployment(serving(memory=PodMemory(shared_bytes=shared))))
    (volume,) = [item for item in pod["volumes"] if item["name"] == "shm"]
    assert volume["emptyDir"] == {"medium": "Memory", "sizeLimit": size}


@pytest.mark.parametrize("raised", ["", "t:1:2"])
def test_a_raise_is_remembered_on_the_deployment_and_not_on_its_pods(raised: str) -> None:
    manifest = the_deployment(serving(memory=PodMemory(raised=raised)))
    kept = manifest["metadata"]["annotations"].get(names.MEMORY_RAISED_ANNOTATION)
    assert kept == (raised or None)
    annotations = manifest["spec"]["template"]["metadata"]["annotations"]
    assert names.MEMORY_RAISED_ANNOTATION not in annotations


ON_GPU = samples.profile(
    memory=dataclasses.replace(samples.profile().memory, gpu_load_limit=0.85),
    pinned_memory_bytes=256 << 20,
)


@pytest.mark.parametrize(
    ("profile", "gpus", "flags"),
    [
        (None, 2, []),
        (samples.profile(), 0, []),
        (samples.profile(), 1, []),
        (samples.profile(response_cache_bytes=1000), 0, ["--cache-config=local,size=1000"]),
        (ON_GPU, 0, []),
        (
            ON_GPU,
            2,
            [
                "--model-load-gpu-limit=0:0.85",
                "--model-load-gpu-limit=1:0.85",
                "--pinned-memory-pool-byte-size=268435456",
            ],
        ),
    ],
    ids=["not tuned", "a CPU", "nothing measured there", "a cache", "no GPU any more", "two GPUs"],
)
def test_triton_is_told_what_was_measured(
    profile: Profile | None, gpus: int, flags: list[str]
) -> None:
    assert m.tuned_flags(profile, gpus) == flags


def test_measured_flags_come_behind_the_own_ones() -> None:
    """They replace flags of the start wrapper that have the same name."""
    (triton,) = pod_of(the_deployment(serving(flags=("--cache-config=local,size=1",))))[
        "containers"
    ]
    args = triton["args"]
    assert args.index("--") < args.index("--cache-config=local,size=1") == len(args) - 1


def test_the_tuner_has_room_for_two_versions_of_the_model_and_for_itself() -> None:
    resources = pod_of(the_tuning())["containers"][0]["resources"]
    assert int(resources["limits"]["memory"]) == (2 * 2 + 1) << 30
    assert resources["requests"] == {"cpu": "1", "memory": "1Gi"}, "nothing more is set aside"


def mounted(manifest: dict[str, Any]) -> dict[str, bool]:
    """Claims' paths in the first container, and whether they are read-only."""
    mounts = pod_of(manifest)["containers"][0]["volumeMounts"]
    return {item["mountPath"]: item["readOnly"] for item in mounts if "readOnly" in item}


def test_a_tuning_writes_its_report_and_only_reads_the_artifact_and_the_trace() -> None:
    trace = Traffic(arrivals=TRACE, trace_uri="pvc://traces/monday.csv")
    job = the_tuning(artifact_uri="pvc://earlier/a", report_uri="pvc://models/b", traffic=trace)
    assert mounted(job) == {
        "/mnt/pvc/earlier": True,
        "/mnt/pvc/models": False,
        "/mnt/pvc/traces": True,
    }


def test_a_tuning_of_an_artifact_in_the_store_mounts_one_claim() -> None:
    assert mounted(the_tuning()) == {"/mnt/pvc/models": False}


def test_a_tuning_without_a_report_writes_nowhere() -> None:
    assert mounted(the_tuning(report_uri="")) == {"/mnt/pvc/models": True}


def test_what_the_tuner_compiles_goes_where_it_may_write() -> None:
    (container,) = pod_of(the_tuning())["containers"]
    env = {item["name"]: item["value"] for item in container["env"]}
    assert env["NUMBA_CACHE_DIR"].startswith("/tmp/")  # noqa: S108 - in the pod
    assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}  # noqa: S108


def test_a_gpu_is_asked_for_where_the_spec_says_so() -> None:
    limits = {"nvidia.com/gpu": "1", "memory": "2Gi"}
    changed = dataclasses.replace(
        samples.spec().serving, resources=Resources(requests={"cpu": "1"}, limits=limits)
    )
    pod = pod_of(the_deployment(serving=changed))
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert "nvidia.com/gpu" not in pod["initContainers"][0]["resources"]["limits"]


def test_the_same_values_give_the_same_objects() -> None:
    assert the_deployment() == the_deployment()
    assert the_build() == the_build()


def test_one_address_for_all_replicas() -> None:
    service = m.service(samples.ref())
    assert [port["port"] for port in service["spec"]["ports"]] == [8000, 8001]
    assert service["spec"]["selector"] == names.selector("tiny")
    budget = m.disruption_budget(samples.ref())
    assert budget["spec"]["maxUnavailable"] == 1
