"""A running service through its retunings, at the boundary of the cluster's and Tritons' ports."""

from __future__ import annotations

import copy
import json
from typing import Any

import operator_samples as samples
import pytest
from fake_tritons import FakeTritons
from reconcile_world import KEY, World

from modelservice_operator.api import names
from modelservice_operator.plan.memory import UNMEASURED_SHARED_BYTES
from modelservice_runtime.contract.codec import dumps, loads
from modelservice_runtime.contract.profile import MemoryPlan, ServicePoint
from modelservice_runtime.contract.requests import JOB_VARIABLE, TuneRequest
from modelservice_runtime.contract.results import SUCCEEDED, TuneResult
from modelservice_runtime.contract.traffic import SINGLE_ROWS

CURVE = (ServicePoint(batch=1, milliseconds=5.0), ServicePoint(batch=8, milliseconds=12.0))
PODS = ("tiny-a", "tiny-b", "tiny-c")


def tuned(key: str, **profile: Any) -> str:
    """A tuning's result, fields of its profile replaced."""
    return dumps(
        TuneResult(
            key=key,
            attempt=1,
            outcome=SUCCEEDED,
            reason="Tuned",
            message=f"batch {profile.get('max_batch_size', 8)}, 2 instances",
            profile=samples.profile(**{"service": CURVE, **profile}),
        )
    )


@pytest.fixture
def world() -> World:
    """A service that is tuned and served by three pods, which all tell."""
    return serving_world()


def serving_world(spec: Any = None, pods: tuple[str, ...] = PODS) -> World:
    world = World()
    world.apply(spec)
    world.look()
    world.end_job(names.BUILD, samples.build_result(world.key_of(names.BUILD)))
    world.look()
    world.end_job(names.TUNE, tuned(world.key_of(names.TUNE)))
    world.look()
    world.pods_start(*pods)
    looks(world, 3)
    world.cluster.events.clear()
    return world


def looks(world: World, count: int, seconds: float = 5.0) -> None:
    """So many looks, some time apart."""
    for _ in range(count):
        world.clock.advance(seconds)
        world.look()


def drift(world: World, minutes: int = 17, **answers: Any) -> None:
    """Pods answer for so long, by default half as fast as measured."""
    for _ in range(minutes * 2):
        world.tritons.answer(**{"requests": 100, "milliseconds": 10.0, **answers})
        world.clock.advance(30)
        world.look()


def tune_jobs(world: World) -> list[dict[str, Any]]:
    return [
        job
        for job in world.cluster.all("Job")
        if job["metadata"]["labels"][names.KIND_LABEL] == names.TUNE
    ]


def request_of(job: dict[str, Any]) -> TuneRequest:
    env = job["spec"]["template"]["spec"]["containers"][0]["env"]
    (text,) = [item["value"] for item in env if item["name"] == JOB_VARIABLE]
    return loads(TuneRequest, text)


def template(world: World) -> Any:
    return copy.deepcopy(world.cluster.objects["Deployment", *KEY]["spec"]["template"])


def remembered(world: World) -> Any:
    config_map = world.cluster.objects["ConfigMap", KEY.namespace, names.tuning_state(KEY.name)]
    return json.loads(config_map["data"][names.STATE_FILE])


def retuned(world: World, **profile: Any) -> None:
    """The service drifts, and the new tuning ends with this profile."""
    drift(world)
    world.end_job(names.TUNE, tuned(world.key_of(names.TUNE), **profile))
    world.look()


def apply_to_the_end(world: World, **answers: Any) -> None:
    """Requests come to all pods until nothing is left to do."""
    for _ in range(60):
        world.tritons.answer(**{"requests": 30, "milliseconds": 10.0, **answers})
        looks(world, 1)


def test_as_long_as_it_does_as_measured_nothing_is_started(world: World) -> None:
    drift(world, 60, milliseconds=5.5)
    assert len(tune_jobs(world)) == 1
    assert world.tritons.loaded == []
    assert world.condition("Tuned")["reason"] == "Tuned"


def test_where_nothing_happens_pods_are_asked_twice_a_minute(world: World) -> None:
    asked = world.tritons.asked
    looks(world, 60, seconds=1)
    assert world.tritons.asked - asked <= 3 * len(PODS)


def test_slower_pods_are_tuned_again_and_the_service_says_why(world: World) -> None:
    drift(world)
    first, second = tune_jobs(world)
    request = request_of(second)
    assert request.tuning_key != request_of(first).tuning_key
    assert request.current is not None
    assert request.current.max_batch_size == 8
    assert request.traffic.rows_per_request == SINGLE_ROWS
    words = "executions take 2.00 times what was measured (batch 1), for 15 min"
    assert words in world.condition("Tuned")["message"]
    assert world.condition("Tuned")["reason"] == "Retuning"
    assert world.condition("Tuned")["status"] == "True"
    told = [event for event in world.cluster.events if event[1] == "Retuning"]
    assert [(event[0], words in event[2]) for event in told] == [("Normal", True)]
    assert not [c for c in world.status["conditions"] if c["type"] == "Reconciling"]


def test_a_new_setting_is_tried_on_one_replica_and_then_loaded_into_the_others(
    world: World,
) -> None:
    before, old = template(world), world.held()
    retuned(world, max_batch_size=4, instances=3, threads=2)
    looks(world, 1)
    assert world.condition("Tuned")["reason"] == "TryingSetting"
    (tried,) = [name for name, key in world.tritons.serves().items() if key != old]
    assert world.held() == old, "a pod that starts now gets what is proven"
    assert world.status["tuning"]["maxBatchSize"] == 8
    apply_to_the_end(world)
    served = set(world.tritons.serves().values())
    assert served == {world.held()} != {old}
    assert template(world) == before, "no pod was replaced"
    assert world.status["tuning"]["maxBatchSize"] == 4
    assert [pod for pod, _ in world.tritons.loaded] == [tried, *(p for p in PODS if p != tried)]
    assert world.condition("Tuned")["reason"] == "Retuned"
    assert "its p99 is 10.0 ms" in world.condition("Tuned")["message"]


def test_until_it_is_proven_one_replica_alone_serves_it(world: World) -> None:
    old = world.held()
    retuned(world, max_batch_size=4)
    while world.held() == old:
        world.tritons.answer(requests=20, milliseconds=10.0)
        looks(world, 1)
        assert sum(key != old for key in world.tritons.serves().values()) <= 1


def test_one_that_answers_worse_is_taken_back_and_remembered(world: World) -> None:
    old = world.held()
    retuned(world, max_batch_size=4)
    looks(world, 1)
    (tried,) = [name for name, key in world.tritons.serves().items() if key != old]
    for _ in range(20):
        world.tritons.answer(requests=30, milliseconds=10.0, pods=[p for p in PODS if p != tried])
        world.tritons.answer(requests=30, milliseconds=150.0, pods=[tried])
        looks(world, 1)
    assert set(world.tritons.serves().values()) == {old}
    assert world.held() == old
    tuned_now = world.condition("Tuned")
    assert (tuned_now["status"], tuned_now["reason"]) == ("True", "RolledBack")
    assert "its p99 is 150.0 ms" in tuned_now["message"]
    warnings = [event for event in world.cluster.events if event[0] == "Warning"]
    assert [(event[1], "150.0 ms" in event[2]) for event in warnings] == [("RolledBack", True)]
    assert len(remembered(world)["rejected"]) == 1
    apply_to_the_end(world)
    assert set(world.tritons.serves().values()) == {old}, "not tried again"


def test_one_that_fails_requests_is_taken_back_at_once(world: World) -> None:
    old = world.held()
    retuned(world, max_batch_size=4)
    looks(world, 1)
    (tried,) = [name for name, key in world.tritons.serves().items() if key != old]
    world.tritons.answer(requests=60, milliseconds=10.0)
    world.tritons.answer(requests=0, milliseconds=0.0, pods=[tried], failures=5)
    looks(world, 1)
    assert world.tritons.serves()[tried] == old
    assert "of its requests failed" in world.condition("Tuned")["message"]


def test_a_lone_replica_is_tried_too(world: World) -> None:
    world = serving_world(pods=("tiny-a",))
    old = world.held()
    retuned(world, max_batch_size=4)
    apply_to_the_end(world)
    assert set(world.tritons.serves().values()) == {world.held()} != {old}


def test_a_lone_replica_that_does_worse_than_before_is_taken_back(world: World) -> None:
    world = serving_world(pods=("tiny-a",))
    old = world.held()
    retuned(world, max_batch_size=4)
    apply_to_the_end(world, milliseconds=150.0)
    assert set(world.tritons.serves().values()) == {world.held()} == {old}
    assert "150.0 ms over 360 requests, 10.0 ms before" in world.condition("Tuned")["message"]


def test_a_retuning_whose_result_is_gone_gives_way_to_the_spec_s_own(world: World) -> None:
    retuned(world, max_batch_size=4)
    apply_to_the_end(world)
    name = names.result(KEY.name, names.TUNE, world.status["tuning"]["tuningKey"])
    del world.cluster.objects["ConfigMap", KEY.namespace, name]
    apply_to_the_end(world)
    assert world.status["tuning"]["maxBatchSize"] == 8
    assert set(world.tritons.serves().values()) == {world.held()}


def test_an_operator_that_restarts_in_the_middle_goes_on(world: World) -> None:
    old = world.held()
    retuned(world, max_batch_size=4)
    for _ in range(70):
        world.restart_operator()
        world.tritons.answer(requests=30, milliseconds=10.0)
        looks(world, 1)
        assert sum(key != world.held() for key in world.tritons.serves().values()) <= 2
    assert set(world.tritons.serves().values()) == {world.held()} != {old}
    assert len(tune_jobs(world)) == 2


def test_since_when_it_drifts_outlives_the_operator(world: World) -> None:
    drift(world, 8)
    world.restart_operator()
    drift(world, 9)
    assert len(tune_jobs(world)) == 2


def test_a_container_that_restarts_on_trial_is_the_end_of_it(world: World) -> None:
    old = world.held()
    retuned(world, max_batch_size=4)
    looks(world, 1)
    (tried,) = [name for name, key in world.tritons.serves().items() if key != old]
    status = world.cluster.objects["Pod", KEY.namespace, tried]["status"]
    status["containerStatuses"] = [{"restartCount": 1}]
    world.tritons.pods[tried] = world.tritons.pods[tried].__class__(
        pod=tried, config_key=old, successes=0, failures=0, request_nanoseconds=0, rows=0
    )
    looks(world, 1)
    assert world.condition("Tuned")["reason"] == "RolledBack"
    assert "restarted with the new setting" in world.condition("Tuned")["message"]


def test_a_replica_that_cannot_load_it_means_a_rollout(world: World) -> None:
    before = template(world)
    world.tritons.refusing = "out of memory"
    retuned(world, max_batch_size=4)
    looks(world, 3)
    assert template(world) != before
    assert world.status["tuning"]["maxBatchSize"] == 4


def test_two_settings_that_do_not_fit_into_memory_mean_a_rollout(world: World) -> None:
    before = template(world)
    big = MemoryPlan(request_bytes=1 << 30, limit_bytes=3 << 30, shared_memory_bytes=64 << 20)
    retuned(world, max_batch_size=4, memory=big)
    assert template(world) != before
    assert world.tritons.loaded == []


def test_a_setting_that_needs_less_memory_replaces_no_pod(world: World) -> None:
    before = template(world)
    retuned(world, max_batch_size=4, peak_memory_bytes=100 << 20)
    apply_to_the_end(world)
    assert template(world) == before
    assert world.status["tuning"]["maxBatchSize"] == 4


def test_another_shape_of_traffic_is_tuned_for_and_a_small_gain_changes_nothing(
    world: World,
) -> None:
    old = world.held()
    drift(world, milliseconds=8.0, rows=4)
    request = request_of(tune_jobs(world)[-1])
    assert request.traffic.mean_rows == 4.0
    world.end_job(names.TUNE, tuned(world.key_of(names.TUNE), max_batch_size=4, gain=0.08))
    looks(world, 10)
    assert world.held() == old
    assert world.tritons.loaded == []
    told = world.condition("Tuned")
    assert (told["status"], told["reason"]) == ("True", "NoBetterSetting")
    assert "+8%" in told["message"]


def test_another_shape_of_traffic_with_a_gain_is_applied(world: World) -> None:
    old = world.held()
    drift(world, milliseconds=8.0, rows=4)
    world.end_job(names.TUNE, tuned(world.key_of(names.TUNE), max_batch_size=4, gain=0.12))
    apply_to_the_end(world)
    assert set(world.tritons.serves().values()) == {world.held()} != {old}
    assert "+12% capacity" in world.condition("Tuned")["message"]


def test_after_one_the_next_has_to_wait(world: World) -> None:
    drift(world, milliseconds=8.0, rows=4)
    world.end_job(names.TUNE, tuned(world.key_of(names.TUNE), gain=0.0))
    drift(world, 55, milliseconds=8.0, rows=4)
    assert len(tune_jobs(world)) == 2
    drift(world, 25, milliseconds=8.0, rows=4)
    assert len(tune_jobs(world)) == 3


def test_a_setting_that_needs_more_than_the_limit_is_not_taken(world: World) -> None:
    old = world.held()
    big = MemoryPlan(request_bytes=3 << 30, limit_bytes=4 << 30, shared_memory_bytes=64 << 20)
    retuned(world, max_batch_size=4, memory=big)
    looks(world, 5)
    assert world.held() == old
    told = world.condition("Tuned")
    assert (told["status"], told["reason"]) == ("True", "NoBetterSetting")
    assert "needs 3072 MiB" in told["message"]


def test_a_retuning_that_fails_leaves_what_serves(world: World) -> None:
    old = world.held()
    drift(world)
    failed = TuneResult(
        key=world.key_of(names.TUNE), attempt=1, outcome="Failed", reason="Crashed", message="boom"
    )
    world.end_job(names.TUNE, dumps(failed))
    looks(world, 3)
    assert world.held() == old
    told = world.condition("Tuned")
    assert (told["status"], told["reason"]) == ("True", "RetuneFailed")
    assert "boom" in told["message"]
    assert world.condition("Ready")["reason"] == "Serving"
    assert not [c for c in world.status["conditions"] if c["type"] == "Stalled"]


def test_mode_recommend_says_it_and_does_nothing() -> None:
    world = serving_world({**samples.MINIMAL_SPEC, "scaling": {"mode": "Recommend"}})
    drift(world)
    assert len(tune_jobs(world)) == 1
    told = world.condition("Tuned")
    assert (told["status"], told["reason"]) == ("True", "RetuneRecommended")
    assert "executions take 2.00 times" in told["message"]
    assert [event[1] for event in world.cluster.events] == ["RetuneRecommended"]


def test_a_changed_goal_is_tried_on_one_replica_too(world: World) -> None:
    """Its tuning is the spec's own: Reconciling says so until every pod serves it."""
    before = template(world)
    spec = copy.deepcopy(dict(samples.MINIMAL_SPEC))
    spec["serving"]["latencyObjective"]["milliseconds"] = 200
    world.apply(spec, generation=2)
    world.look()
    world.end_job(names.TUNE, tuned(world.key_of(names.TUNE), max_batch_size=16))
    looks(world, 2)
    assert world.condition("Reconciling")["reason"] in {"Reloading", "RollingOut"}
    apply_to_the_end(world)
    assert template(world) == before
    assert world.status["tuning"]["maxBatchSize"] == 16
    assert not [c for c in world.status["conditions"] if c["type"] == "Reconciling"]


def test_a_changed_spec_ends_a_retuning_that_is_under_way(world: World) -> None:
    drift(world)
    spec = copy.deepcopy(dict(samples.MINIMAL_SPEC))
    spec["serving"]["latencyObjective"]["milliseconds"] = 200
    world.apply(spec, generation=2)
    looks(world, 2)
    assert "retune" not in remembered(world)
    keys = {job["metadata"]["labels"][names.KEY_LABEL] for job in tune_jobs(world)}
    assert world.key_of(names.TUNE) in keys
    assert len(tune_jobs(world)) == 2, "the Job of the retuning is gone"


def test_the_first_tuning_is_loaded_without_a_trial() -> None:
    """Batch 1 was nobody's choice: there is nothing to compare with.

    Where it needs no other memory than pods have anyway; else it is a rollout.
    """
    world = World()
    world.built()
    world.pods_start("tiny-a", "tiny-b")
    looks(world, 1)
    before = template(world)
    small = MemoryPlan(
        request_bytes=100 << 20, limit_bytes=200 << 20, shared_memory_bytes=UNMEASURED_SHARED_BYTES
    )
    result = tuned(world.key_of(names.TUNE), variant=samples.QUANTIZED.name, memory=small)
    world.end_job(names.TUNE, result)
    looks(world, 1)
    assert world.condition("Reconciling")["reason"] == "Reloading"
    looks(world, 4)
    assert template(world) == before
    assert set(world.tritons.serves().values()) == {world.held()}
    assert world.condition("Ready")["reason"] == "Serving"
    assert not [c for c in world.status["conditions"] if c["type"] == "Reconciling"]


def test_a_pod_that_started_with_an_older_file_is_brought_up_to_date(world: World) -> None:
    """The kubelet's copy of a ConfigMap may be a minute old."""
    world.tritons.start("tiny-b", "")
    looks(world, 1, seconds=31)
    assert [pod for pod, _ in world.tritons.loaded] == ["tiny-b"]
    assert set(world.tritons.serves().values()) == {world.held()}


def test_pods_that_tell_nothing_are_left_alone(world: World) -> None:
    world.tritons.silent.update(PODS)
    before = template(world)
    looks(world, 200, seconds=10)
    assert template(world) == before
    assert world.tritons.loaded == []
    assert len(tune_jobs(world)) == 1


def test_the_state_is_written_rarely_while_nothing_is_decided(world: World) -> None:
    world.cluster.calls.clear()
    drift(world, 30, milliseconds=5.0)
    writes = [call for call in world.cluster.calls if "ConfigMap tiny-tuning" in call]
    assert len(writes) <= 7


def test_a_state_that_someone_broke_is_begun_anew(world: World) -> None:
    drift(world, 8)
    name = names.tuning_state(KEY.name)
    world.cluster.objects["ConfigMap", KEY.namespace, name]["data"] = {names.STATE_FILE: "{"}
    world.restart_operator()
    looks(world, 2)
    assert world.condition("Ready")["reason"] == "Serving"


def test_the_key_is_made_for_new_pods_only(world: World) -> None:
    (secret,) = world.cluster.all("Secret")
    volumes = template(world)["spec"]["volumes"]
    assert secret["metadata"]["name"] in [
        item["secret"]["secretName"] for item in volumes if "secret" in item
    ]
    world.cluster.calls.clear()
    looks(world, 5)
    assert not [call for call in world.cluster.calls if "Secret" in call]


def test_tritons_are_asked_for_nothing_where_the_service_is_gone(world: World) -> None:
    del world.cluster.objects[names.KIND, *KEY]
    asked = world.tritons.asked
    assert world.look() is None
    assert world.tritons.asked == asked
    assert isinstance(world.tritons, FakeTritons)
