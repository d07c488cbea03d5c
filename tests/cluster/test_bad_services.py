"""Services that cannot be: each says what is wrong and what to do, and harms nothing.

What can be wrong with a model is tested with the builder itself (tests/builder); here is one
service for each class of error, all in one namespace, applied together.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from live_service import LiveService, ask, messages

from modelservice_harness import access as harness_access
from modelservice_harness.access import Access
from modelservice_harness.controls import Operator

BUILT_SECONDS = 180.0
#: The shortest that the API allows; the entrypoint sleeps longer.
BUILD_LIMIT_SECONDS = 60

MODELS = {
    "greedy": """
        def load():
            rows = [bytearray(b"x" * (64 << 20)) for _ in range(64)]
            raise SystemExit(len(rows))
    """,
    "hanging": """
        import time


        def load():
            time.sleep(900)
    """,
    "unlike": """
        import torch


        class Unlike(torch.nn.Module):
            def forward(self, input):
                return torch.nan_to_num(input / 0.0, nan=float("nan"), posinf=float("nan"))


        def load():
            return Unlike().eval(), {"input": torch.ones(4, 8)}
    """,
    "plain": """
        import torch


        def load():
            torch.manual_seed(0)
            return torch.nn.Linear(8, 4).eval(), {"input": torch.randn(4, 8)}
    """,
}
MODELS["hopeful"] = MODELS["plain"]

Manifest = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def bad(cluster: Any, tiny_namespace: Callable[..., str]) -> Iterator[Callable[[str], LiveService]]:
    """``bad(name)``: one of the services, all applied together at the first use."""
    access: Access = cluster.access
    files = {f"{name}.py": textwrap.dedent(text) for name, text in MODELS.items()}
    namespace = tiny_namespace("bad", files)
    specs = {
        "greedy": {"optimization": {"resources": memory("1Gi")}},
        "hanging": {"optimization": {"maxDurationSeconds": BUILD_LIMIT_SECONDS}},
        "unlike": {},
        # Nothing agrees with a model better than itself.
        "hopeful": {"evaluation": {"goals": [{"type": "MinImprovement", "value": "0.5"}]}},
        "plain": {
            "serving": {
                "latencyObjective": {"milliseconds": 200},
                "resources": {"limits": {"memory": "1Gi", "nvidia.com/gpu": "9"}},
            }
        },
    }
    access.apply(*(manifest(namespace, name, spec) for name, spec in specs.items()))
    yield lambda name: LiveService(
        access=access, local=cluster.local, namespace=namespace, name=name
    )
    access.kubectl("delete", "namespace", namespace, "--wait=false", check=False)


def memory(limit: str) -> dict[str, Any]:
    """Resources of a build with this memory limit."""
    return {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": limit}}


def manifest(namespace: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """A service of the model in ``<name>.py``."""
    pytorch = {"uri": "pvc://models/sources/tiny", "entrypoint": f"{name}:load"}
    base = {
        "model": {"source": {"pytorch": pytorch}},
        "optimization": {"resources": memory("2Gi")},
        "serving": {"latencyObjective": {"milliseconds": 200}, "maxBatchSize": 2},
    }
    return {
        "apiVersion": "modelservice.dev/v1alpha1",
        "kind": "ModelService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {**base, **spec},
    }


def fails(service: LiveService, reason: str, seconds: float = BUILT_SECONDS) -> dict[str, Any]:
    """The condition ArtifactReady once it is False; nothing was built and nothing runs."""
    found: dict[str, Any] = service.wait(
        lambda: (
            condition
            if (condition := service.condition("ArtifactReady")).get("status") == "False"
            else None
        ),
        seconds,
        f"the failed build of {service.name}",
    )
    assert found["reason"] == reason, found
    assert service.condition("Stalled")["reason"] == reason
    assert service.deployment() == {}
    return found


def test_a_build_beyond_its_memory_limit_names_the_field_to_raise(
    bad: Callable[[str], LiveService],
) -> None:
    service = bad("greedy")
    found = fails(service, "OutOfMemory")
    assert "spec.optimization.resources.limits.memory" in found["message"]
    assert len(service.jobs()) == 1


def test_a_model_whose_outputs_are_no_numbers_is_rejected_and_nothing_published(
    bad: Callable[[str], LiveService],
) -> None:
    service = bad("unlike")
    found = service.wait(
        lambda: (
            service.condition("ArtifactReady").get("status") == "False"
            and service.condition("ArtifactReady")
        ),
        BUILT_SECONDS,
        "the rejected build",
    )
    assert "NaN" in found["message"], found
    assert "artifact" not in service.status()
    assert any(item["type"] == "Warning" for item in service.events())


def test_a_goal_that_nothing_can_meet_is_said_and_the_source_model_is_served(
    bad: Callable[[str], LiveService],
) -> None:
    service = bad("hopeful")
    service.wait(
        lambda: service.condition("Available").get("status") == "True",
        BUILT_SECONDS,
        "the source model's pod",
    )
    unmet = service.condition("AccuracyGoalMet")
    assert (unmet["status"], unmet["reason"]) == ("False", "GoalNotProven")
    assert "the source model is served" in unmet["message"]
    assert service.condition("Ready")["status"] == "True"
    assert service.condition("ArtifactReady")["status"] == "True"
    assert not service.condition("Stalled")
    warnings = [item["reason"] for item in service.events() if item["type"] == "Warning"]
    assert "GoalNotProven" in warnings


def test_more_gpus_than_there_are_is_said_and_nothing_else_harmed(
    bad: Callable[[str], LiveService],
) -> None:
    service = bad("plain")
    words = service.wait(
        lambda: (
            message if "Insufficient nvidia.com/gpu" in (message := all_messages(service)) else ""
        ),
        BUILT_SECONDS,
        "the scheduler's words in status",
    )
    assert "Unschedulable" in words
    assert service.condition("ArtifactReady")["status"] == "True"


def all_messages(service: LiveService) -> str:
    """The messages of all conditions."""
    return "\n".join(item["message"] for item in service.status().get("conditions", []))


def test_a_build_that_hangs_ends_at_its_limit_and_names_it(
    bad: Callable[[str], LiveService],
) -> None:
    service = bad("hanging")
    found = fails(service, "EntrypointTimedOut", BUILD_LIMIT_SECONDS + BUILT_SECONDS)
    assert "'hanging:load' did not end within" in found["message"]
    assert "spec.optimization.maxDurationSeconds" in found["message"]
    assert "last lines of its log" in messages(service.events())


def test_an_unknown_runtime_is_said_with_those_that_there_are(
    cluster: Any, namespace: str, modelservice: Manifest
) -> None:
    document = modelservice()
    document["spec"]["serving"]["runtime"] = "tpu"
    service = LiveService(access=cluster.access, local=cluster.local, namespace=namespace)
    cluster.access.apply(document)
    stalled = service.wait(lambda: service.condition("Stalled"), 30, "Stalled")
    assert "spec.serving.runtime" in stalled["message"]
    assert "triton" in stalled["message"]


def test_a_change_in_the_middle_of_a_build_ends_that_build(
    cluster: Any,
    namespace: str,
    source: Callable[[Mapping[str, str], str], str],
    modelservice: Manifest,
    operator: Operator,
) -> None:
    """The operator is killed while the next one runs, which starts no second; then all is deleted.

    A digest that does not match, and the deletion of a service in the middle of its tuning, are
    tested on the way.
    """
    service = LiveService(access=cluster.access, local=cluster.local, namespace=namespace)
    files = {name: textwrap.dedent(MODELS[name]) for name in ("hanging", "plain")}
    uri = source({f"{name}.py": text for name, text in files.items()}, "model")
    cluster.access.apply(modelservice(uri=uri, entrypoint="hanging:load"))
    service.wait(lambda: service.job_runs("build"), 60, "the build that hangs")
    (first,) = service.jobs()

    pinned = modelservice(uri=uri, entrypoint="plain:load")
    pinned["spec"]["model"]["source"]["pytorch"]["digest"] = "sha256:" + "0" * 64
    cluster.access.apply(pinned)
    service.wait(lambda: first not in service.jobs(), 60, "the end of the build that hangs")
    fails(service, "SourceDigestMismatch")

    before = set(service.jobs())
    cluster.access.apply(modelservice(uri=uri, entrypoint="plain:load"))
    service.wait(lambda: service.job_runs("build"), 60, "the build of what is right")
    operator.kill()
    service.wait(lambda: service.job_runs("tune"), BUILT_SECONDS, "the tuning")
    new = set(service.jobs()) - before
    assert sorted(name.split("-")[1] for name in new) == ["build", "tune"]
    assert all(name.endswith("-1") for name in new)

    service.wait(
        lambda: service.condition("Available").get("status") == "True", 60, "the untuned pod"
    )
    assert len(ask(service.address())) == 4
    cluster.access.kubectl("delete", "msvc", "tiny", "--timeout=30s", namespace=namespace)
    service.wait_until_gone()


def test_twenty_applies_in_a_second_start_one_build(
    cluster: Any, namespace: str, modelservice: Manifest
) -> None:
    """The source is not there: the one build fails, and only once."""
    access: Access = cluster.access
    service = LiveService(access=access, local=cluster.local, namespace=namespace)
    document = modelservice(uri="pvc://models/sources/nothing-here")
    labels = [{"applied": str(number)} for number in range(20)]
    access.apply(
        *({**document, "metadata": document["metadata"] | {"labels": words}} for words in labels)
    )
    fails(service, "SourceNotFound")
    harness_access.wait_for(
        lambda: service.status()["observedGeneration"] == 1, 10, "the generation it has seen"
    )
    assert len(service.jobs()) == 1


def test_deleting_its_namespace_is_no_error(
    cluster: Any,
    operator: Operator,
    namespace: str,
    tiny_source: Callable[..., str],
    modelservice: Manifest,
) -> None:
    """The API server refuses new events and Jobs there while the service itself is still seen."""
    access: Access = cluster.access
    access.apply(modelservice(uri=tiny_source()))
    service = LiveService(access=access, local=cluster.local, namespace=namespace)
    service.wait(lambda: service.condition("ArtifactReady"), 60, "a first look at it")
    access.kubectl("delete", "namespace", namespace, "--wait=false")
    harness_access.wait_for(
        lambda: access.get("namespace", namespace) is None, 120, "the end of the namespace"
    )
    logged = [json.loads(line) for line in operator.logs().splitlines() if namespace in line]
    assert logged
    assert not [line for line in logged if line["level"] in {"warning", "error"}]
