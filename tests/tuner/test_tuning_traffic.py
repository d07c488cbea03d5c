"""A whole tuning under traffic that is not of independent clients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fake_triton import FakeTriton
from tuning_landscapes import (
    CONTENTION,
    GOAL_MS,
    asked,
    batches_pay,
    rows_cost,
    true_candidate,
    truly_best,
    tune,
    tuning_of,
)
from tuning_values import setting

from modelservice_runtime.contract.traffic import CLOSED_LOOP, TRACE, RowsShare
from modelservice_runtime.tuner.answered import answered_shares
from modelservice_runtime.tuner.knobs import Place, decide, knobs
from modelservice_runtime.tuner.outcome import Tuned
from modelservice_runtime.tuner.question import Question
from modelservice_runtime.tuner.report import document as doc
from modelservice_runtime.tuner.reporting import report_of
from modelservice_runtime.tuner.settings import Option, Setting
from modelservice_runtime.tuner.simulation.arrivals import parse_trace
from modelservice_runtime.tuner.trials import ENOUGH_REQUESTS, verdict

pytestmark = pytest.mark.usefixtures("quick_search")

PLACE = Place(gpu=False, backend="python", answer_bytes=4000)


def tried(found: Tuned) -> set[Setting]:
    """The settings that were loaded."""
    return {trial.setting for trial in found.trials}


def slow(option: Option, rows: int) -> float:
    """As ``batches_pay``, ten times as long."""
    return 10 * batches_pay(option, rows)


def looped(clients: int, **more: Any) -> Question:
    """So many clients that wait for their answers."""
    return asked(arrivals=CLOSED_LOOP, concurrency=clients, **more)


@pytest.mark.parametrize("exports", [True, False])
def test_clients_that_wait_are_tuned_for_with_as_many_in_flight(
    *, exports: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeTriton(truth=batches_pay, contention=CONTENTION, scatter=0.05, exports=exports)
    found = tune(fake, monkeypatch, looped(16, cpu=3.0))
    assert found.met
    assert found.notes == ()
    assert {trial.clients for trial in found.trials} == {16}
    own = [trial for trial in found.trials if trial.setting == found.chosen.setting]
    assert verdict(own).high <= 0.01
    truth = true_candidate(fake, found.chosen.setting, found.question)
    assert found.capacity.rows_per_second == pytest.approx(truth.rows_per_second, rel=0.1)
    assert truth.rows_per_second >= 0.95 * truly_best(fake, found)
    assert "within p99 ≤ 40 ms with 16 requests in flight" in found.why


def test_a_slow_model_s_settings_are_compared_by_few_requests_which_prove_what_none_of_them_misses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeTriton(truth=slow, contention=CONTENTION, scatter=0.05)
    found = tune(fake, monkeypatch, looped(8, milliseconds=900.0))
    assert found.met
    own = [trial for trial in found.trials if trial.setting == found.chosen.setting]
    assert {trial.violations for trial in own} == {0.0}
    assert verdict(own).high <= 0.01
    assert len(tried(found)) > 1
    assert max(trial.measurement.requests for trial in found.trials) < ENOUGH_REQUESTS / 4


def test_more_clients_than_can_be_answered_in_time_get_what_the_most_that_can_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeTriton(truth=batches_pay, contention=CONTENTION, scatter=0.05)
    found = tune(fake, monkeypatch, looped(200))
    assert not found.met
    truth = true_candidate(fake, found.chosen.setting, found.question)
    assert 0 < found.capacity.clients < 200
    assert found.capacity.clients == pytest.approx(truth.clients, rel=0.15)
    assert found.capacity.rows_per_second == pytest.approx(truth.rows_per_second, rel=0.1)
    assert found.capacity.latency_ms <= GOAL_MS
    own = [trial for trial in found.trials if trial.clients == found.capacity.clients]
    assert verdict(own).high <= 0.01
    by_setting = [[t.clients for t in found.trials if t.setting == s] for s in tried(found)]
    assert {first for first, *_ in by_setting} == {200}
    assert all(later < 200 for _, *more in by_setting for later in more), "where it is to serve"
    assert found.why.startswith("p99 ≤ 40 ms is missed with 200 requests in flight: p99 is ")
    assert f"the {found.capacity.clients} that keep it" in found.why


def test_where_fewer_clients_will_do_as_many_as_get_most_are_found_without_a_run_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeTriton(truth=batches_pay, contention=CONTENTION, scatter=0.05)
    found = tune(fake, monkeypatch, replace(looped(200), or_fewer=True))
    assert found.met
    truth = true_candidate(fake, found.chosen.setting, found.question)
    assert found.capacity.clients == pytest.approx(truth.clients, rel=0.15)
    assert truth.rows_per_second >= 0.95 * truly_best(fake, found)
    assert max(trial.clients for trial in found.trials) < 200
    assert found.why.endswith(
        f"within p99 ≤ 40 ms with {found.capacity.clients} requests in flight, of 200 at most"
    )


def test_clients_that_miss_the_goal_by_far_are_loaded_only_to_see_how_fast_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = tune(FakeTriton(truth=rows_cost), monkeypatch, looped(32, milliseconds=40))
    requests = {trial.clients: trial.measurement.requests for trial in found.trials}
    assert not found.met
    assert requests[32] < ENOUGH_REQUESTS / 4
    assert requests[found.capacity.clients] > ENOUGH_REQUESTS / 2


def test_where_only_one_client_at_a_time_is_answered_in_time_that_is_proven(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeTriton(truth=rows_cost)
    found = tune(fake, monkeypatch, looped(8, milliseconds=4.2))
    assert (found.met, found.capacity.clients) == (False, 1)
    assert found.capacity.rows_per_second == pytest.approx(250, rel=0.1)


def test_of_several_sizes_each_has_clients_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = (RowsShare(rows=1, percent=75.0), RowsShare(rows=4, percent=25.0))
    fake = FakeTriton(truth=batches_pay, contention=CONTENTION)
    found = tune(fake, monkeypatch, looped(8, rows_per_request=shares))
    assert found.met
    sent = [set(trial.measurement.sent_rows) for trial in found.trials]
    assert sent
    assert all(sizes == {1, 4} for sizes in sent)


def test_a_load_generator_that_keeps_too_few_in_flight_proves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = tune(FakeTriton(truth=batches_pay, pause=0.2), monkeypatch, looped(16))
    assert found.trials
    assert {trial.sending for trial in found.trials} <= {16, 32}
    assert all("requests were in flight" in trial.discarded for trial in found.trials)
    assert "the load generator fell behind in all runs" in found.capacity.note
    assert found.capacity.rows_per_second > 0


def test_a_load_generator_that_needs_time_of_its_own_gets_more_clients(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = tune(FakeTriton(truth=batches_pay, pause=0.006), monkeypatch, looped(16))
    first, *more = found.trials
    assert first.sending == 16
    assert first.clients == round(first.in_flight) < 16, "it is a run with as many as there were"
    assert more
    assert all(trial.sending > 16 and trial.clients == 16 for trial in more)
    assert not any(trial.discarded for trial in found.trials)
    assert found.capacity.clients == 16
    assert not found.capacity.note


def test_a_goal_below_a_lone_row_is_served_in_a_closed_loop_as_well_as_it_can_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = tune(FakeTriton(truth=batches_pay), monkeypatch, looped(8, milliseconds=2.0))
    assert not found.met
    assert "cannot be kept: a lone request takes" in found.why
    assert [trial.clients for trial in found.trials] == [8]


@pytest.mark.parametrize("seconds", [3.0, 6.0, 12.0, 30.0])
def test_a_closed_loop_ends_in_time_too(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeTriton(truth=batches_pay, contention=CONTENTION)
    began = fake.clock.now
    found = tune(fake, monkeypatch, looped(16), seconds=seconds)
    assert found.capacity.rows_per_second > 0
    assert fake.clock.now - began <= seconds


def test_what_serves_now_is_compared_with_in_a_closed_loop_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeTriton(truth=batches_pay, contention=CONTENTION)
    found = tuning_of(fake, monkeypatch, looped(16)).run(setting(1, 2))
    assert 0 < found.current < 0.8 * found.capacity.rows_per_second


def test_a_recorded_trace_is_tuned_for_and_its_runs_are_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "seconds,requests\n" + "".join(f"{n},{5 + 40 * (n % 7 == 0)}\n" for n in range(120))
    fake = FakeTriton(truth=batches_pay, contention=CONTENTION)
    bursts = tune(fake, monkeypatch, asked(arrivals=TRACE, trace=parse_trace(text)))
    best = truly_best(fake, replace(bursts, question=asked()))
    assert 0 < bursts.capacity.rows_per_second < 0.6 * best
    assert fake.clock.now - 1000.0 < 120.0


def test_the_report_shows_the_clients_that_were_asked_for_and_those_that_keep_the_goal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = tune(FakeTriton(truth=batches_pay, contention=CONTENTION), monkeypatch, looped(200))
    decided = decide(found, PLACE)
    shares = answered_shares(found, decided)
    every = knobs(found, decided, PLACE)
    made = report_of(found, every, None, shares, title="t", created_at="now", hardware="cpu")
    assert {run.concurrency for run in made.runs} >= {200, found.capacity.clients}
    assert {run.rate for run in made.runs} == {0.0}
    assert made.chosen is not None
    assert made.chosen.measured_capacity == found.capacity.rows_per_second
    assert made.chosen.measured_latency_ms == found.capacity.latency_ms
    rejected = [item.why for item in made.settings if item.outcome == doc.REJECTED]
    assert any("keeps p99 ≤ 40 ms with at most" in why for why in rejected)
    assert [row[0] for row in shares][-1] == 0.0
    assert decided.queue_timeout_microseconds == 0
    (queue,) = [knob for knob in every if knob.name == "queue time-out"]
    assert "none is refused" in queue.why
