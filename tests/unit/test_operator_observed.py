"""The cluster's objects as values: which pod speaks for a Job, and when a Job has ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from operator_samples import NOW

from modelservice_operator.api import names
from modelservice_operator.plan.observed import (
    FAILED,
    RUNNING,
    SUCCEEDED,
    JobSeen,
    parse_children,
    parse_deployment,
    parse_pod,
)

#: As the kubelet reports them: by the kernel, by itself, by somebody.
KILLED = {"exitCode": 137, "reason": "OOMKilled"}
CRASHED = {"exitCode": 1, "reason": "Error"}
STOPPED = {"exitCode": 137, "reason": "Error"}


def a_job(**status: Any) -> dict[str, Any]:
    """A build Job as the API shows it."""
    labels = {names.KEY_LABEL: "k", names.COMPONENT_LABEL: names.BUILD, names.ATTEMPT_LABEL: "1"}
    return {
        "metadata": {"name": "job-1", "labels": labels, "creationTimestamp": NOW.isoformat()},
        "status": status,
    }


def a_pod(name: str, index: int | None, *, age: int = 0, code: int | None = None) -> dict[str, Any]:
    """One of its pods; ``code``: it has ended with it."""
    labels = {"batch.kubernetes.io/job-name": "job-1", names.COMPONENT_LABEL: names.BUILD}
    if index is not None:
        labels["batch.kubernetes.io/job-completion-index"] = str(index)
    ended = {"exitCode": code, "message": name, "finishedAt": NOW.isoformat()}
    state = {"running": {}} if code is None else {"terminated": ended}
    created = NOW - timedelta(seconds=age)
    return {
        "metadata": {"name": name, "labels": labels, "creationTimestamp": created.isoformat()},
        "status": {"containerStatuses": [{"state": state}]},
    }


def seen(job: dict[str, Any], *pods: dict[str, Any]) -> JobSeen:
    """The Job among its pods."""
    (found,) = parse_children(jobs=[job], config_maps=[], deployments=[], pods=pods).jobs
    return found


def ended(type_: str) -> dict[str, Any]:
    """The status of a Job that has ended so."""
    condition = {"type": type_, "status": "True", "lastTransitionTime": NOW.isoformat()}
    return {"conditions": [condition]}


def test_the_newest_pod_speaks_for_a_job_of_one_pod() -> None:
    job = seen(a_job(), a_pod("first", None, age=60, code=1), a_pod("second", None))
    assert job.pod is not None
    assert (job.pod.name, job.state) == ("second", RUNNING)


def test_the_newest_pod_of_index_0_speaks_for_a_job_of_several() -> None:
    pods = (
        a_pod("first", 0, age=60, code=1),
        a_pod("again", 0, age=30),
        a_pod("helper", 1, age=0, code=0),
    )
    job = seen(a_job(), *pods)
    assert job.pod is not None
    assert job.pod.name == "again"


def test_helpers_alone_do_not_speak_for_a_job() -> None:
    assert seen(a_job(), a_pod("helper", 1, code=137)).pod is None


@pytest.mark.parametrize(
    ("type_", "state"),
    [("Complete", SUCCEEDED), ("Failed", FAILED), ("SuccessCriteriaMet", RUNNING)],
)
def test_a_job_has_ended_when_the_cluster_says_so(type_: str, state: str) -> None:
    job = seen(a_job(**ended(type_)))
    assert job.state == state
    assert not job.lingering


@pytest.mark.parametrize("indexes", ["0", "0,2", "0-3", "0-1,3"])
def test_a_job_whose_index_0_has_failed_has_ended_though_others_still_run(indexes: str) -> None:
    job = seen(a_job(failedIndexes=indexes), a_pod("main", 0, code=137), a_pod("helper", 1))
    assert (job.state, job.lingering, job.ended_at) == (FAILED, True, NOW)
    assert job.pod is not None
    assert job.pod.exit_code == 137


@pytest.mark.parametrize("indexes", ["", "1", "10", "1-3", "2,10-20"])
def test_the_failure_of_another_index_ends_nothing(indexes: str) -> None:
    job = seen(a_job(failedIndexes=indexes), a_pod("main", 0), a_pod("helper", 1, code=137))
    assert (job.state, job.lingering) == (RUNNING, False)


def a_serving_pod(**status: Any) -> dict[str, Any]:
    """A pod as the API shows it, with 1 GiB of memory and 2 at most."""
    memory = {"requests": {"memory": "1Gi"}, "limits": {"memory": "2147483648"}}
    labels = {names.COMPONENT_LABEL: names.SERVING}
    meta = {"name": "tiny-1", "labels": labels, "creationTimestamp": NOW.isoformat()}
    spec = {"containers": [{"name": "triton", "resources": memory}]}
    return {"metadata": meta, "spec": spec, "status": status}


@pytest.mark.parametrize(
    ("status", "out_of_memory"),
    [
        ({}, False),
        ({"containerStatuses": [{"state": {"running": {}}}]}, False),
        ({"containerStatuses": [{"state": {"terminated": KILLED}}]}, True),
        (
            {
                "containerStatuses": [
                    {"state": {"running": {}}, "lastState": {"terminated": KILLED}}
                ]
            },
            True,
        ),
        (
            {
                "containerStatuses": [
                    {"state": {"terminated": CRASHED}, "lastState": {"terminated": KILLED}}
                ]
            },
            True,
        ),
        ({"containerStatuses": [{"state": {"terminated": STOPPED}}]}, False),
        ({"initContainerStatuses": [{"state": {"terminated": KILLED}}]}, True),
    ],
    ids=[
        "not started",
        "runs",
        "killed for its memory",
        "runs again",
        "crashed since",
        "killed by somebody",
        "killed while it fetched",
    ],
)
def test_a_pod_tells_its_memory_and_whether_it_was_killed_for_it(
    status: dict[str, Any], *, out_of_memory: bool
) -> None:
    pod = parse_pod(a_serving_pod(**status))
    assert pod.out_of_memory == out_of_memory
    assert (pod.memory_request_bytes, pod.memory_limit_bytes) == (1 << 30, 2 << 30)


def test_a_pod_without_resources_has_none() -> None:
    pod = parse_pod(a_pod("first", None))
    assert (pod.memory_request_bytes, pod.memory_limit_bytes) == (0, 0)


def test_what_was_raised_is_read_back_from_the_deployment() -> None:
    meta = {"generation": 1, "annotations": {names.MEMORY_RAISED_ANNOTATION: "t:1:2"}}
    assert parse_deployment({"metadata": meta, "spec": {}}).memory_raised == "t:1:2"
    assert parse_deployment({"metadata": {"generation": 1}, "spec": {}}).memory_raised == ""


def test_a_job_that_the_cluster_calls_failed_does_not_linger() -> None:
    assert not seen(a_job(failedIndexes="0-1", **ended("Failed"))).lingering
