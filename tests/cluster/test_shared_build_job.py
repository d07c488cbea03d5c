"""A build of several pods on a real API server and a real Job controller.

But for the last test the Jobs are the operator's own manifests with another command in the
container: what is tried is Kubernetes' side of the agreement, not the builder.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from build_jobs import build_job
from live_service import LiveService

from modelservice_operator.plan.observed import FAILED, RUNNING, SUCCEEDED, JobSeen, parse_children
from modelservice_runtime.contract import exit_codes

pytestmark = pytest.mark.cluster

SECONDS = 120
LONGEST_NAME = "s" * 40
#: $JOB_COMPLETION_INDEX → what the pod does.
WAIT = "sleep 600"


@pytest.mark.parametrize("pods", [1, 2, 32])
def test_the_job_of_a_build_is_accepted_whatever_its_name_and_size(
    cluster: Any, namespace: str, pods: int
) -> None:
    job = build_job(namespace, pods=pods, attempt=999, name=LONGEST_NAME)
    done = cluster.access.kubectl(
        "create", "--dry-run=server", "-f", "-", stdin=json.dumps(job), check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def run(
    cluster: Any, namespace: str, wait_for: Callable[..., Any]
) -> Callable[[str, Callable[[JobSeen], object]], JobSeen]:
    """``run(script, predicate)``: the Job of three pods, once ``predicate`` holds of it."""

    def children() -> JobSeen:
        found = {
            kind: cluster.access.get(kind, namespace=namespace)["items"]
            for kind in ("jobs", "pods")
        }
        (job,) = parse_children(
            jobs=found["jobs"], pods=found["pods"], config_maps=[], deployments=[]
        ).jobs
        return job

    def go(script: str, predicate: Callable[[JobSeen], object]) -> JobSeen:
        job = build_job(namespace, pods=3, script=script)
        job["spec"]["template"]["spec"]["containers"][0]["image"] = cluster.images.client
        cluster.access.apply(job)
        wait_for(lambda: predicate(children()), SECONDS, "the end of the Job", state=children)
        return children()

    return go


Run = Callable[[str, Callable[[JobSeen], object]], JobSeen]


def say(words: str) -> str:
    """Leave ``words`` as the pod's termination message."""
    return f"echo {words} > /dev/termination-log"


def test_the_job_succeeds_with_index_0_while_others_still_work(run: Run) -> None:
    script = f'[ "${exit_codes.INDEX_VARIABLE}" = 0 ] || {WAIT}; {say("done")}'
    job = run(script, lambda job: job.state != RUNNING)
    assert (job.state, job.lingering) == (SUCCEEDED, False)
    assert job.pod is not None
    assert job.pod.exit_message.strip() == "done"


def test_a_helper_that_is_killed_or_crashes_is_done_without(run: Run) -> None:
    """Index 1 is killed, index 2 crashes twice, and index 0 ends last."""
    script = f"""
    case ${exit_codes.INDEX_VARIABLE} in
      1) exit {exit_codes.KILLED};;
      2) exit 139;;
      *) sleep 25; {say("done")};;
    esac"""
    job = run(script, lambda job: job.state != RUNNING)
    # The cluster may call it failed, as not all indexes succeeded; index 0's result is there.
    assert not job.lingering
    assert job.pod is not None
    assert (job.pod.index, job.pod.exit_code) == (0, 0)
    assert job.pod.exit_message.strip() == "done"


def test_a_users_error_in_index_0_ends_the_job_at_once(run: Run) -> None:
    script = f'[ "${exit_codes.INDEX_VARIABLE}" = 0 ] || {WAIT}; exit {exit_codes.USER_ERROR}'
    job = run(script, lambda job: job.state != RUNNING)
    assert (job.state, job.lingering, job.reason) == (FAILED, False, "PodFailurePolicy")


def test_index_0_killed_at_its_memory_limit_ends_the_build_though_helpers_go_on(run: Run) -> None:
    script = f'[ "${exit_codes.INDEX_VARIABLE}" = 0 ] || {WAIT}; exit {exit_codes.KILLED}'
    job = run(script, lambda job: job.state != RUNNING)
    assert (job.state, job.lingering) == (FAILED, True)
    assert job.pod is not None
    assert job.pod.exit_code == exit_codes.KILLED
    assert job.ended_at is not None


def test_a_service_with_parallelism_is_built_by_so_many_pods(
    cluster: Any,
    namespace: str,
    tiny_source: Callable[..., str],
    modelservice: Callable[..., dict[str, Any]],
) -> None:
    service = LiveService(access=cluster.access, local=cluster.local, namespace=namespace)
    optimization = {"parallelism": 2, "resources": {"requests": {"cpu": "100m"}}}
    cluster.access.apply(modelservice(uri=tiny_source(), optimization=optimization))
    service.wait(
        lambda: service.condition("ArtifactReady").get("status") == "True",
        2 * SECONDS,
        "the artifact of two pods",
    )
    (job,) = (item for item in service.children("jobs") if "-build-" in item["metadata"]["name"])
    assert (job["spec"]["completions"], job["status"]["completedIndexes"][0]) == (2, "0")
    assert service.status()["artifact"]["variants"]
