"""What a whole tuning finds, against a Triton that is made up."""

from __future__ import annotations

from typing import Any

import pytest
from fake_triton import FakeTriton, growing
from tuning_landscapes import (
    CONTENTION,
    asked,
    batches_pay,
    rows_cost,
    threads_pay,
    total,
    true_candidate,
    truly_best,
    tune,
    tuning_of,
)
from tuning_values import setting

from modelservice_runtime.contract.traffic import RowsShare
from modelservice_runtime.tuner.settings import (
    Option,
    Setting,
)

pytestmark = pytest.mark.usefixtures("quick_search")


LANDSCAPES = {
    "batches pay": (batches_pay, {}),
    "threads pay": (threads_pay, {}),
    "a batch gains nothing": (rows_cost, {}),
    "a tight goal": (batches_pay, {"milliseconds": 12.0}),
    "the median counts": (batches_pay, {"milliseconds": 20.0, "percentile": 50.0}),
    "several rows": (
        batches_pay,
        {"rows_per_request": (RowsShare(rows=1, percent=70.0), RowsShare(rows=4, percent=30.0))},
    ),
}


@pytest.mark.parametrize(("truth", "traffic"), LANDSCAPES.values(), ids=LANDSCAPES.keys())
def test_the_truly_best_setting_is_found(
    truth: Any, traffic: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeTriton(truth=truth, contention=CONTENTION, scatter=0.03)
    found = tune(fake, monkeypatch, asked(**traffic))
    assert found.met
    chosen = true_candidate(fake, found.chosen.setting, found.question)
    assert chosen.rows_per_second >= 0.97 * truly_best(fake, found)
    assert found.notes == ()


def test_the_capacity_keeps_the_goal_and_gives_little_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeTriton(truth=batches_pay, contention=CONTENTION, scatter=0.05)
    found = tune(fake, monkeypatch, asked(milliseconds=20.0))
    truth = true_candidate(fake, found.chosen.setting, found.question)
    assert 0.85 * truth.rows_per_second <= found.capacity.rows_per_second
    assert found.capacity.rows_per_second <= 1.03 * truth.rows_per_second
    assert found.capacity.latency_ms <= 20.0 * 1.1
    # What it cost: load runs and the time of them, on the fake's clock.
    assert found.runs == fake.runs
    assert 0 < found.load_seconds < found.seconds < 60.0


def test_a_goal_below_a_lone_row_is_served_as_well_as_it_can_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeTriton(truth=batches_pay)
    found = tune(fake, monkeypatch, asked(milliseconds=2.0))
    assert not found.met
    assert found.chosen.setting.max_batch_size == 1
    assert found.capacity.rows_per_second > 0
    assert "cannot be kept: a lone request takes" in found.why
    assert "no rate keeps the objective" in found.capacity.note


def test_a_goal_that_hardly_more_than_lone_requests_keep_is_met(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeTriton(truth=batches_pay, contention=CONTENTION)
    found = tune(fake, monkeypatch, asked(milliseconds=4.8))
    assert found.met
    assert found.capacity.rows_per_second > 0


def test_the_faster_variant_serves_and_the_far_slower_one_is_looked_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def truth(option: Option, rows: int) -> float:
        return batches_pay(option, rows) * {"a": 1.0, "b": 0.5, "c": 3.0}[option.variant]

    fake = FakeTriton(truth=truth, contention=CONTENTION)
    found = tune(fake, monkeypatch, variants=("a", "b", "c"))
    assert found.chosen.setting.option.variant == "b"
    looked = {name: {p.option for p in fake.served if p.option.variant == name} for name in "abc"}
    assert len(looked["c"]) == 1 < len(looked["b"])


def test_what_serves_now_is_compared_with(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeTriton(truth=batches_pay, contention=CONTENTION)
    steps = tuning_of(fake, monkeypatch, asked())
    found = steps.run(setting(1, 2))
    assert 0 < found.current < 0.8 * found.capacity.rows_per_second


@pytest.mark.parametrize("current", [setting(8, 7), setting(8, 2, variant="gone")])
def test_what_serves_now_and_was_not_measured_is_compared_with_nothing(
    current: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = tuning_of(FakeTriton(truth=batches_pay), monkeypatch, asked(max_batch=4))
    assert steps.run(current).current == 0.0


def test_what_serves_now_and_cannot_hold_the_requests_carries_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shares = (RowsShare(rows=4, percent=100.0),)
    steps = tuning_of(FakeTriton(truth=batches_pay), monkeypatch, asked(rows_per_request=shares))
    assert steps.run(setting(2, 2)).current == 0.0


def test_an_expected_rate_is_served_with_the_fewest_replicas_and_the_least_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeTriton(truth=batches_pay, contention=CONTENTION, memory_of=growing)
    found = tune(fake, monkeypatch, asked(rows_per_second=300.0))
    assert found.question.replicas(found.capacity.rows_per_second) == 1
    free = tune(FakeTriton(truth=batches_pay, contention=CONTENTION), monkeypatch)
    assert total(growing(found.chosen.setting)) < total(growing(free.chosen.setting))
