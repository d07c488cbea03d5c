"""Counters from Prometheus and from replicas: a 200 may carry anything."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_operator.adapters.scraping import parse_metrics
from modelservice_operator.adapters.series import REJECTED, PodKey, counters, parse_matrix
from modelservice_operator.api.service import ServiceKey

LABELS = {"namespace": "demo", "modelservice": "tiny", "pod": "a"}
KEY = PodKey(ServiceKey("demo", "tiny"), "a")


def series(*pairs: tuple[float, str], **labels: str) -> dict[str, object]:
    return {"metric": LABELS | labels, "values": [list(pair) for pair in pairs]}


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["metric", "values", "pod", "x"]), inner, max_size=3)
        ),
    )
)
def test_garbage_from_prometheus_is_no_data(answer: object) -> None:
    assert parse_matrix(answer) == {}


def test_several_series_of_one_pod_are_added_scrape_by_scrape() -> None:
    answer = [
        series((0, "1"), (15, "2"), reason="OTHER"),
        series((0, "10"), (15, "20"), reason=REJECTED),
        {"metric": {}, "values": [[0, "9"]]},
    ]
    assert parse_matrix(answer) == {KEY: {0.0: 11.0, 15.0: 22.0}}
    assert parse_matrix(answer, reason=REJECTED) == {KEY: {0.0: 10.0, 15.0: 20.0}}


def test_another_namespace_with_the_same_name_is_another_service() -> None:
    found = parse_matrix([series((0, "1")), series((0, "2"), namespace="other")])
    assert set(found) == {KEY, PodKey(ServiceKey("other", "tiny"), "a")}


def test_a_scrape_counts_where_successes_and_rows_are_there() -> None:
    figures = {
        "successes": parse_matrix([series((0, "1"), (15, "2"), (30, "3"))]),
        "rows": parse_matrix([series((0, "4"), (30, "9"))]),
        "failures": parse_matrix([series((30, "1"))]),
    }
    found = counters(KEY, figures)
    assert [(item.at, item.successes, item.rows, item.failures) for item in found] == [
        (0.0, 1.0, 4.0, 0.0),
        (30.0, 3.0, 9.0, 1.0),
    ]
    assert counters(KEY, {"successes": {}, "rows": {}}) == ()


METRICS = """
# HELP nv_inference_request_success Number of successful inference requests
# TYPE nv_inference_request_success counter
nv_inference_request_success{model="tiny",version="1"} 5
nv_inference_request_success{model="tiny",version="2"} 2
# TYPE nv_inference_request_failure counter
nv_inference_request_failure{model="tiny",reason="REJECTED",version="1"} 3
nv_inference_request_failure{model="tiny",reason="OTHER",version="1"} 1
# TYPE nv_inference_count counter
nv_inference_count{model="tiny",version="1"} 14
# TYPE nv_inference_pending_request_count gauge
nv_inference_pending_request_count{model="tiny",version="1"} 6
"""


def test_a_replica_s_own_metrics_are_read() -> None:
    found = parse_metrics(METRICS, 12.0)
    assert found is not None
    assert (found.successes, found.failures, found.rejected) == (7.0, 4.0, 3.0)
    assert (found.rows, found.pending, found.at) == (14.0, 6.0, 12.0)


def test_metrics_without_the_counters_say_nothing() -> None:
    assert parse_metrics("# TYPE up gauge\nup 1\n", 0.0) is None
    assert parse_metrics("", 0.0) is None


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-1"])
def test_values_that_cannot_be_are_left_to_the_reading(value: str) -> None:
    found = parse_metrics(METRICS.replace("} 5", f"}} {value}"), 0.0)
    assert found is not None
    assert not found.is_sound or not math.isfinite(found.successes) or value == "-1"


def test_text_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_metrics("<html>bad gateway</html>", 0.0)
