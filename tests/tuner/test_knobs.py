"""Every knob is set by the measured setting and the declared traffic, and says why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tuning_values import candidate, question, setting, tuned

from modelservice_runtime.contract.model_config import ONNXRUNTIME_BACKEND, TENSORRT_BACKEND
from modelservice_runtime.tuner.figures import figure
from modelservice_runtime.tuner.knobs import Decided, Knob, Place, decide, knobs
from modelservice_runtime.tuner.memory_plan import MIB
from modelservice_runtime.tuner.outcome import Tuned

CPU = Place(gpu=False, backend=ONNXRUNTIME_BACKEND, answer_bytes=4000)
FOUND = tuned()


def named(found: Tuned, place: Place = CPU) -> dict[str, Knob]:
    """By name."""
    return {knob.name: knob for knob in knobs(found, decide(found, place), place)}


def decided(found: Tuned = FOUND, place: Place = CPU, **more: Any) -> Decided:
    """With another place."""
    return decide(found, replace(place, **more))


def repeated(percent: float, alone_ms: float = 5.0) -> Tuned:
    """A traffic of which so much is repeated."""
    return tuned(question=question(repeated_percent=percent), alone_ms={"a": alone_ms})


def test_every_knob_has_a_value_and_a_sentence() -> None:
    for place in (CPU, replace(CPU, gpu=True), replace(CPU, shares_gpu=True)):
        every = knobs(FOUND, decide(FOUND, place), place)
        assert len({knob.name for knob in every}) == len(every)
        for knob in every:
            assert knob.value
            assert len(knob.why) > 10
            assert knob.words() == f"{knob.name} {knob.value}: {knob.why}"


def test_what_was_searched_comes_first_with_what_the_next_best_carries() -> None:
    names = [knob.name for knob in knobs(FOUND, decided(), CPU)][:5]
    assert names == ["variant", "instances", "threads", "largest batch", "queue delay"]
    found = named(FOUND)
    assert found["largest batch"].value == "8"
    assert "batch 4" in found["largest batch"].why
    # Batch 16 would carry more, but does not fit.
    assert "batch 16" not in found["largest batch"].why
    assert "instances 1" in found["instances"].why
    assert "threads 2" in found["threads"].why
    assert found["variant"].why == "no other variant could be measured"


def test_why_not_more_threads_than_cores_is_told_where_they_seem_to_carry_more() -> None:
    told = "more threads than cores"
    assert told not in named(FOUND)["instances"].why
    most = 1.05 * FOUND.chosen.rows_per_second
    crowded = replace(FOUND, order=(*FOUND.order, candidate(setting(8, 3), most)))
    assert named(crowded)["instances"].why.endswith(
        "instances 3 " + figure(most) + "; more threads than cores have to carry 10% more to count"
    )


def test_that_runs_decided_is_told_where_what_was_compared_in_them_seemed_to_carry_more() -> None:
    told = "; runs under load decided"
    assert told not in named(FOUND)["largest batch"].why
    other = replace(FOUND.order[2], rows_per_second=1.05 * FOUND.chosen.rows_per_second)
    seemed = replace(FOUND, order=(FOUND.order[0], other))
    words = named(seemed)["largest batch"].why
    assert words.endswith(f"batch 4 {figure(other.rows_per_second)}{told}")
    alone = replace(seemed, trials=FOUND.trials[:2])
    assert told not in named(alone)["largest batch"].why, "the other one was not measured"
    wanted = replace(seemed, question=question(rows_per_second=100.0))
    assert told not in named(wanted)["largest batch"].why, "the fewest replicas decided"


def test_another_variant_is_told_with_what_it_carries() -> None:
    order = (*FOUND.order, candidate(setting(8, variant="b"), 123))
    assert "variant b 123" in named(replace(FOUND, order=order))["variant"].why


def test_a_delay_is_told_with_what_there_is_without_one() -> None:
    assert "without one" in named(FOUND)["queue delay"].why
    assert "with 3000 µs" in named(FOUND)["queue delay"].why


def test_a_single_row_has_nothing_to_wait_for() -> None:
    alone = candidate(setting(1))
    found = named(replace(FOUND, chosen=alone, order=(alone,)))
    assert found["queue delay"].why == "there is no batch to wait for"
    assert found["instances"].why == "nothing else fits"
    assert found["warm-up"].value == "batch 1"


@pytest.mark.parametrize("delays", [(500,), (0, 500), (0,), ()])
def test_whichever_delays_were_simulated_the_sentence_stands(delays: tuple[int, ...]) -> None:
    """A setting that was only corrected need not be among them."""
    chosen = candidate(setting(8, delay=500))
    order = tuple(candidate(setting(8, delay=delay)) for delay in delays)
    assert named(replace(FOUND, chosen=chosen, order=order))["queue delay"].why


def test_whoever_would_come_too_late_is_refused() -> None:
    # 50 ms, less 12 for a full batch.
    assert decided().queue_timeout_microseconds == pytest.approx(38_000, rel=0.01)
    assert named(FOUND)["queue time-out"].value == "38 ms, REJECT"


def test_what_a_limit_on_waiting_costs_at_light_load_is_told() -> None:
    costly = replace(FOUND, chosen=replace(FOUND.chosen, overlooked=0.0123))
    assert named(costly)["queue time-out"].why.endswith("at light load 1.2% are refused or late")
    assert "overlooks" not in named(FOUND)["queue time-out"].why


def test_nobody_is_refused_for_waiting_as_long_as_the_delay_makes_him() -> None:
    """Triton would refuse every request of a batch that waits for more."""
    slow = candidate(setting(8, delay=9_000), latency_ms=14.0)
    found = replace(FOUND, chosen=slow, question=question(14.0))
    assert decided(found).queue_timeout_microseconds > 9_000


def test_where_the_goal_cannot_be_kept_nobody_is_refused() -> None:
    found = replace(FOUND, met=False)
    assert decided(found).queue_timeout_microseconds == 0
    assert named(found)["queue time-out"].value == "none"


def test_the_warm_up_has_a_lone_row_and_a_full_batch() -> None:
    assert named(FOUND)["warm-up"].value == "batch 1 and 8"


@pytest.mark.parametrize(
    ("percent", "alone_ms", "place", "bytes_", "why"),
    [
        (0.0, 5.0, CPU, 0, "does not repeat"),
        (3.0, 5.0, CPU, 0, "does not repeat"),
        (30.0, 0.1, CPU, 0, "a look costs as much"),
        (30.0, 5.0, replace(CPU, gpu=True), 0, "CPU's memory only"),
        (30.0, 5.0, CPU, 10_000 * 4256, "30 % of the requests are repeated"),
        (30.0, 5.0, replace(CPU, answer_bytes=4), 16 * MIB, "are repeated"),
        (30.0, 5.0, replace(CPU, answer_bytes=1 << 20), 256 * MIB, "are repeated"),
    ],
    ids=["none", "few", "quick model", "GPU", "pays", "small answers", "large answers"],
)
def test_answers_are_cached_where_that_pays(
    percent: float, alone_ms: float, place: Place, bytes_: int, why: str
) -> None:
    found = repeated(percent, alone_ms)
    assert decide(found, place).response_cache_bytes == bytes_
    knob = named(found, place)["response cache"]
    assert why in knob.why
    assert (knob.value == "off") == (bytes_ == 0)


def test_a_gpu_gets_pinned_memory_and_tensorrt_its_graphs() -> None:
    assert decided().pinned_memory_bytes == 0
    assert decided(gpu=True).pinned_memory_bytes > 0
    assert not decided().cuda_graphs
    assert decided(backend=TENSORRT_BACKEND).cuda_graphs
    found = named(FOUND, replace(CPU, gpu=True, backend=TENSORRT_BACKEND))
    assert found["CUDA graphs"].value == "on"
    assert found["pinned memory"].value.endswith(" MiB")


def test_models_take_turns_only_where_they_share_a_gpu() -> None:
    assert named(FOUND)["rate limiter"].value == "off"
    assert named(FOUND, replace(CPU, gpu=True, shares_gpu=True))["rate limiter"].value == "on"
