"""What Triton counts is read, and differences of it are what happened in between."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.tuner.statistics import (
    Counters,
    Watch,
    difference,
    parse_counters,
    parse_gpu_memory,
    total,
    windows,
)


def document(**more: Any) -> dict[str, Any]:
    """As Triton 2.51 writes it; over gRPC the numbers are text."""
    stats = {
        "name": "tiny",
        "inference_count": "12",
        "inference_stats": {
            "success": {"count": "8", "ns": "900"},
            "fail": {},
            "queue": {"count": "8", "ns": "300"},
        },
        "batch_stats": [
            {
                "batch_size": "1",
                "compute_input": {"count": "4", "ns": "10"},
                "compute_infer": {"count": "4", "ns": "100"},
                "compute_output": {"count": "4", "ns": "5"},
            },
            {
                "batch_size": "2",
                "compute_input": {"count": "4", "ns": "20"},
                "compute_infer": {"count": "4", "ns": "200"},
                "compute_output": {"count": "4", "ns": "6"},
            },
        ],
    }
    return {"model_stats": [{**stats, **more}]}


def counters(at: float, executions: dict[int, tuple[int, int]], rows: int = 0) -> Counters:
    """Executions alone."""
    return Counters(
        at=at, executions=executions, requests=rows, request_ns=0, queue_ns=0, rows=rows
    )


def test_executions_are_read_by_batch_size_with_all_that_they_spend() -> None:
    read = parse_counters(document(), at=7.0)
    assert read == Counters(
        at=7.0,
        executions={1: (4, 115), 2: (4, 226)},
        requests=8,
        request_ns=900,
        queue_ns=300,
        rows=12,
    )
    assert (read.count, read.busy_ns) == (8, 341)


def test_a_model_that_was_never_asked_has_no_executions() -> None:
    stats = document()
    del stats["model_stats"][0]["batch_stats"]
    assert parse_counters(stats, 0.0).executions == {}


BAD = {
    "nothing": {},
    "no model": {"model_stats": []},
    "no totals": document(inference_stats={}),
    "a word for a number": document(inference_count="many"),
    "no time": document(batch_stats=[{"batch_size": 1, "compute_infer": {"count": 1}}]),
    "a list": {"model_stats": [[]]},
}


@pytest.mark.parametrize("stats", BAD.values(), ids=BAD.keys())
def test_anything_else_is_named(stats: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="statistics cannot be read"):
        parse_counters(stats, 0.0)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=5,
)


@given(st.data())
def test_damaged_statistics_are_counters_or_the_error(data: st.DataObject) -> None:
    stats = copy.deepcopy(document())
    keys = sorted(stats["model_stats"][0])
    stats["model_stats"][0][data.draw(st.sampled_from(keys))] = data.draw(JSON)
    try:
        assert parse_counters(json.loads(json.dumps(stats)), 0.0).count >= 0
    except ValueError:
        return


def test_a_difference_is_what_happened_in_between() -> None:
    before = counters(10.0, {1: (4, 40), 2: (1, 20)}, rows=6)
    after = counters(12.5, {1: (4, 40), 2: (3, 70), 4: (2, 99)}, rows=18)
    assert difference(before, after) == counters(2.5, {2: (2, 50), 4: (2, 99)}, rows=12)


def test_windows_in_which_nothing_happened_are_left_out() -> None:
    readings = [
        counters(0.0, {}),
        counters(1.0, {1: (2, 20)}, rows=2),
        counters(2.0, {1: (2, 20)}, rows=2),
        counters(3.0, {1: (3, 31)}, rows=3),
    ]
    assert windows(readings) == (
        counters(1.0, {1: (2, 20)}, rows=2),
        counters(1.0, {1: (1, 11)}, rows=1),
    )
    assert windows(readings[:1]) == windows([]) == ()


def test_a_model_that_was_loaded_anew_counts_from_nothing() -> None:
    """Its counters fell: that window says nothing, and takes nothing away from the others."""
    readings = [
        counters(0.0, {1: (50, 500)}, rows=50),
        counters(1.0, {1: (60, 600)}, rows=60),
        counters(2.0, {1: (2, 20), 2: (3, 60)}, rows=8),
        counters(3.0, {1: (4, 40), 2: (5, 99)}, rows=14),
    ]
    found = windows(readings)
    assert counters(1.0, {1: (10, 100)}, rows=10) in found
    assert counters(1.0, {1: (2, 20), 2: (2, 39)}, rows=6) in found
    assert all(one.rows >= 0 and one.requests >= 0 for one in found)


PAIRS = st.dictionaries(st.integers(1, 8), st.tuples(st.integers(1, 50), st.integers(1, 500)))


@given(st.lists(PAIRS, max_size=6))
def test_all_windows_together_are_everything(steps: list[dict[int, tuple[int, int]]]) -> None:
    parts = [counters(1.0, step, rows=1) for step in steps]
    everything = total(parts)
    assert everything.count == sum(part.count for part in parts)
    assert everything.busy_ns == sum(part.busy_ns for part in parts)
    assert (everything.at, everything.rows) == (len(parts), len(parts))


def test_memory_of_all_gpus_is_read_from_the_metrics() -> None:
    text = (
        "# HELP nv_gpu_memory_used_bytes GPU used memory, in bytes\n"
        'nv_gpu_memory_total_bytes{gpu_uuid="GPU-1"} 16000000000.000000\n'
        'nv_gpu_memory_used_bytes{gpu_uuid="GPU-1"} 3e9\n'
        'nv_gpu_memory_total_bytes{gpu_uuid="GPU-2"} 16000000000.000000\n'
        'nv_gpu_memory_used_bytes{gpu_uuid="GPU-2"} 1000000000.000000\n'
    )
    assert parse_gpu_memory(text) == (4_000_000_000, 32_000_000_000)
    assert parse_gpu_memory("nv_inference_count 3\n") == (0, 0)


@given(st.text(alphabet='nv_gpu_memory_used_bytes{}" .0e+1\n', max_size=80))
def test_metrics_that_are_none_are_no_memory(text: str) -> None:
    assert parse_gpu_memory(f'nv_gpu_memory_used_bytes{{a="b"}} {text}\n')[1] == 0


def test_a_watch_reads_at_the_beginning_at_intervals_and_at_the_end() -> None:
    seen: list[Counters] = []

    def read() -> Counters:
        seen.append(counters(float(len(seen)), {1: (len(seen), 1)}))
        return seen[-1]

    with Watch(counters=read, interval=0.01) as watch:
        until = time.monotonic() + 5.0
        while len(seen) < 4 and time.monotonic() < until:
            time.sleep(0.01)
    assert watch.readings == seen
    assert len(seen) >= 5
    many = len(seen)
    time.sleep(0.05)
    assert len(seen) == many


def test_since_when_nothing_is_answered_is_known() -> None:
    watch = Watch(counters=lambda: counters(0.0, {}))
    assert watch.quiet_seconds() == 0.0, "nothing is known"
    for at, answered in ((1.0, 0), (2.5, 0)):
        watch.readings.append(counters(at, {}, rows=answered))
    assert watch.quiet_seconds() == 1.5, "since it began"
    for at, answered in ((3.0, 4), (3.5, 9), (4.5, 9), (7.0, 9)):
        watch.readings.append(counters(at, {}, rows=answered))
    assert watch.quiet_seconds() == 3.5


def test_readings_that_fail_are_left_out() -> None:
    def read() -> Counters:
        raise OSError("gone")

    with Watch(counters=read, interval=0.01) as watch:
        pass
    assert watch.readings == []
