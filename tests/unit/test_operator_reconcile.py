"""One service through its life, at the boundary of the cluster's port."""

from __future__ import annotations

import copy

import operator_samples as samples
import pytest
from reconcile_world import KEY, World

from modelservice_operator.api import names
from modelservice_operator.fleet import ROLLOUT_WAITS, Verdict
from modelservice_runtime.contract.codec import dumps
from modelservice_runtime.contract.profile import MemoryPlan
from modelservice_runtime.contract.results import BuildResult


@pytest.fixture
def world() -> World:
    """A world without any object."""
    return World()


def test_first_sight_writes_every_condition_and_starts_the_build(world: World) -> None:
    world.apply()
    assert world.look() == pytest.approx(3.0)
    assert len(world.cluster.all("Job")) == 1
    types = [c["type"] for c in world.status["conditions"]]
    assert types[:6] == [
        "Ready", "ArtifactReady", "AccuracyGoalMet", "Tuned", "Available", "MetricsAvailable",
    ]  # fmt: skip
    assert world.condition("Ready")["reason"] == "Building"
    assert world.condition("Reconciling")["status"] == "True"
    assert world.status["observedGeneration"] == 1
    assert world.status["endpoint"]["grpc"] == "tiny.demo.svc:8001"


def test_twenty_applies_start_one_job(world: World) -> None:
    world.apply()
    for _ in range(20):
        world.look()
    assert len(world.cluster.all("Job")) == 1


def test_nothing_is_written_when_nothing_has_changed(world: World) -> None:
    world.built()
    world.look()
    world.cluster.calls.clear()
    world.look()
    assert "patch status" not in world.cluster.calls
    assert not any(call.startswith("create") for call in world.cluster.calls)


def test_a_build_leads_to_pods_and_a_tuning(world: World) -> None:
    world.built()
    assert world.condition("ArtifactReady")["status"] == "True"
    assert world.condition("AccuracyGoalMet")["reason"] == "GoalMet"
    assert len(world.cluster.all("Job")) == 2
    assert world.cluster.objects["Deployment", *KEY]["spec"]["replicas"] == 1
    world.pods_answer()
    world.look()
    assert world.condition("Ready")["reason"] == "ServingUntuned"


def test_a_tuning_changes_the_configuration_and_is_ready(world: World) -> None:
    world.built()
    world.end_job(names.TUNE, samples.tune_result(world.key_of(names.TUNE)))
    world.look()
    world.pods_answer()
    world.look()
    assert world.condition("Ready") == world.condition("Ready") | {
        "status": "True", "reason": "Serving",
    }  # fmt: skip
    assert world.status["tuning"]["maxBatchSize"] == 8
    assert world.status["tuning"]["variant"] == samples.COMPILED.name
    assert world.fleet.views[KEY].capacity.of(1) == 50.0
    assert not any(c["type"] == "Reconciling" for c in world.status["conditions"])


def test_status_says_what_was_measured_of_both_models_and_which_variants_there_are(
    world: World,
) -> None:
    world.built()
    artifact = world.status["artifact"]
    assert artifact["metric"] == {
        "name": "Accuracy",
        "value": "0.982",
        "sourceValue": "0.984",
        "samples": 1200,
        "summary": "Accuracy 0.982",
    }
    assert artifact["variants"] == [samples.QUANTIZED.name, samples.COMPILED.name]
    met = world.condition("AccuracyGoalMet")
    assert (met["status"], met["message"]) == ("True", samples.artifact().goal)


def test_a_build_that_says_nothing_of_the_goal_says_what_was_measured(world: World) -> None:
    world.built(goal="")
    words = world.condition("AccuracyGoalMet")["message"]
    assert words == "Accuracy 0.982 on 1200 samples (source model 0.984)"


def test_a_goal_that_is_not_proven_is_said_and_the_source_model_is_served(world: World) -> None:
    """Nothing fails: the service is ready, a person is told."""
    why = "with 90 samples a loss of 0.01 cannot be told from none; 300 are needed"
    world.built(goal_met=False, goal=why)
    world.pods_answer()
    world.look()
    unmet = world.condition("AccuracyGoalMet")
    assert (unmet["status"], unmet["reason"]) == ("False", "GoalNotProven")
    assert why in unmet["message"]
    assert world.condition("ArtifactReady")["status"] == "True"
    assert world.condition("Ready")["status"] == "True"
    assert not any(c["type"] == "Stalled" for c in world.status["conditions"])
    assert [e[:2] for e in world.cluster.events if why in e[2]] == [("Warning", "GoalNotProven")]


SHARED_SPEC = {**samples.MINIMAL_SPEC, "optimization": {"parallelism": 3}}


def end_index(world: World, index: int, *, code: int, message: str = "") -> None:
    """A pod of the running build's Job ends; its index is not tried again."""
    (job,) = world.cluster.all("Job")
    failed = job.get("status", {}).get("failedIndexes", "")
    job["status"] = {"failedIndexes": ",".join(filter(None, (str(index), failed)))}
    labels = job["spec"]["template"]["metadata"]["labels"]
    own = {
        "batch.kubernetes.io/job-name": job["metadata"]["name"],
        "batch.kubernetes.io/job-completion-index": str(index),
    }
    ended = {
        "exitCode": code,
        "message": message,
        "finishedAt": world.clock.now().isoformat(),
    }
    world.cluster.add(
        {
            "kind": "Pod",
            "metadata": {"namespace": "demo", "name": f"pod-{index}", "labels": labels | own},
            "status": {"containerStatuses": [{"state": {"terminated": ended}}]},
        }
    )


def test_a_shared_build_outlives_a_helper_that_is_killed(world: World) -> None:
    world.apply(SHARED_SPEC)
    world.look()
    end_index(world, 2, code=137)
    world.look()
    assert world.condition("ArtifactReady")["reason"] == "Building"
    assert len(world.cluster.all("Job")) == 1


def test_a_shared_build_ends_with_its_index_0_and_its_helpers_are_stopped(world: World) -> None:
    world.apply(SHARED_SPEC)
    world.look()
    end_index(world, 0, code=137)
    world.look()
    assert world.condition("ArtifactReady")["reason"] == "OutOfMemory"
    world.look()
    assert world.cluster.all("Job") == []
    assert world.condition("ArtifactReady")["reason"] == "OutOfMemory", "the result is kept"


def test_a_shared_build_whose_index_0_crashed_is_tried_again_as_a_whole(world: World) -> None:
    world.apply(SHARED_SPEC)
    world.look()
    end_index(world, 0, code=139)
    assert world.look() == pytest.approx(30)
    world.clock.advance(31)
    world.look()
    world.look()
    (job,) = world.cluster.all("Job")
    assert job["metadata"]["labels"][names.ATTEMPT_LABEL] == "2"


def rejection(world: World) -> str:
    """The result of a build that lost accuracy."""
    return dumps(
        BuildResult(
            key=world.key_of(names.BUILD),
            attempt=1,
            outcome="Rejected",
            reason="ParityRejected",
            message="output y at batch 2: cosine 0.91 is below 0.9999",
        )
    )


def test_a_rejected_build_says_why_in_condition_and_event_with_its_log(world: World) -> None:
    world.apply()
    world.look()
    world.end_job(names.BUILD, rejection(world), failed=True, code=11)
    world.cluster.logs[world.cluster.all("Pod")[-1]["metadata"]["name"]] = "line before the end"
    world.look()
    assert world.condition("AccuracyGoalMet")["status"] == "False"
    assert "cosine 0.91" in world.condition("Ready")["message"]
    assert world.condition("Stalled")["reason"] == "ParityRejected"
    warnings = [e for e in world.cluster.events if e[0] == "Warning"]
    assert any(
        "cosine 0.91" in words and "line before the end" in words for _, _, words in warnings
    )
    assert not world.cluster.all("Deployment")


def test_a_rejected_new_build_leaves_the_old_artifact_serving(world: World) -> None:
    world.built()
    world.end_job(names.TUNE, samples.tune_result(world.key_of(names.TUNE)))
    world.look()
    world.pods_answer()
    world.look()
    before = copy.deepcopy(world.cluster.objects["Deployment", *KEY]["metadata"]["annotations"])
    spec = copy.deepcopy(dict(samples.MINIMAL_SPEC))
    spec["model"]["revision"] = "2"
    world.apply(spec, generation=2)
    world.look()
    world.end_job(names.BUILD, rejection(world), failed=True, code=11)
    world.look()
    assert world.cluster.objects["Deployment", *KEY]["metadata"]["annotations"] == before
    assert world.condition("Ready")["status"] == "True"
    assert world.condition("Ready")["reason"] == "ServingLastGoodArtifact"
    assert world.status["observedGeneration"] == 2


def test_a_spec_that_cannot_be_used_harms_nothing_and_is_said(world: World) -> None:
    world.built()
    world.pods_answer()
    jobs = len(world.cluster.all("Job"))
    spec = copy.deepcopy(dict(samples.MINIMAL_SPEC))
    spec["serving"]["runtime"] = "tpu"
    world.apply(spec, generation=2)
    world.look()
    assert world.condition("Stalled")["reason"] == "SpecUnusable"
    assert "spec.serving.runtime" in world.condition("Ready")["message"]
    assert world.condition("Ready")["status"] == "True"
    assert len(world.cluster.all("Job")) == jobs


def test_a_changed_spec_stops_the_running_build_and_starts_another(world: World) -> None:
    world.apply()
    world.look()
    first = world.cluster.all("Job")[0]["metadata"]["name"]
    spec = copy.deepcopy(dict(samples.MINIMAL_SPEC))
    spec["model"]["revision"] = "2"
    world.apply(spec, generation=2)
    world.look()
    (job,) = world.cluster.all("Job")
    assert job["metadata"]["name"] != first


def test_a_crash_is_tried_again_after_a_pause_that_is_announced(world: World) -> None:
    world.apply()
    world.look()
    world.end_job(names.BUILD, "segmentation fault", failed=True, code=139)
    pause = world.look()
    assert pause == pytest.approx(30)
    assert "segmentation fault" in world.condition("ArtifactReady")["message"]
    assert "attempt 2 starts at" in world.condition("ArtifactReady")["message"]
    world.clock.advance(31)
    world.look()
    assert len(world.cluster.all("Job")) == 2


def test_a_deleted_service_is_forgotten(world: World) -> None:
    world.apply()
    world.look()
    del world.cluster.objects[names.KIND, *KEY]
    assert world.look() is None
    assert KEY not in world.fleet.views


def test_transition_times_move_only_with_the_status(world: World) -> None:
    world.apply()
    world.look()
    before = world.condition("Ready")["lastTransitionTime"]
    world.clock.advance(60)
    world.built()
    assert world.condition("Ready")["lastTransitionTime"] == before


def tuned(world: World) -> None:
    """The service is tuned, and its one replica answers."""
    world.built()
    world.end_job(names.TUNE, samples.tune_result(world.key_of(names.TUNE)))
    world.look()
    world.pods_answer()
    world.look()


def warnings_about(world: World, reason: str) -> list[str]:
    """Words of the warnings for a reason."""
    return [
        words for type_, why, words in world.cluster.events if (type_, why) == ("Warning", reason)
    ]


def test_a_pod_that_is_killed_for_its_memory_gets_more_once_and_that_is_said(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    tuned(world)
    assert world.memory == ("1Gi", "2Gi")
    world.pod_is_killed("first")
    world.look()
    assert world.memory == ("1536Mi", "3072Mi")
    available = world.condition("Available")
    assert (available["status"], available["reason"]) == ("False", "MemoryRaised")
    assert "a request of 1536 MiB and a limit of 3072 MiB" in available["message"]
    assert warnings_about(world, "MemoryRaised") == [available["message"]]
    assert available["message"] in caplog.text
    del world.cluster.objects["Pod", "demo", "first"]
    world.pods_answer()
    world.look()
    assert world.memory == ("1536Mi", "3072Mi"), "it is remembered without the pod"
    assert world.condition("Available")["status"] == "True"
    assert "raised once" in world.condition("Ready")["message"]


def test_a_pod_that_is_killed_again_is_not_given_more_and_a_person_is_told(world: World) -> None:
    tuned(world)
    world.pod_is_killed("first")
    world.look()
    world.pod_is_killed("second")
    world.look()
    assert world.memory == ("1536Mi", "3072Mi")
    available = world.condition("Available")
    assert available["reason"] == "OutOfMemory"
    assert "raise spec.serving.resources.limits.memory" in available["message"]
    assert warnings_about(world, "OutOfMemory") == [available["message"]]


def test_more_memory_ends_with_the_tuning_it_was_for(world: World) -> None:
    tuned(world)
    world.pod_is_killed("first")
    world.look()
    spec = copy.deepcopy(dict(samples.MINIMAL_SPEC))
    spec["serving"]["latencyObjective"]["milliseconds"] = 50
    world.apply(spec, generation=2)
    world.look()
    assert world.memory == ("1536Mi", "3072Mi"), "what was tuned serves until the new one is"
    world.end_job(names.TUNE, samples.tune_result(world.key_of(names.TUNE)))
    del world.cluster.objects["Pod", "demo", "first"]
    world.look()
    assert world.memory == ("1Gi", "2Gi")
    annotations = world.cluster.objects["Deployment", *KEY]["metadata"]["annotations"]
    assert names.MEMORY_RAISED_ANNOTATION not in annotations


def test_pods_that_do_not_start_for_another_reason_are_not_blamed_on_the_memory(
    world: World,
) -> None:
    tuned(world)
    world.pod_is_killed("first")
    world.look()
    pod = copy.deepcopy(world.cluster.objects["Pod", "demo", "first"])
    pod["metadata"]["name"] = "second"
    pod["status"] = {"containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull"}}}]}
    world.cluster.add(pod)
    world.look()
    assert world.condition("Available")["reason"] == "PodsFailing"
    assert "ErrImagePull" in world.condition("Available")["message"]


def memory_plan(request: int, limit: int) -> MemoryPlan:
    """A plan in MiB."""
    return MemoryPlan(request_bytes=request << 20, limit_bytes=limit << 20, shared_memory_bytes=0)


def end_tuning(world: World, memory: MemoryPlan) -> None:
    """The tuning of a built service ends with this plan, and one replica answers."""
    world.built()
    result = samples.tune_result(world.key_of(names.TUNE), memory=memory)
    world.end_job(names.TUNE, result)
    world.look()
    world.pods_answer()
    world.look()


def test_a_setting_that_cannot_be_reloaded_in_place_is_served_and_that_is_said(
    world: World,
) -> None:
    end_tuning(world, memory_plan(1300, 2500))
    assert world.memory == ("1344Mi", "2Gi")
    tuned_condition = world.condition("Tuned")
    assert tuned_condition["status"] == "True"
    assert "replaces the pods" in tuned_condition["message"]
    assert "replaces the pods" in world.status["tuning"]["reasons"][-1]
    assert world.status["tuning"]["memoryRequestBytes"] == 1344 << 20


def test_a_setting_that_does_not_fit_the_limit_is_not_served_and_that_is_said(
    world: World,
) -> None:
    end_tuning(world, memory_plan(2500, 4000))
    assert world.memory == ("1Gi", "2Gi")
    tuned_condition = world.condition("Tuned")
    assert (tuned_condition["status"], tuned_condition["reason"]) == ("False", "MemoryTooSmall")
    assert "needs 2500 MiB" in tuned_condition["message"]
    assert world.condition("Ready")["reason"] == "ServingUntuned"
    assert world.fleet.views[KEY].capacity is None


def test_status_says_what_was_tuned_and_why(world: World) -> None:
    tuned(world)
    tuning = world.status["tuning"]
    assert tuning["throughputRowsPerSecond"] == "120.0"
    assert tuning["queueDelayMicroseconds"] == 0
    assert tuning["routing"] == "random-split"
    assert tuning["memoryRequestBytes"] == 1 << 30
    assert tuning["reasons"] == ["batch 8 keeps the goal"]
    assert tuning["reportUri"] == "pvc://models/artifacts/demo/tiny/tunings/t/1"


def test_a_cache_that_paid_off_is_in_the_configuration_and_in_tritons_flags(world: World) -> None:
    world.built()
    result = samples.tune_result(world.key_of(names.TUNE), response_cache_bytes=64 << 20)
    world.end_job(names.TUNE, result)
    world.look()
    pod = world.cluster.objects["Deployment", *KEY]["spec"]["template"]["spec"]
    assert "--cache-config=local,size=67108864" in pod["containers"][0]["args"]
    (volume,) = [item for item in pod["volumes"] if item["name"] == "config"]
    served = world.cluster.objects["ConfigMap", "demo", volume["configMap"]["name"]]
    assert "response_cache { enable: true }" in served["data"]["config.pbtxt"]


def test_another_autoscaler_is_named_and_the_service_goes_on(world: World) -> None:
    world.built()
    world.pods_answer()
    world.cluster.add(
        {
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web", "namespace": "demo"},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "tiny"}},
        }
    )
    world.look()
    stalled = world.condition("Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "SecondOwner")
    assert "HorizontalPodAutoscaler web" in stalled["message"]
    assert world.condition("Ready")["status"] == "True"
    assert "HorizontalPodAutoscaler web" in world.fleet.views[KEY].rival


def test_a_rollout_that_waits_for_a_gpu_says_so_where_progress_is_told(world: World) -> None:
    tuned(world)
    world.pods_answer()
    world.cluster.objects["Deployment", *KEY]["status"]["updatedReplicas"] = 0
    world.fleet.verdicts[KEY] = Verdict(
        desired=1,
        reason="as now",
        metrics_available=True,
        metrics_reason="LoadKnown",
        metrics_message="known",
        within_budget=False,
        budget_reason=ROLLOUT_WAITS,
        budget_message="the rollout waits for a free GPU",
    )
    world.look()
    assert world.fleet.views[KEY].rolling
    progress = world.condition("Reconciling")
    assert progress["reason"] == "RollingOut"
    assert progress["message"].endswith("; the rollout waits for a free GPU")
    assert world.condition("WithinBudget")["reason"] == ROLLOUT_WAITS


def test_a_service_that_asks_for_gpus_waits_for_the_fleet_loop_to_give_it_some(
    world: World,
) -> None:
    spec = copy.deepcopy(samples.MINIMAL_SPEC)
    spec["serving"]["resources"] = {"limits": {"nvidia.com/gpu": 1}}
    world.apply(spec)
    world.look()
    world.end_job(names.BUILD, samples.build_result(world.key_of(names.BUILD)))
    world.look()
    assert world.cluster.objects["Deployment", *KEY]["spec"]["replicas"] == 0
    world.fleet.verdicts[KEY] = Verdict(
        desired=0,
        reason="no room",
        metrics_available=None,
        metrics_reason="NoReplicas",
        metrics_message="none",
        within_budget=False,
        budget_reason="MinimumDoesNotFit",
        budget_message="there are no GPUs left",
    )
    world.look()
    assert world.condition("Available")["reason"] == "MinimumDoesNotFit"
    assert world.condition("Ready")["message"] == "there are no GPUs left"
