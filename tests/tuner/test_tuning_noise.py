"""A whole tuning on a machine, or with a model, that is not what it seemed."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

import pytest
from fake_triton import FakeTriton
from tuning_landscapes import (
    CONTENTION,
    asked,
    batches_pay,
    threads_pay,
    true_candidate,
    truly_best,
    tune,
    tuning_of,
)

from modelservice_runtime.tuner import search, tuning
from modelservice_runtime.tuner.results import curve_notes
from modelservice_runtime.tuner.search import Candidate
from modelservice_runtime.tuner.settings import (
    Option,
)

pytestmark = pytest.mark.usefixtures("quick_search")


def simulating(done: list[bool], patch: pytest.MonkeyPatch) -> None:
    """It is told when the curves are done."""

    def simulated(*given: Any) -> tuple[Candidate, ...]:
        done.append(True)
        return search.simulated(*given)

    patch.setattr(tuning, "simulated", simulated)


def test_a_noisy_machine_is_measured_longer_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = FakeTriton(truth=batches_pay, contention=CONTENTION)
    tune(quiet, monkeypatch)
    fake = FakeTriton(truth=batches_pay, contention=CONTENTION, drift=0.25)
    found = tune(fake, monkeypatch)
    assert any("the machine is noisy" in note for note in curve_notes(found))
    assert fake.runs > quiet.runs
    assert found.met
    chosen = true_candidate(fake, found.chosen.setting, found.question)
    assert chosen.rows_per_second >= 0.7 * truly_best(fake, found)
    assert found.capacity.rows_per_second <= 1.1 * chosen.rows_per_second


def test_a_model_that_is_wrong_is_searched_further_with_measurements_and_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After the curves large batches do not pay any more."""
    curves_done: list[bool] = []

    def truth(option: Option, rows: int) -> float:
        if not curves_done:
            return batches_pay(option, rows)
        return 0.060 if rows > 6 else 0.015

    simulating(curves_done, monkeypatch)
    fake = FakeTriton(truth=truth)
    steps = tuning_of(fake, monkeypatch, asked(milliseconds=100.0))
    found = steps.run()
    assert steps.confirming.searched_further
    assert any("model and measurements disagree" in note for note in found.notes)
    assert len({trial.setting for trial in found.trials}) > len(found.finalists)
    assert found.capacity.rows_per_second > 0


def test_a_machine_that_has_become_slower_is_found_and_nothing_is_promised_for_the_old_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    curves_done: list[bool] = []

    def truth(option: Option, rows: int) -> float:
        return batches_pay(option, rows) * (1.6 if curves_done else 1.0)

    simulating(curves_done, monkeypatch)
    fake = FakeTriton(truth=truth)
    steps = tuning_of(fake, monkeypatch, asked())
    found = steps.run()
    chosen = true_candidate(fake, found.chosen.setting, found.question)
    assert found.capacity.rows_per_second <= 1.05 * chosen.rows_per_second
    assert not steps.confirming.searched_further, "the order of the settings is what it was"
    (note,) = found.notes
    assert re.match(r"under load executions take \d+% longer than in the curves", note)


def test_late_answers_at_any_rate_still_give_a_capacity_in_figures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on a machine that stands still for moments: no rate keeps the goal for 99 of 100."""
    executions = itertools.count()

    def stalling(option: Option, rows: int) -> float:
        stalls = fake.runs > 8 and next(executions) % 8 == 0
        return 0.2 if stalls else batches_pay(option, rows)

    fake = FakeTriton(truth=stalling)
    found = tune(fake, monkeypatch)
    assert found.met
    assert 0 < found.capacity.rows_per_second < math.inf
    assert 0 < found.capacity.latency_ms < math.inf
    assert "cautious guess" in found.capacity.note


def stalls_with(threads: int, often: int) -> tuple[FakeTriton, list[bool]]:
    """Triton in which each so-manieth execution with ``threads`` stands still, but in no curve."""
    executions, curves_done = itertools.count(), list[bool]()

    def truth(option: Option, rows: int) -> float:
        stands = curves_done and option.threads == threads and next(executions) % often == 0
        return 0.2 if stands else threads_pay(option, rows)

    return FakeTriton(truth=truth, contention=0.5), curves_done


def test_an_option_that_stands_still_now_and_then_gives_way_to_one_that_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As threads do that wait for each other on cores that others want too."""
    fake, curves_done = stalls_with(threads=2, often=40)
    simulating(curves_done, monkeypatch)
    found = tune(fake, monkeypatch)
    assert found.order[0].setting.option.threads == 2
    assert found.chosen.setting.option.threads == 1
    assert not found.capacity.note
    chosen = true_candidate(fake, found.chosen.setting, found.question)
    assert found.capacity.rows_per_second >= 0.7 * chosen.rows_per_second
    assert any("combinations of instances and threads" in note for note in found.notes)


def test_a_load_generator_that_falls_behind_proves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeTriton(truth=batches_pay, stretched=1.4)
    found = tune(fake, monkeypatch)
    assert found.trials
    assert all(trial.discarded for trial in found.trials)
    assert "the load generator fell behind in all runs" in found.capacity.note
    truth = true_candidate(fake, found.chosen.setting, found.question)
    assert 0 < found.capacity.rows_per_second <= 0.8 * truth.rows_per_second


def test_where_sizes_vary_latencies_come_from_percentiles_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeTriton(truth=batches_pay, contention=CONTENTION, exports=False)
    found = tune(fake, monkeypatch)
    chosen = true_candidate(fake, found.chosen.setting, found.question)
    assert chosen.rows_per_second >= 0.95 * truly_best(fake, found)
    assert all(trial.sent is None for trial in found.trials)
