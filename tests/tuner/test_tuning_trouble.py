"""A whole tuning in trouble: what breaks costs itself, and is said."""

from __future__ import annotations

from typing import Any

import pytest
from fake_triton import FakeTriton
from tuning_landscapes import (
    CONTENTION,
    batches_pay,
    true_candidate,
    tune,
)
from tuning_values import tune_request

from modelservice_runtime.serve.samples import SamplesUnreadable
from modelservice_runtime.tuner import job
from modelservice_runtime.tuner.errors import (
    DEADLINE_EXCEEDED,
    MEASUREMENT_FAILED,
    MODEL_NOT_SERVABLE,
    OUT_OF_MEMORY,
    SAMPLE_INPUTS_INVALID,
    LoadFailed,
    OutOfTime,
    TritonDied,
    TuneError,
    UserError,
)

pytestmark = pytest.mark.usefixtures("quick_search")


def test_a_variant_that_triton_refuses_is_given_up_and_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeTriton(truth=batches_pay, refused=lambda place: place.option.variant == "b")
    found = tune(fake, monkeypatch, variants=("a", "b"))
    assert found.chosen.setting.option.variant == "a"
    assert any("b" in note and "Triton refuses: no such engine" in note for note in found.notes)
    assert all(place.option.variant == "a" for place in fake.served)


def test_where_the_builder_s_choice_does_not_load_another_variant_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeTriton(truth=batches_pay, refused=lambda place: place.option.variant == "a")
    found = tune(fake, monkeypatch, variants=("a", "b"))
    assert found.chosen.setting.option.variant == "b"
    assert any(note.startswith("a was given up: Triton refuses") for note in found.notes)


def test_where_none_loads_the_tuning_ends_with_the_first_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeTriton(truth=batches_pay, refused=lambda _: True)
    with pytest.raises(UserError, match="no such engine") as caught:
        tune(fake, monkeypatch, variants=("a", "b"))
    assert caught.value.reason == MODEL_NOT_SERVABLE


@pytest.mark.parametrize("number", [2, 4, 9])
def test_a_triton_that_dies_in_the_middle_costs_that_one_setting(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeTriton(truth=batches_pay, contention=CONTENTION, dies_at=frozenset({number}))
    found = tune(fake, monkeypatch)
    assert found.met
    assert found.capacity.rows_per_second > 0
    assert any("was given up: Triton ended with code -11" in note for note in found.notes)


def test_a_triton_that_dies_of_the_first_row_ends_the_tuning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(TritonDied, match="segfault"):
        tune(FakeTriton(truth=batches_pay, dies_at=frozenset({0})), monkeypatch)


def test_one_that_is_killed_is_out_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeTriton(truth=batches_pay, dies_at=frozenset({0}), killed=True)
    with pytest.raises(
        UserError, match=r"raise spec\.serving\.resources\.limits\.memory"
    ) as caught:
        tune(fake, monkeypatch)
    assert caught.value.reason == OUT_OF_MEMORY


@pytest.mark.parametrize("numbers", [{0}, {1, 5}])
def test_a_load_generator_without_figures_is_asked_once_more(
    numbers: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeTriton(truth=batches_pay, fails_at=frozenset(numbers))
    found = tune(fake, monkeypatch)
    assert found.met
    assert found.notes == ()


def test_one_that_has_none_twice_costs_that_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeTriton(truth=batches_pay, contention=CONTENTION, fails_at=frozenset({3, 4}))
    found = tune(fake, monkeypatch)
    assert found.capacity.rows_per_second > 0
    assert any("no stable measurement" in note for note in found.notes)


def test_one_that_never_has_any_ends_the_tuning_in_its_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As with sample inputs that the model does not take."""
    fake = FakeTriton(truth=batches_pay, fails_at=frozenset(range(99)))
    with pytest.raises(
        LoadFailed, match="no stable measurement within the given windows"
    ) as caught:
        tune(fake, monkeypatch)
    assert caught.value.reason == MEASUREMENT_FAILED


def test_a_triton_that_does_not_say_what_it_executed_ends_the_tuning_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(TuneError, match="statistics API") as caught:
        tune(FakeTriton(truth=batches_pay, counts=False), monkeypatch)
    assert caught.value.reason == MEASUREMENT_FAILED


@pytest.mark.parametrize("seconds", [3.0, 6.0, 12.0, 20.0, 30.0])
def test_when_time_is_up_what_was_measured_is_used(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeTriton(truth=batches_pay, contention=CONTENTION, scatter=0.05)
    began = fake.clock.now
    found = tune(fake, monkeypatch, seconds=seconds)
    assert found.capacity.rows_per_second > 0
    truth = true_candidate(fake, found.chosen.setting, found.question)
    assert found.capacity.rows_per_second <= 1.05 * truth.rows_per_second
    assert fake.clock.now - began <= seconds


def test_no_time_at_all_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OutOfTime) as caught:
        tune(FakeTriton(truth=batches_pay), monkeypatch, seconds=0.3)
    assert caught.value.reason == DEADLINE_EXCEEDED


def test_samples_that_cannot_be_read_are_the_user_s_to_mend(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    def read(artifact: Any) -> None:
        raise SamplesUnreadable(f"{artifact} has no sample row of inputs and outputs")

    monkeypatch.setattr(job, "fetch_artifact", lambda *_: None)
    monkeypatch.setattr(job, "read_samples", read)
    with pytest.raises(TuneError, match="no sample row") as caught:
        job._fetch(tune_request(), tmp_path)
    assert caught.value.reason == SAMPLE_INPUTS_INVALID
