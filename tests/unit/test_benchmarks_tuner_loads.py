"""Neutral load: when requests come, and what is made of the record of every one of them."""

from __future__ import annotations

import json
import sys
from itertools import accumulate
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path[:0] = [
    str(BENCHMARKS / "tuner"),
    str(BENCHMARKS / "optimizer"),
    str(BENCHMARKS / "common"),
]

from bench_figures.recorded import Series  # noqa: E402
from tuner_figures.loads import executions, requests, traces  # noqa: E402
from tuner_figures.loads.arrivals import POISSON, Shape, bursty, intervals  # noqa: E402
from tuner_figures.loads.requests import Requests  # noqa: E402

from modelservice_harness.errors import HarnessError  # noqa: E402


def times(shape: Shape, rate: float = 100.0, seconds: float = 20.0, seed: int = 1) -> list[float]:
    return [moment / 1e6 for moment in accumulate(intervals(shape, rate, seconds, seed))]


def test_as_many_requests_as_the_rate_says_and_in_that_time() -> None:
    for shape in (POISSON, bursty()):
        found = times(shape)
        assert len(found) == 2000
        assert 19.0 < found[-1] <= 20.01


def test_poisson_intervals_scatter_as_they_should() -> None:
    gaps = intervals(POISSON, 1000.0, 20.0, 3)
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert 0.95 < deviation / mean < 1.05
    assert sum(gap > mean for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.02)


def test_two_rates_differ_in_nothing_but_the_rate() -> None:
    slow, fast = times(POISSON, 100.0, 20.0), times(POISSON, 200.0, 10.0)
    assert [value / 2 for value in slow] == pytest.approx(fast, abs=0.01)
    assert times(POISSON, seed=1) != times(POISSON, seed=2)


def test_a_shape_puts_its_share_into_each_step() -> None:
    found = times(Shape(name="steps", steps=(1.0, 3.0, 0.0, 4.0)), 100.0, 40.0)
    counts = [sum(step * 10 <= value < (step + 1) * 10 for value in found) for step in range(4)]
    assert counts[0] == pytest.approx(500, rel=0.15)
    assert counts[1] == pytest.approx(1500, rel=0.1)
    assert counts[2] <= 2
    assert counts[3] == pytest.approx(2000, rel=0.1)


def test_bursts_come_and_go() -> None:
    steps = bursty().steps
    assert set(steps) == {0.6, 1.8}
    assert 0.05 < sum(step > 1 for step in steps) / len(steps) < 0.5


@pytest.mark.parametrize("steps", [(), (0.0, 0.0), (-1.0, 3.0)])
def test_a_shape_without_requests_is_refused(steps: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="rate"):
        Shape(name="none", steps=steps)


def series(counts: list[float], step: float = 1.0) -> Series:
    return Series(name="t", counts=tuple(counts), seconds=step)


def test_of_a_long_trace_the_busiest_stretch_is_taken() -> None:
    counts = [1.0] * 100 + [9.0] * 70 + [1.0] * 100
    assert traces.shape(series(counts), seconds=70.0).steps == (9.0,) * 70


@pytest.mark.parametrize("step", [1.0, 300.0])
def test_what_a_window_would_see_too_little_of_is_run_faster(step: float) -> None:
    counts = [1.0] * 100 + [float(n) for n in range(2, 62)] + [1.0] * 100
    assert traces.shape(series(counts, step), seconds=8.0).steps == tuple(counts[100:160])
    short = [1.0, 2.0] * 6
    assert traces.shape(series(short, step), seconds=8.0).steps == tuple(short)


def test_without_a_trace_bursts_are_made_up() -> None:
    assert [shape.name for shape in traces.shapes((), 8.0)] == ["Poisson", "bursty"]
    assert [shape.name for shape in traces.shapes((series([1.0] * 12),), 8.0)] == ["Poisson", "t"]


def test_of_each_file_the_busiest_series_is_taken(tmp_path: Path) -> None:
    assert traces.read(None) == ()
    (tmp_path / "mix.csv").write_text("minute,a,b\n" + "".join(f"{n},1,2\n" for n in range(12)))
    assert [(one.name, one.counts[0]) for one in traces.read(tmp_path)] == [("mix b", 2.0)]


@pytest.mark.parametrize(
    ("text", "words"), [("a,b\n1,2\n", "10 lines"), ("requests\n" + "0\n" * 12, "nobody asks")]
)
def test_another_trace_is_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(HarnessError, match=words):
        traces.read(tmp_path)


def export(pairs: list[tuple[int, int]]) -> str:
    items = [{"timestamp": a, "response_timestamps": [b], "request_inputs": {}} for a, b in pairs]
    unanswered = {"timestamp": 5, "response_timestamps": []}
    experiment = {"experiment": {"mode": "request_rate"}, "requests": [*items, unanswered]}
    return json.dumps({"experiments": [experiment], "version": "", "service_kind": "triton"})


def test_every_request_is_read_in_the_order_of_sending() -> None:
    found = requests.parsed(
        export([(2_000_000_000, 2_300_000_000), (1_000_000_000, 1_010_000_000)])
    )
    assert found.sent == (0.0, 1.0)
    assert found.latencies_ms == pytest.approx([10.0, 300.0])


@pytest.mark.parametrize("text", ["", "{}", '{"experiments": []}', export([])])
def test_an_export_without_requests_is_refused(text: str) -> None:
    with pytest.raises(requests.UnreadableError):
        requests.parsed(text)


def run(latencies_ms: list[float], gap: float = 0.1) -> Requests:
    sent = tuple(gap * number for number in range(len(latencies_ms)))
    pairs = zip(sent, latencies_ms, strict=True)
    return Requests(sent=sent, answered=tuple(at + late / 1e3 for at, late in pairs))


def test_violations_and_goodput_are_counted() -> None:
    found = run([10.0] * 98 + [90.0, 90.0], gap=0.1)
    assert found.violations(50.0) == pytest.approx(0.02)
    assert found.goodput(50.0) == pytest.approx(98 / 9.9)
    assert found.percentile_ms(98) == pytest.approx(10.0)
    assert found.percentile_ms(99) == pytest.approx(90.0)
    assert found.rows_per_second() == pytest.approx(100 / 9.99, rel=0.01)


def test_the_first_moment_can_be_left_out() -> None:
    found = run([90.0] * 5 + [10.0] * 5)
    assert len(found.after(0.45).sent) == 5
    assert found.after(0.45).violations(50.0) == 0.0
    assert found.after(99.0) == found


def test_requests_that_went_out_late_are_seen() -> None:
    gaps = [100_000] * 10
    found = run([5.0] * 10)
    assert found.late_share(gaps, goal_ms=50.0) == 0.0
    moved = Requests(sent=(*found.sent[:8], 0.82, 0.95), answered=(*found.answered[:8], 0.9, 1.0))
    assert moved.late_share(gaps, goal_ms=50.0) == pytest.approx(0.2)
    assert moved.late_share(gaps, goal_ms=300.0) == pytest.approx(0.1), "30 ms are allowed"


def stats(*batches: tuple[int, int, int]) -> dict[str, object]:
    """As Triton says it: (batch size, executions, nanoseconds of each of their three parts)."""
    entries = [
        {
            "batch_size": size,
            **{
                part: {"count": count, "ns": spent}
                for part in ("compute_input", "compute_infer", "compute_output")
            },
        }
        for size, count, spent in batches
    ]
    return {"name": "add", "batch_stats": entries}


def test_executions_between_two_looks_are_counted_by_batch_size() -> None:
    before = executions.counted(stats((1, 10, 100), (4, 5, 500)))
    after = executions.counted(stats((1, 10, 100), (4, 7, 800), (8, 1, 90)))
    assert before == {1: (10, 300), 4: (5, 1500)}
    assert executions.between(before, after) == {4: (2, 900), 8: (1, 270)}
    assert executions.counted({"name": "add"}) == {}
