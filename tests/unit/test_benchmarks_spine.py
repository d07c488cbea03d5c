"""What the benchmark of the spine makes of the numbers it measures."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_demo.ending import last_words
from modelservice_demo.story import Told
from modelservice_demo.timeline import Timeline

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path[:0] = [str(BENCHMARKS / "spine"), str(BENCHMARKS / "common")]

from bench_figures.rows import Figures, rounded  # noqa: E402
from spine_figures import operating, procfs, throughput, waiting  # noqa: E402
from spine_figures.settings import (  # noqa: E402
    Reading,
    Setting,
    best,
    by_hand,
    cores,
    from_status,
    order,
    ratios,
)

BEGAN = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def stat(pid: int, ticks: tuple[int, int], started: int, name: str = "python") -> str:
    fields = ["S", "1", *["0"] * 9, str(ticks[0]), str(ticks[1]), *["0"] * 6, str(started), "0"]
    return f"{pid} ({name}) {' '.join(fields)}"


def look(uptime: float, *processes: str) -> procfs.Sample:
    return procfs.parse("\n".join([f"{uptime} 100.0", *processes]))


def memory(rss_mib: int, peak_mib: int) -> str:
    return f"VmHWM:\t  {peak_mib * 1024} kB\nVmRSS:\t  {rss_mib * 1024} kB"


def test_processor_time_and_memory_are_summed_over_the_processes_that_stayed() -> None:
    before = look(10.0, stat(1, (5, 5), 7), memory(60, 70), stat(9, (1, 0), 90), memory(4, 4))
    after = look(
        70.0,
        *(stat(1, (25, 15), 7), memory(64, 80)),
        *(stat(2, (10, 0), 8), memory(9, 9)),  # new
        *(stat(9, (99, 0), 600), memory(4, 4)),  # another process under a number used again
    )
    found = procfs.usage(before, after, ticks_per_second=100)
    assert found.seconds == 60.0
    assert found.cpu_percent == pytest.approx(100 * 0.30 / 60)
    assert (found.rss_mib, found.peak_mib) == (64.0, 80.0)


def test_a_name_may_look_like_anything() -> None:
    found = look(1.0, stat(3, (2, 1), 4, name="a) S 1 (b"))
    assert found.processes[(3, 4)].ticks == 3


def test_a_restarted_container_is_no_figure() -> None:
    with pytest.raises(ValueError, match="restarted"):
        procfs.usage(look(1, stat(1, (1, 1), 5)), look(2, stat(1, (1, 1), 6)), 100)


@pytest.mark.parametrize("text", ["1.0 1.0\n12 (python) S 1", "1.0 1.0\nnonsense"])
def test_a_look_that_is_cut_short_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="stat"):
        procfs.parse(text)


def test_the_script_gives_what_is_parsed() -> None:
    done = subprocess.run(
        ["sh", "-c", procfs.SCRIPT], capture_output=True, text=True, check=True, timeout=20
    )
    found = procfs.parse(done.stdout)
    mine = [item for (pid, _), item in found.processes.items() if pid == os.getpid()]
    assert found.uptime > 0
    assert mine[0].peak_kib >= mine[0].rss_kib > 1024
    assert mine[0].ticks > 0


def test_the_operator_at_rest_is_judged_by_the_whole_time_and_its_most_memory() -> None:
    looks = [
        look(0, stat(1, (0, 0), 1), memory(60, 60)),
        look(20, stat(1, (40, 0), 1), memory(80, 80)),
        look(40, stat(1, (40, 0), 1), memory(70, 80)),
    ]
    found = operating.operator_figures(looks, 100)
    values = {item.id: item.value for item in found.targets}
    assert values == {"F3.memory": 80.0, "F3.cpu": 1.0}
    cpu = next(item for item in found.rows if item.unit == "%")
    assert (cpu.low, cpu.high) == (0.0, 2.0)


def test_times_of_jobs_that_overlap_count_once_and_only_within_the_waiting() -> None:
    intervals = [(at(50), at(60)), (at(-5), at(10)), (at(5), at(20)), (at(55), at(58)),
                 (at(95), at(130))]  # fmt: skip
    assert waiting.covered_seconds(intervals, at(0), at(100)) == 20 + 10 + 5
    assert waiting.beyond_seconds(intervals, at(0), at(100)) == 65


@given(st.lists(st.tuples(st.integers(-50, 150), st.integers(0, 60)), max_size=6))
def test_covered_seconds_are_those_that_some_interval_covers(pairs: list[tuple[int, int]]) -> None:
    intervals = [(at(start), at(start + length)) for start, length in pairs]
    inside = [any(s <= n < s + length for s, length in pairs) for n in range(100)]
    assert waiting.covered_seconds(intervals, at(0), at(100)) == sum(inside)


def test_only_finished_containers_of_that_name_are_intervals() -> None:
    ended = {"startedAt": "2026-11-25T09:00:02Z", "finishedAt": "2026-11-25T09:00:20Z"}
    pods: list[dict[str, Any]] = [
        {"status": {"containerStatuses": [{"name": "build", "state": {"terminated": ended}}]}},
        {"status": {"containerStatuses": [{"name": "build", "state": {"running": {}}}]}},
        {"status": {"containerStatuses": [{"name": "triton", "state": {"terminated": ended}}]}},
        {"status": {}},
    ]
    assert waiting.job_intervals(pods, "build") == [(at(2), at(20))]


def service(*conditions: tuple[str, str, str], tuned: bool = True) -> dict[str, Any]:
    status: dict[str, Any] = {
        "conditions": [
            {"type": t, "status": s, "reason": r, "message": r} for t, s, r in conditions
        ]
    }
    if tuned:
        status["tuning"] = {"maxBatchSize": 4, "instances": 1, "threads": 1}
    return {"status": status}


READY = ("Ready", "True", "Serving")


@pytest.mark.parametrize(
    ("document_", "answer"),
    [
        ({}, False),
        (service(READY), True),
        (service(READY, tuned=False), False),
        (service(READY, ("Reconciling", "True", "Rollout")), False),
        (service(("Ready", "True", "ServingLastGoodArtifact")), False),
        (service(("Ready", "False", "Serving")), False),
    ],
)
def test_serving_means_ready_tuned_and_nothing_under_way(
    document_: dict[str, Any],
    answer: bool,  # noqa: FBT001
) -> None:
    assert waiting.serves(document_) is answer


def test_a_stalled_service_says_why() -> None:
    assert waiting.stalled(service(("Stalled", "True", "BuildFailed"))) == "BuildFailed"
    assert waiting.stalled(service(READY)) == ""


def test_the_first_answer_is_read_from_what_the_demo_says() -> None:
    told = Told(first_answer_seconds=125.4, table="\nwords\n", outcome=None)
    words = last_words(Timeline(), told, Path("report.html"), "make kubectl ARGS='{args}'")
    assert waiting.first_answer_seconds(words) == 125.0
    assert waiting.first_answer_seconds("error: nothing") is None


ONE, TWO, FOUR = (Setting(batch=batch, instances=1, threads=1) for batch in (1, 2, 4))


def readings(setting: Setting, rows: list[float], p99: float, first: int = 0) -> list[Reading]:
    return [
        Reading(round=first + number, setting=setting, rows_per_second=value, p99_ms=p99)
        for number, value in enumerate(rows)
    ]


def test_the_best_by_hand_has_most_rows_of_those_within_the_goal() -> None:
    found = readings(ONE, [60, 61, 62], 80) + readings(TWO, [70, 71, 10], 149)
    found += readings(FOUR, [90, 91, 92], 151)
    assert best(found, by_hand(1), 150) == TWO
    assert best(found, by_hand(1), 160) == FOUR
    assert best(found, by_hand(1), 10) is None


def test_ratios_pair_what_was_measured_in_the_same_round() -> None:
    found = readings(ONE, [50, 100], 1) + readings(TWO, [50, 80], 1, first=1)
    assert ratios(found, TWO, ONE) == [0.5]
    assert ratios(found, ONE, ONE) == [1.0, 1.0]


def test_every_round_measures_every_setting_once_and_begins_with_another() -> None:
    asked = [FOUR, *by_hand(1)]
    rounds = [order(asked, number) for number in range(5)]
    assert all(sorted(found) == by_hand(1) for found in rounds)
    assert len({found[0] for found in rounds}) == 5


def test_settings_are_read_from_status_and_loaded_with_twice_what_they_hold() -> None:
    found = from_status({"maxBatchSize": 8, "instances": 2, "threads": 1})
    assert found == Setting(batch=8, instances=2, threads=1)
    assert found.concurrency == 32


@pytest.mark.parametrize(("quantity", "many"), [("1", 1.0), ("1500m", 1.5), ("0.5", 0.5)])
def test_cores_of_a_limit(quantity: str, many: float) -> None:
    assert cores(quantity) == many


TUNED = throughput.Tuned(setting=TWO, capacity=60.0, goal_ms=150, cpu=1.0)


def f5(*, latency: float) -> Figures:
    found = [item for n, s in enumerate(by_hand(1)) for item in readings(s, [60 + n], latency)]
    at_capacity = Reading(round=0, setting=TWO, rows_per_second=60, p99_ms=99, rate=60.0)
    return throughput.figures(TUNED, [*found, at_capacity])


def test_throughput_is_compared_with_the_best_by_hand() -> None:
    found = f5(latency=100)
    values = {item.id: item.value for item in found.targets}
    assert values == {"F5.latency": 100.0, "F5.throughput": rounded(61 / 64)}
    names = [item.what for item in found.rows]
    assert len(names) == len(set(names)) == 2 * 6 + 3
    assert next(item for item in found.rows if "random arrivals" in item.what).value == 99.0


def test_without_a_setting_within_the_goal_there_is_no_comparison() -> None:
    assert [item.id for item in f5(latency=200).targets] == ["F5.latency"]
