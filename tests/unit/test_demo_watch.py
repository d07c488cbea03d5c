"""What the demo tells while it watches: each change once, in words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_demo.balance import rates
from modelservice_demo.example import _tensor
from modelservice_demo.loadpod import objects, parse_seconds
from modelservice_demo.settings import SettingsError, image_prefix, settings_from
from modelservice_demo.watch import EMPTY, changes, new_decisions, pod_state, view_of


def service(**status: Any) -> dict[str, Any]:
    return {"status": status}


def condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def pod(name: str, phase: str, *, ready: bool = False, waiting: str = "") -> dict[str, Any]:
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {}}
    return {
        "metadata": {"name": name},
        "status": {"phase": phase, "containerStatuses": [{"ready": ready, "state": state}]},
    }


def test_a_service_without_status_has_nothing_to_tell() -> None:
    assert view_of(None, []) == EMPTY
    assert view_of({}, []) == EMPTY
    assert list(changes(EMPTY, EMPTY)) == []


def test_conditions_are_told_in_the_order_of_the_path_and_once() -> None:
    view = view_of(
        service(
            conditions=[
                condition("Ready", "False", "Building", "the build runs"),
                condition("ArtifactReady", "Unknown", "Building", "the build runs"),
            ]
        ),
        [],
    )
    lines = list(changes(EMPTY, view))
    assert [line.split("=")[0] for line in lines] == ["ArtifactReady", "Ready"]
    assert list(changes(view, view)) == []


def test_progress_has_one_line_although_conditions_repeat_it() -> None:
    def at(words: str) -> dict[str, Any]:
        return service(
            conditions=[condition("Ready", "False", "Building", words)],
            job={"name": "x", "kind": "build", "progress": words},
        )

    before, after = view_of(at("20 %"), []), view_of(at("60 %"), [])
    assert list(changes(before, after)) == ["build: 60 %"]


def test_pods_come_change_and_go() -> None:
    before = view_of(None, [pod("a", "Pending", waiting="PodInitializing"), pod("b", "Running")])
    after = view_of(None, [pod("a", "Running", ready=True)])
    assert list(changes(before, after)) == ["pod a: Running, ready", "pod b: gone"]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (pod("a", "Pending", waiting="ErrImagePull"), "ErrImagePull"),
        (pod("a", "Running"), "Running, not ready yet"),
        (pod("a", "Succeeded"), "Succeeded"),
        ({"metadata": {"deletionTimestamp": "now"}, "status": {"phase": "Running"}}, "Terminating"),
        ({"metadata": {}}, "Pending"),
    ],
    ids=["waiting", "not ready", "ended", "leaving", "no status"],
)
def test_a_pod_in_words(found: dict[str, Any], words: str) -> None:
    assert pod_state(found) == words


def test_a_decision_is_new_once() -> None:
    decision = {"time": "2026-01-01T00:00:00Z", "from": 1, "to": 2, "reason": "40 rows/s"}
    later = {**decision, "time": "2026-01-01T00:01:00Z", "from": 2, "to": 1}
    before = view_of(service(decisions=[decision]), [])
    after = view_of(service(decisions=[later, decision]), [])
    (found,) = new_decisions(before, after)
    assert found.line() == "2 → 1 replicas: 40 rows/s"


def test_capacity_is_unknown_before_the_tuning() -> None:
    assert view_of(service(), []).capacity is None
    assert view_of(service(tuning={"capacityRowsPerSecond": "31.5"}), []).capacity == 31.5


def test_a_stalled_service_says_why() -> None:
    view = view_of(service(conditions=[condition("Stalled", "True", "X", "no such file")]), [])
    assert view.stalled == "no such file"
    assert EMPTY.stalled == ""


def test_lines_of_the_generator_are_read_and_others_skipped() -> None:
    line = (
        '{"time": 5.5, "rate": 10, "sent": 9.8, "answered": 9.0, "refused": 1, "failed": 0,'
        ' "pending": 2, "p50": 12.0, "p99": null, "error": ""}'
    )
    (second,) = parse_seconds(f"starting\n[1]\n{line}\n{line[:-9]}\n")
    assert (second.time, second.sent, second.refused, second.p99) == (5.5, 9.8, 1, None)


@given(st.text(max_size=200))
def test_any_log_is_read(text: str) -> None:
    assert list(parse_seconds(text)) == []


def test_the_load_pod_satisfies_the_restricted_standard() -> None:
    _, load = objects("demo", image="i:1", user=65532, address="a:1", model="m", requests="[]")
    spec = load["spec"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["containers"][0]["securityContext"]["allowPrivilegeEscalation"] is False
    assert spec["automountServiceAccountToken"] is False


@given(st.floats(0.5, 1e4), st.integers(1, 10))
def test_the_load_rises_in_steps_from_above_one_replica(capacity: float, replicas: int) -> None:
    found = rates(capacity, replicas)
    assert found == sorted(found)
    assert found[0] > capacity * replicas
    assert found[-1] <= 3 * capacity * replicas + 0.01


def test_requests_take_one_row_each() -> None:
    document = {"input_ids": [[1, 2, 3], [4, 5, 6]]}
    assert _tensor(document, "input_ids", 1) == {
        "name": "input_ids",
        "datatype": "INT64",
        "shape": [1, 3],
        "data": [4, 5, 6],
    }


def test_the_users_cluster_is_used_only_when_asked_for() -> None:
    assert settings_from({"KUBECONFIG": "/home/me/production"}).cluster == "local"
    assert settings_from({"DEMO_CLUSTER": "current"}).cluster == "current"
    assert not settings_from({"DEMO_CLUSTER": "current"}).agreed


@pytest.mark.parametrize(
    ("environ", "word"),
    [({"DEMO_CLUSTER": "prod"}, "DEMO_CLUSTER"), ({"DEMO_BACKEND": "x"}, "DEMO_BACKEND")],
)
def test_a_setting_that_means_nothing_is_refused_by_name(
    environ: dict[str, str], word: str
) -> None:
    with pytest.raises(SettingsError, match=word):
        settings_from(environ)


@pytest.mark.parametrize(
    ("images", "prefix"), [(None, ""), ("", ""), ("r.example/t", "r.example/t/"), ("r/", "r/")]
)
def test_a_registry_path_ends_in_one_slash(images: str | None, prefix: str) -> None:
    assert image_prefix(images) == prefix
