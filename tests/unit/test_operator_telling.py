"""What ``explain`` and ``top`` say: from objects and figures, whole, partial and garbage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest

from modelservice_operator.api.service import ServiceKey
from modelservice_operator.fleet import Pool
from modelservice_operator.load.budget import Budget
from modelservice_operator.load.gpus import Budgets
from modelservice_operator.telemetry import OperatorTelemetry
from modelservice_operator.telling.explaining import explain
from modelservice_operator.telling.figures import Known, parse_figures
from modelservice_operator.telling.table import top

KEY = ServiceKey("demo", "chat")
METRICS = """
# HELP modelservice_offered_rows_per_second Offered load, where it is known
# TYPE modelservice_offered_rows_per_second gauge
modelservice_offered_rows_per_second{name="chat",namespace="demo"} 151.5
# TYPE modelservice_expected_rows_per_second gauge
modelservice_expected_rows_per_second{name="chat",namespace="demo"} 180.0
# TYPE modelservice_planned_rows_per_second gauge
modelservice_planned_rows_per_second{name="chat",namespace="demo"} 212.0
# TYPE modelservice_capacity_rows_per_second gauge
modelservice_capacity_rows_per_second{name="chat",namespace="demo"} 48.0
# TYPE modelservice_requests_last_minute gauge
modelservice_requests_last_minute{name="chat",namespace="demo"} 9000.0
# TYPE modelservice_rejected_requests_last_minute gauge
modelservice_rejected_requests_last_minute{name="chat",namespace="demo"} 18.0
# TYPE modelservice_gpus_held gauge
modelservice_gpus_held{name="chat",namespace="demo",pool="nvidia.com/gpu"} 5.0
modelservice_gpus_held{name="tagger",namespace="demo",pool="nvidia.com/gpu"} 2.0
# TYPE modelservice_gpus_usable gauge
modelservice_gpus_usable{pool="nvidia.com/gpu"} 8.0
# TYPE python_info gauge
python_info{namespace="demo",name="chat"} 1.0
"""


def condition(type_: str, status: str, reason: str, message: str = "") -> dict[str, str]:
    """One entry of status.conditions."""
    return {"type": type_, "status": status, "reason": reason, "message": message}


def service(name: str = "chat", **changes: Any) -> dict[str, Any]:
    """A ModelService as the API gives it."""
    return {
        "metadata": {"namespace": "demo", "name": name},
        "spec": {"scaling": {"minReplicas": 1, "maxReplicas": 8, "priority": 10, "mode": "Auto"}},
        "status": {
            "goal": "p99 ≤ 50 ms",
            "conditions": [
                condition("Ready", "True", "Serving", "5 replicas answer"),
                condition("WithinBudget", "True", "WithinBudget", "5 of 8 nvidia.com/gpu"),
            ],
            "replicas": {"desired": 5, "ready": 3, "summary": "3/5"},
            "decisions": [
                {"time": "2026-01-31T12:00:00Z", "from": 2, "to": 3, "reason": "more load"},
                {"time": "2026-01-31T12:01:00Z", "from": 3, "to": 5, "reason": "still more"},
            ],
        },
    } | changes


def test_a_service_is_explained_in_words_the_newest_decision_first() -> None:
    assert explain(service(), parse_figures(METRICS)).splitlines() == [
        "demo/chat: p99 ≤ 50 ms",
        "  replicas  3 ready of 5 wanted, between 1 and 8, priority 10",
        "  load      151.5 rows/s, 180.0 expected, 212.0 planned for; each replica carries 48.0",
        "  refused   18 of 9000 requests of the last minute",
        "  GPUs      5 held",
        "  Ready=True  Serving: 5 replicas answer",
        "  WithinBudget=True  WithinBudget: 5 of 8 nvidia.com/gpu",
        "  decisions, the newest first",
        "    2026-01-31T12:01:00Z  3 → 5: still more",
        "    2026-01-31T12:00:00Z  2 → 3: more load",
    ]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"scaling": {"mode": "Recommend"}}, "mode Recommend: nothing is done"),
        ({"scaling": {"replicas": 3}}, "3 set by hand"),
        ({"scaling": {"replicas": 0, "mode": "Recommend"}}, "0 set by hand"),
        ({"suspend": True}, "wanted; suspended"),
    ],
)
def test_who_decides_is_said(spec: Mapping[str, Any], words: str) -> None:
    assert explain(service(spec=spec), Known()).splitlines()[1].endswith(words)


def test_a_pause_and_a_second_owner_are_said() -> None:
    found = service()
    found["metadata"]["annotations"] = {"modelservice.dev/pause-scaling": "in"}
    found["status"]["conditions"].append(
        condition("Stalled", "True", "SecondOwner", "HorizontalPodAutoscaler web sets them too")
    )
    text = explain(found, Known())
    assert text.splitlines()[1].endswith("; paused (annotation modelservice.dev/pause-scaling: in)")
    assert "Stalled=True  SecondOwner: HorizontalPodAutoscaler web sets them too" in text


def test_what_is_not_known_is_said_to_be_so() -> None:
    text = explain(service(status={}), Known())
    assert "no goal yet" in text
    assert "load      not known" in text
    assert "no decision yet" in text


def test_the_table_has_a_line_for_each_service_and_one_for_each_pool() -> None:
    lines = top([service("tagger", status={}), service()], parse_figures(METRICS)).splitlines()
    assert [line.split() for line in lines[:3]] == [
        [
            *("NAMESPACE", "NAME", "READY", "REPLICAS", "LOAD", "EXPECTED", "CAPACITY"),
            *("REFUSED", "GPUS", "REASON"),
        ],
        ["demo", "chat", "True", "3/5", "152", "180", "144", "0.2%", "5", "Serving"],
        ["demo", "tagger", "Unknown", "-", "-", "-", "-", "-", "2", "-"],
    ]
    assert lines[3:] == ["nvidia.com/gpu: 7 of 8 in use"]


def test_no_service_is_no_empty_table() -> None:
    assert top([], Known()) == "no ModelService"


@pytest.mark.parametrize(
    "status",
    [
        None,
        {},
        "broken",
        {"conditions": None, "replicas": None, "decisions": None},
        {"conditions": [None, {}, {"type": "Ready"}], "replicas": [], "decisions": [{}, 3]},
        {"replicas": {"ready": "many"}},
    ],
)
def test_a_status_that_is_missing_or_partial_is_told_as_far_as_it_goes(status: object) -> None:
    known = parse_figures(METRICS)
    assert explain(service(status=status), known).startswith("demo/chat: no goal yet")
    assert "demo" in top([service(status=status)], known)


def test_what_the_operator_writes_is_read_back() -> None:
    telemetry = OperatorTelemetry(limit_seconds=60)
    pool = Pool("nvidia.com/gpu", (("zone", 'a"b\\c'),))
    telemetry.shared(Budgets(pools={pool: Budget(resource=pool.resource, usable=8)}))
    known = parse_figures(generate_latest(telemetry.registry).decode())
    assert known.pools == {str(pool): {"gpus_usable": 8.0}}


def test_figures_that_are_no_numbers_are_left_out() -> None:
    text = 'modelservice_offered_rows_per_second{namespace="demo",name="chat"} '
    for value in ("NaN", "+Inf", "-Inf"):
        assert KEY not in parse_figures(text + value).services


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html><body>Bad Gateway</body></html>",
        '{"kind":"Status"}',
        "up 1",
        "modelservice_x{",
        "\x00",
    ],
)
def test_garbage_is_no_figures(text: str) -> None:
    with pytest.raises(ValueError, match="what was answered"):
        parse_figures(text)


@given(st.text())
def test_whatever_comes_is_figures_or_refused(text: str) -> None:
    for document in (text, "modelservice_x " + text, f'modelservice_x{{name="{text}"}} 1'):
        try:
            known = parse_figures(document)
        except ValueError:
            continue
        assert isinstance(known, Known)
