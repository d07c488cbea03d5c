"""What people and tools see of the API: examples, explain, columns, status, scale.

Where objects are stored it is under a second definition (the same but for its names), which no
operator watches: what a test writes stays as it is.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.cluster

Kubectl = Callable[..., Any]

REPOSITORY = Path(__file__).resolve().parents[2]
CRD: dict[str, Any] = yaml.safe_load(
    (REPOSITORY / "crds" / "modelservices.modelservice.dev.yaml").read_text()
)
GROUP = "shadow.modelservice.dev"
NAMES = {
    "kind": "ShadowService",
    "listKind": "ShadowServiceList",
    "plural": "shadowservices",
    "singular": "shadowservice",
}
RESOURCE = f"{NAMES['plural']}.{GROUP}"
EXAMPLES = sorted((REPOSITORY / "examples").glob("*.yaml"))


@pytest.fixture(scope="module")
def shadow(kubectl: Kubectl) -> Iterator[str]:
    """The definition under other names; gives its resource name."""
    document = copy.deepcopy(CRD)
    document["metadata"]["name"] = RESOURCE
    document["spec"]["group"] = GROUP
    document["spec"]["names"] = NAMES
    kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(document))
    kubectl("wait", "--for=condition=Established", "crd", RESOURCE, "--timeout=30s")
    yield RESOURCE
    kubectl("delete", "crd", RESOURCE, check=False)


@pytest.fixture
def service(kubectl: Kubectl, shadow: str) -> Iterator[str]:
    """A stored ModelService of the second definition; gives ``resource/name``."""
    document = {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": NAMES["kind"],
        "metadata": {"name": "seen", "namespace": "default"},
        "spec": {
            "model": {"source": {"onnx": {"uri": "pvc://models/a.onnx"}}},
            "serving": {"latencyObjective": {"milliseconds": 100}},
        },
    }
    kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(document))
    yield f"{shadow}/seen"
    kubectl("delete", shadow, "seen", "--namespace", "default", check=False)


def read(kubectl: Kubectl, service: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        kubectl("get", service, "-o", "json", namespace="default").stdout
    )
    return document


def patch(kubectl: Kubectl, service: str, body: dict[str, Any], *options: str) -> Any:
    words = ("patch", service, "--type=merge", "-p", json.dumps(body), *options)
    return kubectl(*words, namespace="default", check=False)


CONDITION = {
    "type": "Ready",
    "status": "False",
    "reason": "Building",
    "message": "attempt 1: exporting (40 %)",
    "lastTransitionTime": "2026-01-31T12:00:00Z",
    "observedGeneration": 1,
}
STATUS = {
    "observedGeneration": 1,
    "conditions": [CONDITION],
    "goal": "p99 ≤ 100 ms",
    "artifact": {
        "shortDigest": "0123456789ab",
        "metric": {
            "name": "Accuracy",
            "value": "0.982",
            "sourceValue": "0.984",
            "samples": 1200,
            "summary": "Accuracy 0.982",
        },
        "variants": ["fuse+int8-dynamic", "openvino"],
        "speedup": "1.90x",
    },
    "tuning": {"latencyMilliseconds": "92.5", "capacityRowsPerSecond": "31.4"},
    "replicas": {"desired": 3, "current": 3, "ready": 2, "summary": "2/3"},
    "selector": "modelservice.dev/name=seen",
    "endpoint": {"http": "http://seen.default.svc:8000", "grpc": "seen.default.svc:8001"},
}


@pytest.mark.parametrize("example", EXAMPLES, ids=[path.name for path in EXAMPLES])
def test_examples_are_accepted(kubectl: Kubectl, example: Path) -> None:
    done = kubectl(
        "apply", "--dry-run=server", "-f", str(example), namespace="default", check=False
    )

    assert done.returncode == 0, done.stderr


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("spec", "The operator never writes here"),
        ("spec.model.source", "exactly one of pytorch, torchExport, onnx and tensorflow"),
        ("spec.evaluation.metric", "Left out it follows from the data"),
        ("spec.evaluation.goals", "non-inferiority"),
        ("spec.optimization.techniques", "An empty list: the plain export"),
        ("spec.serving.latencyObjective.percentile", "Share of the requests"),
        ("spec.serving.resources.limits", "What the container may not exceed"),
        ("spec.scaling.replicas", "the balancer keeps off this service"),
        ("status.conditions", "ArtifactReady"),
    ],
)
def test_explain_reads_like_documentation(kubectl: Kubectl, field: str, words: str) -> None:
    text = " ".join(kubectl("explain", f"modelservice.{field}").stdout.split())

    assert words in text


def test_explain_lists_every_field(kubectl: Kubectl) -> None:
    text = kubectl("explain", "modelservice.spec", "--recursive").stdout

    for word in (
        "entrypoint", "minimumCosine", "goals", "labelNames", "techniques", "trainingEntrypoint",
        "maxDurationSeconds", "percentile", "secretName",
    ):  # fmt: skip
        assert f"{word}\t<" in text
    assert "enum: Auto, Recommend" in text


def test_columns_answer_is_it_up_how_good_how_many_why(kubectl: Kubectl, service: str) -> None:
    assert patch(kubectl, service, {"status": STATUS}, "--subresource=status").returncode == 0

    narrow = kubectl("get", service, namespace="default").stdout.splitlines()
    wide = kubectl("get", service, "-o", "wide", namespace="default").stdout.splitlines()

    assert narrow[0].split() == [
        "NAME", "READY", "REASON", "ARTIFACT", "METRIC", "SPEEDUP", "REPLICAS", "AGE",
    ]  # fmt: skip
    assert narrow[1].split()[:8] == [
        "seen", "False", "Building", "0123456789ab", "Accuracy", "0.982", "1.90x", "2/3",
    ]  # fmt: skip
    assert wide[0].split()[8:] == ["GOAL", "LATENCY", "CAPACITY", "ENDPOINT", "MESSAGE"]
    assert "p99 ≤ 100 ms" in wide[1]
    assert "attempt 1: exporting (40 %)" in wide[1]


def test_status_and_spec_are_written_apart(kubectl: Kubectl, service: str) -> None:
    before = read(kubectl, service)["metadata"]["generation"]

    patch(kubectl, service, {"status": STATUS})
    patch(kubectl, service, {"spec": {"suspend": True}}, "--subresource=status")
    untouched = read(kubectl, service)
    patch(kubectl, service, {"status": STATUS}, "--subresource=status")
    after = read(kubectl, service)

    assert "status" not in untouched
    assert untouched["spec"]["suspend"] is False
    assert after["status"]["replicas"]["ready"] == 2
    assert after["metadata"]["generation"] == before


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"conditions": [{**CONDITION, "status": "Maybe"}]}, "status.conditions[0].status"),
        ({"conditions": [CONDITION, CONDITION]}, "Duplicate value"),
        ({"conditions": [{**CONDITION, "reason": "not one word"}]}, "status.conditions[0].reason"),
        ({"replicas": {"ready": -1}}, "status.replicas.ready"),
        ({"decisions": [{"reason": "why"}]}, "status.decisions[0].time"),
    ],
    ids=["condition", "twice", "reason", "negative", "decision"],
)
def test_a_status_of_nonsense_is_refused(
    kubectl: Kubectl, service: str, status: dict[str, Any], words: str
) -> None:
    done = patch(kubectl, service, {"status": status}, "--subresource=status")

    assert done.returncode != 0
    assert words in done.stderr


def test_kubectl_scale_sets_the_replicas_and_null_gives_them_back(
    kubectl: Kubectl, service: str
) -> None:
    kubectl("scale", service, "--replicas=3", namespace="default")
    by_hand = read(kubectl, service)["spec"]["scaling"]
    patch(kubectl, service, {"spec": {"scaling": {"replicas": None}}})
    given_back = read(kubectl, service)["spec"]["scaling"]

    counts = {"minReplicas": 1, "maxReplicas": 4, "priority": 0}
    others = counts | {"mode": "Auto", "onMetricsLoss": "Hold"}
    assert by_hand == others | {"replicas": 3}
    assert given_back == others


def test_the_scale_subresource_reports_replicas_and_selector(
    kubectl: Kubectl, service: str
) -> None:
    """As autoscalers and disruption budgets read it."""
    patch(kubectl, service, {"status": STATUS}, "--subresource=status")
    kubectl("scale", service, "--replicas=3", namespace="default")
    path = f"/apis/{GROUP}/v1alpha1/namespaces/default/{NAMES['plural']}/seen/scale"
    scale = json.loads(kubectl("get", "--raw", path).stdout)

    assert scale["spec"]["replicas"] == 3
    assert scale["status"] == {"replicas": 3, "selector": "modelservice.dev/name=seen"}


def test_the_name_can_be_short(kubectl: Kubectl) -> None:
    listed = kubectl("api-resources", "--api-group=modelservice.dev", "--no-headers").stdout

    assert listed.split()[:2] == ["modelservices", "msvc"]


def test_an_unknown_field_is_dropped_where_the_client_does_not_check(kubectl: Kubectl) -> None:
    """As docs/api.md says."""
    document = {
        "apiVersion": "modelservice.dev/v1alpha1",
        "kind": "ModelService",
        "metadata": {"name": "loose"},
        "spec": {
            "model": {"source": {"onnx": {"uri": "pvc://models/a.onnx"}}},
            "serving": {"latencyObjective": {"milliseconds": 100}},
            "scalling": {"minReplicas": 2},
        },
    }
    done = kubectl(
        "apply", "--dry-run=server", "--validate=false", "-o", "json", "-f", "-",
        stdin=json.dumps(document), namespace="default",
    )  # fmt: skip

    assert "scalling" not in json.loads(done.stdout)["spec"]
