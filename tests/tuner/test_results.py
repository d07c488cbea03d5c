"""A tuning's result: says what was found, and always fits into a termination message."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tuning_values import (
    SERVICE,
    candidate,
    executions,
    question,
    setting,
    trial,
    tune_request,
    tuned,
)

from modelservice_runtime.contract.codec import loads
from modelservice_runtime.contract.profile import CAPACITY_REPLICAS, MemoryPlan, Profile
from modelservice_runtime.contract.results import MAX_RESULT_BYTES, TuneResult
from modelservice_runtime.contract.traffic import CLOSED_LOOP, LengthShare
from modelservice_runtime.tuner.answered import answered_shares
from modelservice_runtime.tuner.errors import OUT_OF_MEMORY, UserError
from modelservice_runtime.tuner.finding_capacity import Capacity
from modelservice_runtime.tuner.knobs import Knob, Place, decide, knobs
from modelservice_runtime.tuner.length_factors import LengthFactors, by_length
from modelservice_runtime.tuner.memory_growth import Leak
from modelservice_runtime.tuner.memory_plan import MIB
from modelservice_runtime.tuner.outcome import Tuned
from modelservice_runtime.tuner.padding import Padding
from modelservice_runtime.tuner.reporting import report_of
from modelservice_runtime.tuner.results import failed, profile_of, succeeded, to_text
from modelservice_runtime.tuner.search import batching_of, simulate
from modelservice_runtime.tuner.settings import Setting
from modelservice_runtime.tuner.simulation.loads import InFlight
from modelservice_runtime.tuner.simulation.outcomes import open_loop

REQUEST = tune_request()
FOUND = tuned()
PLACE = Place(gpu=False, backend="python", answer_bytes=4000)
PLAN = MemoryPlan(request_bytes=384 * MIB, limit_bytes=640 * MIB, shared_memory_bytes=64 * MIB)


def profile(found: Tuned = FOUND, **more: Any) -> Profile:
    """Of a tuning."""
    decided = decide(found, PLACE)
    given_ = {
        "answered": answered_shares(found, decided),
        "memory": PLAN,
        "peak_bytes": 270 * MIB,
        "load_seconds": 1.5,
        "hardware": "AMD EPYC",
        "knobs": knobs(found, decided, PLACE),
    }
    return profile_of(REQUEST, found, decided, **{**given_, **more})


PROFILE = profile()


@settings(max_examples=50)
@given(st.lists(st.text(max_size=3000), max_size=20))
def test_a_result_always_fits_and_is_read_back(notes: list[str]) -> None:
    result = succeeded(REQUEST, tuned_with(notes=tuple(notes)), PROFILE)
    text = to_text(result)
    assert len(text.encode()) <= MAX_RESULT_BYTES
    back = loads(TuneResult, text)
    assert back.profile == result.profile
    assert result.message.startswith(back.message.removesuffix("…"))


def tuned_with(**more: Any) -> Tuned:
    """The same tuning with something else in it."""
    return Tuned(**{**{name: getattr(FOUND, name) for name in FOUND.__slots__}, **more})


@given(st.text())
def test_a_failure_always_fits_too(words: str) -> None:
    text = to_text(failed(REQUEST, UserError(OUT_OF_MEMORY, words * 50)))
    assert len(text.encode()) <= MAX_RESULT_BYTES


def test_no_more_is_cut_than_must_be() -> None:
    text = to_text(succeeded(REQUEST, tuned_with(notes=("word " * 2000,)), PROFILE))
    assert len(text.encode()) > MAX_RESULT_BYTES - 100


def test_reasons_are_cut_only_after_the_message_and_the_rest_never() -> None:
    long = tuple(Knob(name=f"knob {n}", value="v", why="because " * 60) for n in range(12))
    result = succeeded(REQUEST, FOUND, profile(knobs=long))
    back = loads(TuneResult, to_text(result))
    # Where a reason goes, there is room for words of the message again.
    assert result.message.startswith(back.message.removesuffix("…"))
    assert back.profile is not None
    assert 0 < len(back.profile.reasons) < 8
    assert back.profile.capacity_table == PROFILE.capacity_table


def test_what_does_not_fit_without_any_words_is_an_error() -> None:
    huge = replace(PROFILE, answered_share="x" * MAX_RESULT_BYTES)
    with pytest.raises(ValueError, match="even without words"):
        to_text(succeeded(REQUEST, FOUND, huge))


def test_the_largest_profile_there_is_fits() -> None:
    """A batch of 4096, a long name, an address of a report, no number that is short."""
    place = Setting(option=setting(variant="v" * 63).option, max_batch_size=4096)
    chosen = candidate(place, 12345.6789)
    capacity = Capacity(rows_per_second=12345.6789, latency_ms=31.23456, candidate=chosen)
    found = tuned_with(
        chosen=chosen,
        capacity=capacity,
        order=(chosen,),
        options={place.option: FOUND.options[setting(8, 2).option]},
        alone_ms={place.option.variant: 5.0},
    )
    request = tune_request(report_uri="s3://bucket/" + "r" * 200)
    made = profile_of(
        request,
        found,
        decide(found, PLACE),
        knobs(found, decide(found, PLACE), PLACE),
        answered=answered_shares(found, decide(found, PLACE)),
        memory=PLAN,
        peak_bytes=270 * MIB,
        load_seconds=1.5,
        hardware="An Unusually Long Name of a Processor (avx2 avx512f avx512_vnni amx_int8)",
    )
    result = succeeded(request, found, made)
    assert len(to_text(result)) <= MAX_RESULT_BYTES


def test_the_profile_says_what_is_to_be_served() -> None:
    assert (PROFILE.variant, PROFILE.max_batch_size, PROFILE.instances) == ("a", 8, 2)
    assert PROFILE.artifact_digest == REQUEST.artifact_digest
    assert PROFILE.capacity_rows_per_second == pytest.approx(FOUND.capacity.rows_per_second, 1e-3)
    assert PROFILE.throughput_rows_per_second == pytest.approx(2 * 8 / 0.012, rel=1e-3)
    # The goal less what a full batch takes.
    assert PROFILE.queue_timeout_microseconds == pytest.approx(38_000, rel=0.01)
    assert [point.batch for point in PROFILE.service] == [1, 2, 3, 4, 6, 8]
    assert PROFILE.service[-1].milliseconds == pytest.approx(12.0)
    assert PROFILE.capacity_table == pytest.approx(
        [count * FOUND.capacity.rows_per_second for count in CAPACITY_REPLICAS], rel=1e-3
    )
    assert PROFILE.objective_met


def test_the_message_says_why_what_it_cost_and_what_was_left_out() -> None:
    found = tuned_with(notes=("batch 8 was given up: Triton died",))
    result = succeeded(REQUEST, found, PROFILE)
    assert (result.outcome, result.reason) == ("Succeeded", "Measured")
    rows = f"{FOUND.capacity.rows_per_second:.0f}"
    assert result.message.startswith("it is best; 1333 rows/s with full batches")
    assert f"capacity {rows} rows/s per replica, 270 MiB at most" in result.message
    assert "12 runs, 20 s of load" in result.message
    assert result.message.endswith("batch 8 was given up: Triton died")


def test_what_is_odd_is_said() -> None:
    option = FOUND.chosen.setting.option
    seen = FOUND.options[option]
    falling = {1: (50, 9.0), 2: (50, 5.0)}
    loud = [executions(0.1, {1: (10, ms), 2: (10, 0.6 * ms)}) for ms in (5.0, 9.0, 5.0, 9.0)]
    stretched = trial(setting(8, 2), FOUND.question, 100.0, delayed_percent=80.0)
    for windows, words in (
        ([executions(0.1, falling) for _ in range(4)], "not monotone (2 rows faster than 1)"),
        (loud, "the machine is noisy"),
    ):
        odd = type(seen)(option=option, windows=windows)
        found = tuned_with(options={**FOUND.options, option: odd}, trials=(stretched,))
        message = succeeded(REQUEST, found, PROFILE).message
        assert words in message
        assert "the load generator fell behind" in message


def test_of_clients_that_wait_it_is_said_how_few_did() -> None:
    asked = question(arrivals=CLOSED_LOOP, concurrency=16)
    load = InFlight(clients=16, rows=np.ones(16, dtype=np.int64), count=100)
    few = replace(trial(setting(8, 2), FOUND.question, 100.0), load=load, in_flight=3.0)
    message = succeeded(REQUEST, tuned_with(question=asked, trials=(few,)), PROFILE).message
    assert "kept less than 80% of 16 requests in flight" in message


def test_the_gain_is_over_what_served_before() -> None:
    rate = FOUND.capacity.rows_per_second
    assert profile(tuned_with(current=rate / 2)).gain == pytest.approx(1.0)
    assert profile(tuned_with(current=0.0)).gain == 0.0


def test_a_missed_objective_has_no_queue_timeout_and_its_own_reason() -> None:
    found = tuned_with(met=False)
    made = profile(found)
    assert succeeded(REQUEST, found, made).reason == "ObjectiveMissed"
    assert not made.objective_met
    assert made.queue_timeout_microseconds == 0


LENGTHS = (LengthShare(length=10, percent=75.0), LengthShare(length=40, percent=25.0))


def with_lengths(*, padded: bool) -> Tuned:
    """Executions of length 10 take half as long."""
    asked = question(lengths=LENGTHS)
    factors = LengthFactors(batches=(1,), rows={10: (0.5,), 40: (1.0,)})
    lengths = by_length(factors, asked.traffic, padded=padded)
    service = replace(SERVICE, by_length=lengths)
    chosen = simulate(setting(8, 2), service, asked, lambda _: (300 * MIB, ""))
    capacity = Capacity(rows_per_second=300.0, latency_ms=31.0, candidate=chosen)
    found = Padding(allowed=padded, why="it was asked")
    return tuned(question=asked, chosen=chosen, capacity=capacity, padding={"a": found})


@pytest.mark.parametrize("padded", [True, False])
def test_the_profile_s_times_are_the_mean_over_what_is_executed_together(*, padded: bool) -> None:
    """As Triton counts them: whoever compares a pod with the profile finds no difference."""
    found = with_lengths(padded=padded)
    measured = profile(found)
    assert measured.padded is padded
    candidate_ = found.capacity.candidate
    requests = found.question.source.at(300.0, 20_000, seed=1)
    outcome = open_loop(candidate_.service, batching_of(candidate_.setting), requests)
    table = dict(enumerate(candidate_.service.means(outcome.by_kind, 8) * 1000))
    for point in measured.service:
        seen = outcome.executions[point.batch]
        if seen > 200:
            assert point.milliseconds == pytest.approx(table[point.batch], rel=0.1)
        assert 0.5 <= point.milliseconds / (1000 * SERVICE.of(point.batch)) <= 1.0


def test_padding_has_its_sentence() -> None:
    for padded, value in ((True, "padded into one batch"), (False, "equal lengths alone")):
        found = with_lengths(padded=padded)
        (knob,) = [
            knob
            for knob in knobs(found, decide(found, PLACE), PLACE)
            if knob.name == "requests of different lengths"
        ]
        assert (knob.value, knob.why) == (value, "it was asked")
    names = [knob.name for knob in knobs(FOUND, decide(FOUND, PLACE), PLACE)]
    assert "requests of different lengths" not in names


def test_the_report_has_times_by_batch_and_length() -> None:
    found = with_lengths(padded=True)
    decided = decide(found, PLACE)
    shares = answered_shares(found, decided)
    given_ = {"title": "t", "created_at": "now", "hardware": "h"}
    report = report_of(found, knobs(found, decided, PLACE), PLAN, shares, **given_)
    assert [(row.length, row.percent, row.batches[-1]) for row in report.lengths] == [
        (10, 75.0, 8),
        (40, 25.0, 8),
    ]
    short, long = (row.milliseconds for row in report.lengths)
    assert short == pytest.approx(tuple(value / 2 for value in long))
    assert report_of(FOUND, (), PLAN, shares, **given_).lengths == ()


def test_a_model_that_leaks_is_said_in_the_message_and_first_of_all_reasons() -> None:
    found = tuned_with(leak=Leak(bytes_per_request=2 * MIB / 1000, requests=5000))
    made = profile(found)
    words = "memory grew by 2 MiB for each 1,000 requests at an unchanged setting"
    assert made.reasons[0].startswith(words)
    assert "the limit of 640 MiB is reached in about" in made.reasons[0]
    assert made.reasons[1:] == PROFILE.reasons
    assert words in succeeded(REQUEST, found, made).message
