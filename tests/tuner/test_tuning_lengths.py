"""Whole tunings for requests of several lengths."""

from __future__ import annotations

import numpy as np
import pytest
from fake_triton import FakeTriton
from tuning_landscapes import CONTENTION, asked, batches_pay, tune

from modelservice_runtime.contract.traffic import CLOSED_LOOP, LengthShare
from modelservice_runtime.tuner.outcome import Tuned

pytestmark = pytest.mark.usefixtures("quick_search")

LENGTHS = (LengthShare(length=10, percent=70.0), LengthShare(length=40, percent=30.0))


def of_lengths(pads: frozenset[str] = frozenset()) -> FakeTriton:
    """Executions of length 40 take as long as the truth says, those of 10 a third of it."""
    return FakeTriton(
        truth=batches_pay,
        contention=CONTENTION,
        longer=lambda length: 1 / 3 if length == 10 else 1.0,
        pads=pads,
    )


def test_several_lengths_are_measured_for_one_option_and_hold_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = tune(of_lengths(frozenset("a")), monkeypatch, asked(lengths=LENGTHS))
    assert found.padded
    for item in found.order:
        known = item.service.by_length
        assert known is not None
        assert known.padded
        assert known.lengths == (10, 40)
        assert known.shares == (0.7, 0.3)
        short, long = np.array(known.factors)
        np.testing.assert_allclose(short, 1 / 3, rtol=0.03)
        np.testing.assert_allclose(long, 1.0)
    lengths = {int(n) for trial in found.trials for n in trial.load.requests.length}
    assert lengths == {10, 40}


def test_requests_that_may_be_padded_are_served_in_larger_batches_and_more_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    traffic = asked(lengths=LENGTHS)
    padded = tune(of_lengths(frozenset("a")), monkeypatch, traffic)
    equal = tune(of_lengths(), monkeypatch, traffic)
    assert not equal.padded
    assert mean_rows(padded) > 1.2 * mean_rows(equal)
    assert padded.capacity.rows_per_second > 1.1 * equal.capacity.rows_per_second


def mean_rows(found: Tuned) -> float:
    """Rows of an execution in the last run of the chosen setting."""
    seen = [trial for trial in found.trials if trial.setting == found.chosen.setting][-1]
    rows = sum(size * number for size, (number, _) in seen.executions.items())
    return rows / sum(number for number, _ in seen.executions.values())


def test_where_a_few_long_requests_would_make_all_batches_long_lengths_stay_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = of_lengths(frozenset("a"))
    fake.longer = lambda length: 1 / 30 if length == 10 else 1.0
    rare = (LengthShare(length=10, percent=98.0), LengthShare(length=40, percent=2.0))
    found = tune(fake, monkeypatch, asked(lengths=rare))
    assert not found.padded
    assert fake.padded == set()
    assert "padding would be right, but carries " in found.padding["a"].why
    assert found.chosen.service.by_length is not None
    assert not found.chosen.service.by_length.padded


@pytest.mark.parametrize("seconds", [3.0, 6.0, 12.0, 20.0])
def test_with_lengths_too_what_was_measured_before_time_was_up_is_used(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the second variant can be asked at all, or the other lengths be measured."""
    fake, wanted = of_lengths(frozenset("ab")), asked(lengths=LENGTHS)
    found = tune(fake, monkeypatch, wanted, variants=("a", "b"), seconds=seconds)
    assert found.capacity.rows_per_second > 0
    assert found.padded


def test_one_length_is_tuned_as_if_nothing_were_said_of_lengths(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = tune(of_lengths(), monkeypatch, asked(lengths=(LengthShare(length=40, percent=100.0),)))
    none = tune(of_lengths(), monkeypatch, asked())
    assert (one.chosen.setting, one.runs) == (none.chosen.setting, none.runs)
    assert one.capacity.rows_per_second == none.capacity.rows_per_second
    assert one.chosen.service.by_length is None


def test_clients_that_wait_send_every_length(monkeypatch: pytest.MonkeyPatch) -> None:
    traffic = asked(lengths=LENGTHS, arrivals=CLOSED_LOOP, concurrency=10)
    found = tune(of_lengths(frozenset("a")), monkeypatch, traffic)
    assert found.met
    assert found.trials
    assert {n for trial in found.trials for n in trial.measurement.sent_lengths} == {10, 40}
