"""What a tuning found out becomes its report: every figure from where it was measured."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import pytest
from tuning_values import candidate, question, setting, trial, tuned

from modelservice_runtime.contract.profile import MemoryPlan
from modelservice_runtime.tuner import command
from modelservice_runtime.tuner.answered import answered_shares
from modelservice_runtime.tuner.knobs import Place, decide, knobs
from modelservice_runtime.tuner.memory_plan import MIB, Observation
from modelservice_runtime.tuner.outcome import Tuned
from modelservice_runtime.tuner.report import document as doc
from modelservice_runtime.tuner.report import write
from modelservice_runtime.tuner.reporting import report_of
from modelservice_runtime.tuner.table import settings_table

PLACE = Place(gpu=False, backend="python", answer_bytes=4000)
PLAN = MemoryPlan(request_bytes=384 * MIB, limit_bytes=640 * MIB, shared_memory_bytes=64 * MIB)
FOUND = tuned()


def report(found: Tuned = FOUND, memory: MemoryPlan | None = PLAN) -> Any:
    """Of a tuning."""
    decided = decide(found, PLACE)
    return report_of(
        found,
        knobs(found, decided, PLACE),
        memory,
        answered_shares(found, decided),
        title="Tuning of team/tiny",
        created_at="2026-09-22T10:30:00+00:00",
        hardware="AMD EPYC",
    )


REPORT = report()


def view(label: str) -> doc.SettingView:
    """Of one setting."""
    (found,) = [item for item in REPORT.settings if item.label == label]
    return found


def test_every_simulated_setting_is_in_it_with_what_became_of_it() -> None:
    assert len(REPORT.settings) == len(FOUND.order)
    chosen = view(setting(8, 2).words())
    assert (chosen.outcome, chosen.why) == (doc.CHOSEN, "it is best")
    assert chosen.measured_capacity == FOUND.capacity.rows_per_second
    finalist = view(setting(4, 2).words())
    assert finalist.outcome == doc.FINALIST
    assert "late at " in finalist.why
    assert finalist.measured_latency_ms == FOUND.trials[2].tail_ms
    assert view(setting(16, 2).words()).outcome == doc.UNFIT
    slow = view(setting(1, 1, 2).words())
    assert slow.outcome == doc.REJECTED
    assert "behind, simulated" in slow.why
    assert slow.measured_capacity is None


def test_what_was_corrected_is_in_it_even_where_it_was_not_simulated_before() -> None:
    found = tuned(order=FOUND.order[1:])
    assert report(found).settings[0].outcome == doc.CHOSEN


def test_a_setting_that_keeps_the_goal_at_no_rate_says_so() -> None:
    found = tuned(question=question(5.5))
    words = [item.why for item in report(found).settings if item.outcome == doc.REJECTED]
    assert "keeps p99 ≤ 5.5 ms at no rate" in words


def test_threads_beyond_the_cores_that_seem_to_carry_a_little_more_are_told_as_such() -> None:
    crowded = candidate(setting(8, 3), 1.05 * FOUND.order[0].rows_per_second)
    shown = report(tuned(order=(*FOUND.order, crowded))).settings
    (found,) = [item for item in shown if item.label == crowded.setting.words()]
    assert found.outcome == doc.REJECTED
    assert found.why == "more threads than cores, for too little more"


def test_each_run_stands_beside_its_simulation() -> None:
    assert len(REPORT.runs) == len(FOUND.trials)
    for run, measured in zip(REPORT.runs, FOUND.trials, strict=True):
        # It was made by the model itself.
        assert run.measured_p50_ms == pytest.approx(run.simulated_p50_ms, rel=0.02)
        assert run.measured_p99_ms == pytest.approx(run.simulated_p99_ms, rel=0.02)
        assert run.measured_violation_percent == pytest.approx(run.simulated_violation_percent)
        assert run.requests == measured.measurement.requests


def test_a_run_that_was_thrown_away_says_why() -> None:
    odd = trial(setting(8, 2), FOUND.question, 100.0, delayed_percent=80.0)
    assert "were sent late" in report(tuned(trials=(odd,))).runs[0].discarded


def test_curves_have_their_points_and_the_chosen_one_is_marked() -> None:
    assert [curve.chosen for curve in REPORT.curves].count(True) == 1
    for curve in REPORT.curves:
        assert [point.batch for point in curve.points] == [1, 2, 4, 8]
        assert [point.milliseconds for point in curve.points] == [5.0, 6.0, 8.0, 12.0]


def test_memory_is_predicted_beside_what_was_measured() -> None:
    memory = REPORT.memory
    assert memory.predicted_bytes == sum(part.predicted_bytes for part in memory.parts)
    assert memory.measured_bytes == 270 * MIB
    assert memory.predicted_bytes >= memory.measured_bytes
    assert memory.limit_bytes == PLAN.limit_bytes


def test_the_prediction_is_from_what_was_known_before_the_setting_was_measured() -> None:
    small = Observation(setting=setting(1, 2), server_bytes=90 * MIB, instance_bytes=100 * MIB)
    memory = report(tuned(memory=(*FOUND.memory, small))).memory
    assert memory.predicted_bytes < 270 * MIB
    assert memory.measured_bytes == 270 * MIB


def test_where_memory_was_not_measured_that_is_said() -> None:
    memory = report(tuned(memory=()), memory=None).memory
    assert "was not measured" in memory.note
    assert memory.parts == ()


def test_capacity_grows_with_the_replicas_and_its_shares_fall_with_the_load() -> None:
    capacity = REPORT.capacity
    assert capacity.rows_per_second[0] == FOUND.capacity.rows_per_second
    assert capacity.rows_per_second[-1] == pytest.approx(64 * FOUND.capacity.rows_per_second)
    first = [row[0] for row in capacity.answered_percent]
    assert first[0] > 99
    assert all(0 <= share <= 100 for share in first)
    assert first[0] > first[-1]


def test_it_is_written_as_a_page_and_as_json_without_a_figure_that_is_none(tmp_path: Path) -> None:
    write(REPORT, tmp_path)
    text = (tmp_path / "report.json").read_text()
    assert "NaN" not in text
    assert json.loads(text)["title"] == "Tuning of team/tiny"
    assert "it is best" in (tmp_path / "report.html").read_text()


def test_a_tuning_that_kept_no_goal_has_a_report_too(tmp_path: Path) -> None:
    found = tuned(question=question(0.5), met=False, trials=(), first_fits={}, finalists=())
    value = report(found)
    assert all(math.isnan(item.simulated_latency_ms) for item in value.settings)
    write(value, tmp_path)


def test_the_table_for_people_marks_the_chosen_one_and_has_all_that_were_measured() -> None:
    lines = settings_table(FOUND).splitlines()
    assert lines[1].startswith(setting(8, 2).words())
    assert lines[1].endswith("<- chosen")
    assert any("it would need too much" in line for line in lines)
    other = trial(setting(3, 3), FOUND.question, 50.0)
    assert setting(3, 3).words() in settings_table(tuned(trials=(*FOUND.trials, other)))


def found_by_command() -> command.Found:
    """What the command line has found."""
    decided = decide(FOUND, PLACE)
    return command.Found(
        tuned=FOUND,
        decided=decided,
        knobs=knobs(FOUND, decided, PLACE),
        before=setting(1),
        wall_seconds=61.0,
    )


def test_the_command_says_the_choice_its_capacity_and_whether_it_was_applied() -> None:
    words = command.words(found_by_command(), argparse.Namespace(apply=False))
    assert settings_table(FOUND) in words
    assert f"Capacity: {FOUND.capacity.rows_per_second:.0f} rows/s within p99 ≤ 50 ms" in words
    assert "the model serves as before (--apply changes it)" in words
    applied = command.words(found_by_command(), argparse.Namespace(apply=True))
    assert "61 s in all; applied." in applied


def test_the_command_s_document_and_report_are_written(tmp_path: Path) -> None:
    command.write(found_by_command(), tmp_path / "found.json")
    document = json.loads((tmp_path / "found.json").read_text())
    assert document["setting"]["maxBatchSize"] == 8
    assert document["before"]["maxBatchSize"] == 1
    assert document["objectiveMet"] is True
    assert document["capacityRowsPerSecond"] == pytest.approx(FOUND.capacity.rows_per_second, 1e-3)
    command.report(found_by_command(), tmp_path / "report", "Tuning of m")
    assert (tmp_path / "report" / "report.html").exists()
