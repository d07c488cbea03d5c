"""What should exist: Jobs, results, versions to serve."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import operator_samples as samples
import pytest
from operator_samples import NOW

from modelservice_operator.api import names
from modelservice_operator.api.errors import SpecError
from modelservice_operator.plan.jobs import Finished, Paused, Running, Start, next_step
from modelservice_operator.plan.keys import build_key, tuning_key
from modelservice_operator.plan.observed import RUNNING, ConfigMapSeen
from modelservice_operator.plan.pruning import KEPT_RESULTS, obsolete_config_maps
from modelservice_operator.plan.service_plan import Plan, Wanted, make_plan, resolve
from modelservice_operator.plan.serving import Version, choose_version, plan_serving
from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.codec import dumps
from modelservice_runtime.contract.results import REJECTED, BuildResult

SETTINGS = samples.settings()
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
    spec = samples.spec()
    key = build_key(spec, SETTINGS.store, {})
    scaled = dataclasses.replace(spec, suspend=True)
    assert build_key(scaled, SETTINGS.store, {"other": "x"}) == key
    assert build_key(dataclasses.replace(spec, revision="2"), SETTINGS.store, {}) != key
    assert build_key(spec, SETTINGS.store, {names.REBUILD: "now"}) != key


def test_the_tuning_key_follows_the_goal_and_the_artifact() -> None:
    spec, runtime = samples.spec(), SETTINGS.runtimes["triton"]
    key = tuning_key(spec, runtime, "sha256:a")
    assert tuning_key(spec, runtime, "sha256:b") != key
    objective = dataclasses.replace(spec.serving.objective, milliseconds=50.0)
    faster = dataclasses.replace(
        spec, serving=dataclasses.replace(spec.serving, objective=objective)
    )
    assert tuning_key(faster, runtime, "sha256:a") != key


def plan_with(**children: object) -> Plan:
    """The plan of the minimal wish."""
    return make_plan(wanted(), samples.children(**children), SETTINGS, NOW)


BUILD_KEY = build_key(samples.spec(), SETTINGS.store, {})
DIGEST = samples.artifact().digest
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
    one = plan_serving("tiny", NEW, backend="python", spec=samples.spec())
    two = plan_serving("tiny", NEW_TUNED, backend="python", spec=samples.spec())
    assert one.config_key != two.config_key


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
    deployed = samples.deployment(
        build_key=BUILD_KEY, tuning_key=TUNE_KEY, config_key=plan.serving.config_key
    )
    seen = samples.children(results=results, deployment=deployed, config_maps=(*maps, stale))
    gone = obsolete_config_maps(plan, seen)
    assert gone == ("stale-config", f"old-{KEPT_RESULTS}", f"old-{KEPT_RESULTS + 1}")
    rolling = dataclasses.replace(seen, deployment=dataclasses.replace(deployed, updated=1))
    assert obsolete_config_maps(plan, rolling) == ()
