"""Triton's answers as values: what is not what Triton says is an error, never a figure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_operator.adapters.triton_answers import parse_p99, parse_statistics
from modelservice_operator.drift.statistics import BatchTime

CONFIG = {"name": "tiny", "parameters": {"config_key": {"string_value": "k1"}}}
STATS = {
    "model_stats": [
        {
            "name": "tiny",
            "version": "1",
            "inference_count": 7,
            "execution_count": 3,
            "inference_stats": {
                "success": {"count": 6, "ns": 900},
                "fail": {"count": 1, "ns": 5},
            },
            "batch_stats": [
                {
                    "batch_size": 2,
                    "compute_input": {"count": 3, "ns": 10},
                    "compute_infer": {"count": 3, "ns": 200},
                    "compute_output": {"count": 3, "ns": 30},
                }
            ],
        }
    ]
}
METRICS = """
# TYPE nv_inference_request_summary_us summary
nv_inference_request_summary_us_count{model="tiny",version="1"} 6
nv_inference_request_summary_us{model="tiny",version="1",quantile="0.5"} 1000
nv_inference_request_summary_us{model="other",version="1",quantile="0.99"} 7
nv_inference_request_summary_us{model="tiny",version="1",quantile="0.99"} 2500
nv_inference_queue_summary_us{model="tiny",version="1",quantile="0.99"} 3
"""


def parse(config: Any = CONFIG, stats: Any = STATS, metrics: str = METRICS) -> Any:
    return parse_statistics(
        "pod-1",
        config=json.dumps(config).encode(),
        statistics=json.dumps(stats).encode(),
        metrics=metrics.encode(),
    )


def test_counters_configuration_and_p99_are_read() -> None:
    found = parse()
    assert (found.pod, found.config_key) == ("pod-1", "k1")
    assert (found.successes, found.failures, found.rows) == (6, 1, 7)
    assert found.request_nanoseconds == 900
    assert found.batches == (BatchTime(batch=2, executions=3, nanoseconds=240),)
    assert found.p99_milliseconds == 2.5


def test_what_was_never_counted_is_nought() -> None:
    found = parse({"name": "tiny"}, {"model_stats": [{"name": "tiny"}]}, "")
    assert (found.config_key, found.successes, found.batches) == ("", 0, ())
    assert found.p99_milliseconds is None


@pytest.mark.parametrize("value", ["NaN", "Nan", "+Inf", "0", "-1", "much"])
def test_a_quantile_of_nothing_is_none(value: str) -> None:
    line = f'nv_inference_request_summary_us{{model="tiny",quantile="0.99"}} {value}'
    assert parse_p99(line, "tiny") is None


@pytest.mark.parametrize(
    "stats", [{}, [], None, {"model_stats": []}, {"model_stats": 1}, {"model_stats": ["x"]}]
)
def test_something_else_is_an_error(stats: Any) -> None:
    with pytest.raises(ValueError, match=r"model|unpack"):
        parse(stats=stats)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
)


@given(JSON, JSON, st.text(max_size=50))
def test_no_answer_raises_anything_else(config: Any, stats: Any, metrics: str) -> None:
    try:
        parse(config, {"model_stats": [stats]}, metrics)
    except ValueError:
        return
