"""What should exist: Jobs, results, versions to serve."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta

import operator_samples as samples
import pytest
from operator_samples import NOW

from modelservice_operator.api import names
from modelservice_operator.api.spec import Resources, Store
from modelservice_operator.plan import keys
from modelservice_operator.plan.jobs import Finished, Paused, Running, Start, next_step
from modelservice_operator.plan.keys import build_key, tuning_key
from modelservice_operator.plan.observed import RUNNING, ConfigMapSeen
from modelservice_operator.plan.pruning import KEPT_RESULTS, obsolete_config_maps
from modelservice_operator.plan.service_plan import (
    Plan,
    Stage,
    Wanted,
    make_plan,
    obsolete_jobs,
    resolve,
)
from modelservice_operator.plan.serving import Version, choose_version, plan_serving
from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.codec import dumps
from modelservice_runtime.contract.fields import SpecError
from modelservice_runtime.contract.profile import ServedSetting
from modelservice_runtime.contract.requests import (
    EvaluationRequest,
    OptimizationRequest,
    ParityTolerance,
    SourceRequest,
)
from modelservice_runtime.contract.results import REJECTED, BuildResult, VariantSummary
from modelservice_runtime.contract.traffic import LengthShare, Traffic

SETTINGS = samples.settings()
RUNTIME = SETTINGS.runtimes["triton"]
REJECTION = dumps(
    BuildResult(key="k", attempt=1, outcome=REJECTED, reason="ParityRejected", message="cosine 0.9")
)


def step(*jobs: object) -> object:
    """The next step of the build ``k``."""
    return next_step(jobs, kind=names.BUILD, key="k", settings=SETTINGS.jobs, now=NOW)  # type: ignore[arg-type]


def test_without_a_job_the_first_attempt_starts() -> None:
    assert step() == Start(attempt=1)


def test_a_running_job_is_waited_for() -> None:
    job = samples.job(state=RUNNING, ended_at=None)
    assert step(job) == Running(job=job)


def test_jobs_of_another_key_or_on_their_way_out_do_not_count() -> None:
    assert step(samples.job(key="other"), samples.job(deleting=True)) == Start(attempt=1)


def test_a_readable_rejection_is_final() -> None:
    pod = samples.pod(exit_code=exit_codes.REJECTED, exit_message=REJECTION)
    end = step(samples.job(pod=pod))
    assert isinstance(end, Finished)
    assert end.result.reason == "ParityRejected"


def test_out_of_memory_is_final_and_names_the_field_to_raise() -> None:
    end = step(samples.job(pod=samples.pod(exit_code=137, exit_reason="OOMKilled")))
    assert isinstance(end, Finished)
    assert end.result.reason == "OutOfMemory"
    assert "spec.optimization.resources.limits.memory" in end.result.message


def test_the_time_limit_is_final_and_names_the_field_to_raise() -> None:
    end = step(samples.job(reason="DeadlineExceeded", pod=None))
    assert isinstance(end, Finished)
    assert "spec.optimization.maxDurationSeconds" in end.result.message


def test_a_crash_pauses_and_then_starts_again() -> None:
    paused = step(samples.job())
    assert isinstance(paused, Paused)
    assert paused.until == NOW + timedelta(seconds=20)
    assert step(samples.job(ended_at=NOW - timedelta(seconds=31))) == Start(attempt=2)


def test_the_pause_doubles_with_the_attempt() -> None:
    paused = step(samples.job(attempt=2, ended_at=NOW))
    assert isinstance(paused, Paused)
    assert paused.until == NOW + timedelta(seconds=60)


def test_crashes_are_given_up_after_the_last_attempt() -> None:
    end = step(samples.job(attempt=3, ended_at=NOW))
    assert isinstance(end, Finished)
    assert "gave up after 3 attempts" in end.result.message


def test_an_unreachable_store_is_never_given_up() -> None:
    message = dumps(
        BuildResult(
            key="k", attempt=9, outcome="Failed", reason="StoreUnavailable", message="no answer"
        )
    )
    pod = samples.pod(exit_code=exit_codes.INFRASTRUCTURE, exit_message=message)
    paused = step(samples.job(attempt=9, pod=pod, ended_at=NOW))
    assert isinstance(paused, Paused)
    assert paused.reason == "StoreUnavailable"
    assert paused.until == NOW + timedelta(seconds=600)


def test_a_build_whose_helpers_failed_has_the_result_of_its_index_0() -> None:
    """The cluster calls such a Job failed when the helpers were the first to end."""
    pod = samples.pod(exit_code=0, exit_message=samples.build_result("k"))
    end = step(samples.job(pod=pod, reason="FailedIndexes"))
    assert isinstance(end, Finished)
    assert end.result.outcome == "Succeeded"


def test_a_result_of_another_key_is_not_taken() -> None:
    pod = samples.pod(exit_code=0, exit_message=samples.build_result("other"))
    assert isinstance(step(samples.job(pod=pod)), Paused)


def wanted(**changes: object) -> Wanted:
    """The minimal wish."""
    return resolve(samples.ref(), samples.spec(**changes), {}, SETTINGS)


def test_an_unknown_runtime_is_named_with_those_that_there_are() -> None:
    serving = dataclasses.replace(samples.spec().serving, runtime="tpu")
    with pytest.raises(SpecError, match="this operator has: triton") as caught:
        wanted(serving=serving)
    assert caught.value.field == "spec.serving.runtime"


def test_the_build_key_follows_what_decides_the_bytes_and_nothing_else() -> None:
    spec, runtime = samples.spec(), SETTINGS.runtimes["triton"]
    key = build_key(spec, SETTINGS.store, runtime, {})
    same = (
        dataclasses.replace(spec, suspend=True),
        dataclasses.replace(spec, build_resources=Resources(limits={"memory": "9Gi"})),
        samples.built(duration_seconds=61),
        samples.built(optimization=OptimizationRequest(parallelism=4)),
    )
    others = (
        samples.built(source=SourceRequest(kind="onnx", uri="pvc://models/tiny")),
        samples.built(revision="2"),
        samples.built(parity=ParityTolerance(cosine=0.5)),
        samples.built(evaluation=EvaluationRequest(confidence=0.9)),
        samples.built(optimization=OptimizationRequest(techniques=())),
        samples.built(optimization=OptimizationRequest(min_speedup=2.0)),
        samples.built(max_batch_size=3),
    )
    assert [build_key(item, SETTINGS.store, runtime, {"other": "x"}) for item in same] == [key] * 4
    assert len({key, *(build_key(item, SETTINGS.store, runtime, {}) for item in others)}) == 8
    assert build_key(spec, SETTINGS.store, runtime, {names.REBUILD: "now"}) != key
    assert build_key(spec, Store(uri="s3://elsewhere"), runtime, {}) != key


def test_the_build_key_follows_what_the_runtime_can_run_and_not_its_image() -> None:
    spec, runtime = samples.spec(), SETTINGS.runtimes["triton"]
    key = build_key(spec, SETTINGS.store, runtime, {})
    turned = dataclasses.replace(runtime, engines=runtime.engines[::-1], image="other:2")
    poorer = dataclasses.replace(runtime, engines=("onnxruntime",))
    assert build_key(spec, SETTINGS.store, turned, {}) == key
    assert build_key(spec, SETTINGS.store, poorer, {}) != key


def test_the_tuning_key_follows_the_goal_and_the_artifact() -> None:
    spec, runtime = samples.spec(), SETTINGS.runtimes["triton"]
    key = tuning_key(spec, runtime, "sha256:a")
    assert tuning_key(spec, runtime, "sha256:b") != key
    objective = dataclasses.replace(spec.serving.objective, milliseconds=50.0)
    faster = dataclasses.replace(
        spec, serving=dataclasses.replace(spec.serving, objective=objective)
    )
    assert tuning_key(faster, runtime, "sha256:a") != key


def test_the_tuning_key_follows_the_traffic() -> None:
    spec, runtime = samples.spec(), SETTINGS.runtimes["triton"]
    found = {
        tuning_key(samples.spec(serving=samples.serving(traffic=traffic)), runtime, "sha256:a")
        for traffic in (
            Traffic(),
            Traffic(rows_per_second=9.0),
            Traffic(repeated_percent=9.0),
            Traffic(lengths=(LengthShare(length=16, percent=100.0),)),
        )
    }
    assert len(found) == 4
    assert tuning_key(spec, runtime, "sha256:a") in found, "nothing said is the default"


def test_a_traffic_without_lengths_has_the_key_that_it_had_before_there_were_any() -> None:
    """A newer operator tunes nothing again by itself."""
    lengths = (LengthShare(length=16, percent=100.0),)
    before = {
        "arrivals": "Poisson",
        "rowsPerSecond": 0.0,
        "rowsPerRequest": [{"rows": 1, "percent": 100.0}],
        "repeatedPercent": 0.0,
        "concurrency": 0,
        "traceUri": "",
    }
    assert keys._words_of(Traffic()) == before
    said = before | {"lengths": [{"length": 16, "percent": 100.0}]}
    assert keys._words_of(Traffic(lengths=lengths)) == said


def plan_with(**children: object) -> Plan:
    """The plan of the minimal wish."""
    return make_plan(wanted(), samples.children(**children), SETTINGS, NOW)


BUILD_KEY = build_key(samples.spec(), SETTINGS.store, SETTINGS.runtimes["triton"], {})
DIGEST = samples.artifact().digest
MEASURED = ServedSetting(variant=samples.COMPILED.name, max_batch_size=8, instances=2, threads=1)
TUNE_KEY = tuning_key(samples.spec(), SETTINGS.runtimes["triton"], DIGEST)


def test_a_new_service_is_built_and_nothing_is_served() -> None:
    plan = plan_with()
    assert plan.start_build is not None
    assert plan.start_build.attempt == 1
    assert plan.start_build.artifact_uri == f"pvc://models/artifacts/demo/tiny/{BUILD_KEY}/1"
    assert plan.serving is None
    assert plan.start_tune is None


def test_a_built_service_is_served_at_batch_1_while_it_is_tuned() -> None:
    plan = plan_with(results={(names.BUILD, BUILD_KEY): samples.build_result(BUILD_KEY)})
    assert plan.start_tune is not None
    assert plan.serving is not None
    assert plan.serving.config.max_batch_size == 1
    assert plan.serving.config.queue_timeout_microseconds == 0
    assert plan.serving.config.variant == samples.QUANTIZED.name, "the builder's choice"


def test_a_tuning_is_asked_for_the_traffic_and_a_report_in_the_store() -> None:
    traffic = Traffic(rows_per_second=250.0)
    wish = wanted(serving=samples.serving(traffic=traffic))
    seen = samples.children(results={(names.BUILD, BUILD_KEY): samples.build_result(BUILD_KEY)})
    plan = make_plan(wish, seen, SETTINGS, NOW)
    assert plan.start_tune is not None
    assert plan.start_tune.traffic == traffic
    key = plan.start_tune.tuning_key
    assert plan.start_tune.report_uri == f"pvc://models/artifacts/demo/tiny/tunings/{key}/1"
    assert plan.start_tune.current is None, "nothing tuned serves yet"


@pytest.mark.parametrize(
    ("variants", "current"),
    [
        ((samples.QUANTIZED, samples.COMPILED), MEASURED),
        ((samples.QUANTIZED,), None),
    ],
    ids=["it has the variant that serves", "it has not"],
)
def test_a_tuning_is_compared_with_what_serves(
    variants: tuple[VariantSummary, ...], current: ServedSetting | None
) -> None:
    results = {
        (names.BUILD, BUILD_KEY): samples.build_result(BUILD_KEY, "sha256:new", variants=variants),
        (names.BUILD, "old"): samples.build_result("old"),
        (names.TUNE, "before"): samples.tune_result("before"),
    }
    deployed = samples.deployment(build_key="old", tuning_key="before")
    plan = plan_with(results=results, deployment=deployed)
    assert plan.start_tune is not None
    assert plan.start_tune.current == current


def test_a_result_of_an_earlier_operator_is_measured_again() -> None:
    """It lacks the memory plan; the pods go on, and no look fails on it."""
    old = json.loads(samples.tune_result(TUNE_KEY))
    del old["profile"]["memory"], old["profile"]["throughputRowsPerSecond"]
    results = {
        (names.BUILD, BUILD_KEY): samples.build_result(BUILD_KEY),
        (names.TUNE, TUNE_KEY): json.dumps(old),
    }
    deployed = samples.deployment(build_key=BUILD_KEY, tuning_key=TUNE_KEY)
    plan = plan_with(results=results, deployment=deployed)
    assert plan.start_tune is not None
    assert plan.start_tune.tuning_key == TUNE_KEY
    assert plan.serving is not None
    assert plan.serving.version.profile is None


def test_a_tuned_service_is_served_as_measured() -> None:
    results = {
        (names.BUILD, BUILD_KEY): samples.build_result(BUILD_KEY),
        (names.TUNE, TUNE_KEY): samples.tune_result(TUNE_KEY),
    }
    plan = plan_with(results=results)
    assert plan.start_build is None
    assert plan.start_tune is None
    assert plan.serving is not None
    assert plan.serving.config.max_batch_size == 8
    assert plan.serving.config.warmup_batch_sizes == (1, 8)
    assert plan.serving.config.variant == samples.COMPILED.name, "the tuner's choice"
    assert plan.serving.config.engine == "openvino"
    assert plan.serving.config.model_file == "model.xml"


def test_a_failed_new_build_leaves_the_deployed_version_alone() -> None:
    results = {
        (names.BUILD, BUILD_KEY): dumps(
            BuildResult(
                key=BUILD_KEY, attempt=1, outcome="Failed", reason="ExportFailed", message="no"
            )
        ),
        (names.BUILD, "old"): samples.build_result("old"),
        (names.TUNE, TUNE_KEY): samples.tune_result(TUNE_KEY),
    }
    deployed = samples.deployment(build_key="old", tuning_key=TUNE_KEY)
    plan = plan_with(results=results, deployment=deployed)
    assert plan.serving is not None
    assert plan.serving.version.build_key == "old"
    assert plan.serving.config.max_batch_size == 8
    assert plan.start_build is None


def test_jobs_for_an_earlier_spec_are_stopped() -> None:
    jobs = (samples.job(name="old-job", key="earlier", state=RUNNING, ended_at=None),)
    assert plan_with(jobs=jobs).obsolete_jobs == ("old-job",)


def test_a_suspended_service_starts_no_job() -> None:
    plan = make_plan(wanted(suspend=True), samples.children(), SETTINGS, NOW)
    assert plan.start_build is None


def test_an_edited_result_is_built_again() -> None:
    plan = plan_with(results={(names.BUILD, BUILD_KEY): "{"})
    assert plan.start_build is not None


OLD = Version(
    artifact=samples.artifact("sha256:old"),
    build_key="old",
    profile=samples.profile("sha256:old"),
    tuning_key="t",
)
OLD_UNTUNED = dataclasses.replace(OLD, profile=None, tuning_key="")
NEW = Version(artifact=samples.artifact("sha256:new"), build_key="new")
NEW_TUNED = dataclasses.replace(NEW, profile=samples.profile("sha256:new"), tuning_key="n")
SAME = Version(artifact=samples.artifact("sha256:old"), build_key="again")


@pytest.mark.parametrize(
    ("newest", "deployed", "build_key", "tuned"),
    [
        (NEW_TUNED, OLD, "new", True),
        (SAME, OLD, "again", True),
        (NEW, OLD, "old", True),
        (NEW, OLD_UNTUNED, "new", False),
        (NEW, None, "new", False),
        (None, OLD, "old", True),
    ],
    ids=[
        "the newest is tuned",
        "the same bytes keep their tuning",
        "tuned serves on until the new one is tuned",
        "untuned gives way at once",
        "nothing is deployed",
        "the build failed",
    ],
)
def test_the_version_that_is_served(
    newest: Version | None, deployed: Version | None, build_key: str, *, tuned: bool
) -> None:
    version = choose_version(newest, deployed)
    assert version is not None
    assert version.build_key == build_key
    assert (version.profile is not None) == tuned


def test_another_configuration_has_another_key() -> None:
    one = plan_serving("tiny", NEW, runtime=RUNTIME, spec=samples.spec())
    two = plan_serving("tiny", NEW_TUNED, runtime=RUNTIME, spec=samples.spec())
    assert one is not None
    assert two is not None
    assert one.config_key != two.config_key


def test_a_runtime_gets_a_variant_that_it_can_run_and_no_tuning_of_another() -> None:
    """The runtime was changed; until the new build is there the old artifact serves."""
    runtime = dataclasses.replace(RUNTIME, backend="onnxruntime", engines=("onnxruntime",))
    plan = plan_serving("tiny", NEW_TUNED, runtime=runtime, spec=samples.spec())
    assert plan is not None
    assert (plan.config.variant, plan.config.backend) == (samples.QUANTIZED.name, "onnxruntime")
    assert plan.config.max_batch_size == 1
    assert plan.version.profile is None
    assert plan.version.tuning_key == ""


@pytest.mark.parametrize(
    ("limits", "gpu"),
    [
        ({"cpu": "1"}, False),
        ({"nvidia.com/gpu": "1"}, True),
        ({"cpu": "1", "nvidia.com/mig-1g.10gb": "1"}, True),
    ],
    ids=["none", "a GPU", "a slice of one"],
)
def test_a_model_runs_on_the_gpu_that_its_pods_ask_for(
    limits: dict[str, str], *, gpu: bool
) -> None:
    serving = dataclasses.replace(samples.spec().serving, resources=Resources(limits=limits))
    plan = plan_serving("tiny", NEW, runtime=RUNTIME, spec=samples.spec(serving=serving))
    assert plan is not None
    assert plan.config.gpu == gpu


def test_what_was_measured_with_cache_and_graphs_is_served_with_them() -> None:
    measured = samples.profile("sha256:new", response_cache_bytes=1000, cuda_graphs=True)
    version = dataclasses.replace(NEW_TUNED, profile=measured)
    plan = plan_serving("tiny", version, runtime=RUNTIME, spec=samples.spec())
    assert plan is not None
    assert (plan.config.response_cache, plan.config.cuda_graphs) == (True, True)
    untuned = plan_serving("tiny", NEW, runtime=RUNTIME, spec=samples.spec())
    assert untuned is not None
    assert (untuned.config.response_cache, untuned.config.cuda_graphs) == (False, False)


def test_requests_are_padded_where_the_tuning_said_so() -> None:
    measured = samples.profile("sha256:new", padded=True)
    version = dataclasses.replace(NEW_TUNED, profile=measured)
    plan = plan_serving("tiny", version, runtime=RUNTIME, spec=samples.spec())
    assert plan is not None
    assert plan.config.padded
    untuned = plan_serving("tiny", NEW, runtime=RUNTIME, spec=samples.spec())
    assert untuned is not None
    assert not untuned.config.padded


def test_pods_stay_as_they_are_where_the_runtime_runs_no_variant_at_all() -> None:
    only = samples.artifact("sha256:new", variants=(samples.COMPILED,))
    runtime = dataclasses.replace(RUNTIME, engines=("onnxruntime",))
    version = Version(artifact=only, build_key="new")
    assert plan_serving("tiny", version, runtime=runtime, spec=samples.spec()) is None


@pytest.mark.parametrize(
    ("key", "attempts", "kept", "gone"),
    [
        ("k", (1,), False, ()),
        ("k", (1, 2), False, ("lingering",)),
        ("k", (1,), True, ("lingering",)),
        ("other", (1,), False, ("lingering",)),
    ],
    ids=[
        "its attempt is the last",
        "the next one is there",
        "its result is kept",
        "of an earlier spec",
    ],
)
def test_pods_that_help_a_failed_build_are_stopped_when_nobody_asks_for_them_any_more(
    key: str, attempts: tuple[int, ...], gone: tuple[str, ...], *, kept: bool
) -> None:
    jobs = [samples.job(name="lingering", key=key, lingering=True)]
    jobs += [samples.job(name="next", key=key, attempt=2, state=RUNNING)] * (len(attempts) - 1)
    result = BuildResult(key="k", attempt=1, outcome="Failed", reason="OutOfMemory", message="")
    stage = Stage(kind=names.BUILD, key="k", result=result if kept else None, step=None)
    assert obsolete_jobs(samples.children(jobs=tuple(jobs)), stage, None) == gone


def test_old_results_are_pruned_beyond_the_newest_few_and_those_in_use() -> None:
    results = {
        (names.BUILD, BUILD_KEY): samples.build_result(BUILD_KEY),
        (names.TUNE, TUNE_KEY): samples.tune_result(TUNE_KEY),
    }
    plan = plan_with(results=results)
    assert plan.serving is not None
    maps = tuple(
        ConfigMapSeen(
            name=f"old-{n}", kind=names.BUILD, key=f"o{n}", created_at=NOW - timedelta(days=n)
        )
        for n in range(KEPT_RESULTS + 2)
    )
    stale = ConfigMapSeen(name="stale-config", kind="", key="stale", created_at=NOW)
    used = ConfigMapSeen(name="used-config", kind="", key="rollout", created_at=NOW)
    state = ConfigMapSeen(name="tiny-tuning", kind=names.STATE, key="", created_at=NOW)
    deployed = samples.deployment(
        build_key=BUILD_KEY,
        tuning_key=TUNE_KEY,
        config_key=plan.serving.config_key,
        rollout="rollout",
    )
    seen = samples.children(
        results=results, deployment=deployed, config_maps=(*maps, stale, used, state)
    )
    gone = obsolete_config_maps(plan, seen)
    assert gone == ("stale-config", f"old-{KEPT_RESULTS}", f"old-{KEPT_RESULTS + 1}")
    rolling = dataclasses.replace(seen, deployment=dataclasses.replace(deployed, updated=1))
    assert obsolete_config_maps(plan, rolling) == ()
