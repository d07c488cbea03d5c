"""A whole tuning against a Triton that is made up: what it finds, and what it does in trouble."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fake_triton import FakeTriton, growing
from tuning_values import fits, question, setting, tune_request

from modelservice_runtime.contract.traffic import CLOSED_LOOP, TRACE, LengthShare, RowsShare
from modelservice_runtime.serve.samples import SamplesUnreadable
from modelservice_runtime.tuner import finding_capacity, job, search, tuning
from modelservice_runtime.tuner import settings as setting_values
from modelservice_runtime.tuner.bench import Bench
from modelservice_runtime.tuner.deadline import Deadline
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
from modelservice_runtime.tuner.memory_plan import MIB
from modelservice_runtime.tuner.memory_use import MemoryUse
from modelservice_runtime.tuner.outcome import Tuned
from modelservice_runtime.tuner.question import Question
from modelservice_runtime.tuner.results import curve_notes
from modelservice_runtime.tuner.search import Candidate, simulate
from modelservice_runtime.tuner.settings import (
    Option,
    Setting,
    batch_sizes,
    delays_microseconds,
)
from modelservice_runtime.tuner.simulation.arrivals import parse_trace
from modelservice_runtime.tuner.simulation.capacity import Carried, carried
from modelservice_runtime.tuner.simulation.service_time import ServiceTime
from modelservice_runtime.tuner.tuning import Tuning

GOAL_MS = 40.0
CONTENTION = 0.1


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coarser search is as good for a landscape that is made up."""
    monkeypatch.setattr(search, "FEW_REQUESTS", 800)
    monkeypatch.setattr(search, "FEW_STEPS", 5)
    monkeypatch.setattr(search, "LOOKED_AT_AGAIN", 3)
    monkeypatch.setattr(setting_values, "DELAY_SHARES", (0.0, 0.25))
    monkeypatch.setattr(search, "carried", _carried)
    monkeypatch.setattr(finding_capacity, "carried", _carried)


def _carried(*given: Any, requests: int = 5000, steps: int = 8) -> Carried:
    return carried(*given, requests=requests, steps=steps)


def batches_pay(option: Option, rows: int) -> float:
    """A second thread helps little."""
    return (0.004 + 0.001 * rows) / (1 + 0.2 * (option.threads - 1))


def threads_pay(option: Option, rows: int) -> float:
    """Two threads are more than twice as fast as one."""
    return (0.004 + 0.004 * rows) / (1 + 1.3 * (option.threads - 1))


def rows_cost(option: Option, rows: int) -> float:
    """A batch gains nothing."""
    return 0.005 * rows / (1 + 0.3 * (option.threads - 1))


def total(use: MemoryUse) -> int:
    """Of a replica."""
    return use.server + use.instances


def asked(**more: Any) -> Question:
    """A small search."""
    return question(**{"milliseconds": GOAL_MS, "max_batch": 8, **more})


def tuning_of(
    fake: FakeTriton,
    patch: pytest.MonkeyPatch,
    wanted: Question,
    *,
    variants: tuple[str, ...] = ("a",),
    seconds: float = 400.0,
) -> Tuning:
    """On the fake's time."""
    fake.install(patch)
    deadline = Deadline.after(seconds, fake.clock.now)
    bench = Bench(server=fake, load=fake, deadline=deadline)  # type: ignore[arg-type]
    return Tuning(bench=bench, variants=variants, question=wanted, deadline=deadline)


def tune(
    fake: FakeTriton, patch: pytest.MonkeyPatch, wanted: Question | None = None, **more: Any
) -> Tuned:
    """All steps."""
    return tuning_of(fake, patch, wanted or asked(), **more).run()


def true_candidate(fake: FakeTriton, place: Setting, wanted: Question) -> Candidate:
    """As who knew the truth would simulate it."""
    normal = np.random.default_rng(1).standard_normal(400)
    spread = np.maximum(0.3, 1 + fake.scatter * normal)
    sizes = tuple(range(1, 9))
    service = ServiceTime(
        batches=sizes,
        seconds=tuple(fake.truth(place.option, size) for size in sizes),
        spread=tuple((spread / spread.mean()).tolist()),
        contention=tuple(1 + fake.contention * n for n in range(8)),
        overhead=fake.overhead,
    )
    return simulate(place, service, wanted, fits)


def truly_best(fake: FakeTriton, found: Tuned) -> float:
    """Rows a second of the best of all settings of the options that were looked at."""
    wanted = found.question
    return max(
        true_candidate(fake, setting_, wanted).rows_per_second
        for setting_ in {
            Setting(option=option, max_batch_size=size, queue_delay_microseconds=delay)
            for option in found.options
            for size in batch_sizes(wanted.limits.max_batch_size, wanted.least_batch)
            for delay in delays_microseconds(
                1000 * fake.truth(option, size), size, wanted.objective.milliseconds
            )
        }
    )


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
    """Whatever ran while the curves were measured is gone, and something else runs."""
    curves_done: list[bool] = []

    def truth(option: Option, rows: int) -> float:
        if not curves_done:
            return batches_pay(option, rows)
        return 0.025

    def simulated(*given: Any) -> tuple[Candidate, ...]:
        curves_done.append(True)
        return search.simulated(*given)

    monkeypatch.setattr(tuning, "simulated", simulated)
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

    def simulated(*given: Any) -> tuple[Candidate, ...]:
        curves_done.append(True)
        return search.simulated(*given)

    monkeypatch.setattr(tuning, "simulated", simulated)
    fake = FakeTriton(truth=truth)
    found = tune(fake, monkeypatch)
    chosen = true_candidate(fake, found.chosen.setting, found.question)
    assert found.capacity.rows_per_second <= 1.05 * chosen.rows_per_second


def test_settings_that_need_more_than_the_limit_are_never_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two instances fit, three do not."""

    def memory(place: Setting) -> MemoryUse:
        return growing(place, server=100, fixed=200, row=2)

    limit = 580 * MIB
    fake = FakeTriton(truth=batches_pay, memory_of=memory)
    found = tune(fake, monkeypatch, asked(memory=limit, cpu=4.0))
    assert found.chosen.setting.option.instances == 2
    assert max(place.option.instances for place in fake.served) == 2
    assert all(total(memory(place)) <= limit for place in fake.served)
    assert any("of the 580 MiB allowed" in note for note in found.notes)
    assert total(memory(found.chosen.setting)) <= limit


def test_batches_that_need_more_than_the_limit_are_not_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That 40 MiB a row are needed is not known before a second size was seen."""

    def memory(place: Setting) -> MemoryUse:
        return growing(place, server=100, fixed=40, row=40)

    fake = FakeTriton(truth=batches_pay, memory_of=memory)
    found = tune(fake, monkeypatch, asked(memory=400 * MIB))
    assert total(memory(found.chosen.setting)) <= 400 * MIB
    unfit = {item.setting for item in found.order if item.misfit}
    assert unfit
    assert all(total(memory(item.setting)) <= 400 * MIB for item in found.order if not item.misfit)
    assert unfit.isdisjoint({trial.setting for trial in found.trials})


def test_a_limit_below_what_one_instance_needs_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeTriton(truth=batches_pay, memory_of=growing)
    with pytest.raises(UserError, match=r"would need .* raise spec") as caught:
        tune(fake, monkeypatch, asked(memory=90 * MIB))
    assert caught.value.reason == OUT_OF_MEMORY
    # It was found out with one row, and nothing larger was tried.
    assert {place.max_batch_size for place in fake.served} == {1}


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
    lengths = {int(n) for trial in found.trials for n in trial.requests.length}
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


def test_clients_that_wait_are_tuned_for_too(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeTriton(truth=batches_pay, contention=CONTENTION)
    found = tune(fake, monkeypatch, asked(arrivals=CLOSED_LOOP, concurrency=16))
    assert found.met
    assert found.capacity.rows_per_second > 0


def test_a_recorded_trace_is_tuned_for_and_its_runs_are_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "seconds,requests\n" + "".join(f"{n},{5 + 40 * (n % 7 == 0)}\n" for n in range(120))
    fake = FakeTriton(truth=batches_pay, contention=CONTENTION)
    bursts = tune(fake, monkeypatch, asked(arrivals=TRACE, trace=parse_trace(text)))
    best = truly_best(fake, replace(bursts, question=asked()))
    assert 0 < bursts.capacity.rows_per_second < 0.6 * best
    assert fake.clock.now - 1000.0 < 120.0


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
