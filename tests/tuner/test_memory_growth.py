"""A leak is what goes on growing with the requests: said with its figures, and never of noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from fake_triton import FakeTriton, growing
from hypothesis import given
from hypothesis import strategies as st
from tuning_landscapes import batches_pay, total, tune
from tuning_values import setting, tuned

from modelservice_runtime.contract.profile import MemoryPlan
from modelservice_runtime.tuner.leak_words import leak_words, limit_of, time_words
from modelservice_runtime.tuner.memory_growth import (
    NOISE_BYTES,
    Leak,
    Point,
    is_suspected,
    leak,
    leaked,
    seconds_until,
)
from modelservice_runtime.tuner.memory_plan import MIB, Observation, predicted
from modelservice_runtime.tuner.settings import Setting

pytestmark = pytest.mark.usefixtures("quick_search")

SERVER, FIRST, SECOND = 1, 20, 21
#: What two samples of the same differ by.
NOISE = st.lists(st.integers(-NOISE_BYTES // 2, NOISE_BYTES // 2), min_size=12, max_size=12)
REQUESTS = st.lists(st.integers(300, 9000), min_size=12, max_size=12)


def life(
    used: Sequence[float], requests: Sequence[int], place: Setting | None = None
) -> list[Point]:
    """One process that has so many bytes after each run."""
    return [
        Point(
            setting=place or setting(8), requests=many, used={SERVER: 90 * MIB, FIRST: round(size)}
        )
        for size, many in zip(used, requests, strict=False)
    ]


@given(st.integers(5, 12), NOISE, REQUESTS)
def test_memory_that_only_scatters_is_no_leak(
    runs: int, noise: list[int], requests: list[int]
) -> None:
    assert leak(life([80 * MIB + step for step in noise[:runs]], requests)) is None


@given(
    st.integers(5, 12),
    st.floats(0.05, 0.8),
    st.floats(1, 400),
    NOISE,
    st.integers(300, 9000),
)
def test_an_allocator_that_grows_less_and_less_is_no_leak(
    runs: int, less: float, first: float, noise: list[int], requests: int
) -> None:
    """Each run takes at most 0.8 times what the one before took."""
    sizes = [80 * MIB + first * MIB * sum(less**n for n in range(run)) for run in range(runs)]
    if less**3 * first * MIB > 8 * NOISE_BYTES:  # else noise decides, and may even it out
        noise = [0] * 12
    seen = life(
        [size + step / 8 for size, step in zip(sizes, noise, strict=False)], [requests] * runs
    )
    assert leak(seen) is None


@given(st.integers(5, 12), st.floats(200, 20_000), REQUESTS)
def test_what_each_request_leaves_behind_is_found(
    runs: int, each: float, requests: list[int]
) -> None:
    served = [sum(requests[: run + 1]) for run in range(runs)]
    seen = life([80 * MIB + each * many for many in served], requests)
    found = leak(seen)
    if each * min(requests[:runs]) > 2 * NOISE_BYTES:
        assert found is not None
        assert found.bytes_per_request == pytest.approx(each, rel=0.01)
        assert leaked(seen, found)[-1] == pytest.approx(each * served[-1], rel=0.01)
    elif found is not None:
        assert found.bytes_per_request == pytest.approx(each, rel=0.01)


@given(REQUESTS, st.integers(0, 3))
def test_growth_in_steps_is_no_leak(requests: list[int], flat: int) -> None:
    """A region at a time, as shared memory grows."""
    sizes = [80 * MIB + 8 * MIB * (run // (flat + 2)) for run in range(12)]
    assert leak(life(sizes, requests)) is None


def test_four_runs_on_end_are_needed() -> None:
    sizes = [80 * MIB + 4 * MIB * run for run in range(5)]
    assert leak(life(sizes, [1000] * 5)) == Leak(bytes_per_request=4 * MIB / 1000, requests=4000)
    assert leak(life(sizes[:4], [1000] * 4)) is None
    other = life(sizes[2:], [1000] * 3, setting(4))
    assert leak([*life(sizes[:2], [1000] * 2), *other]) is None


@given(st.lists(st.integers(-40 * MIB, 40 * MIB), min_size=6, max_size=6))
def test_a_leak_of_instances_is_found_beside_a_server_whose_queues_come_and_go(
    swings: list[int],
) -> None:
    served = [1000, 3000, 4500, 5000, 7000, 9000]
    sizes = [80 * MIB + 4096 * many for many in served]
    requests = [1000, 2000, 1500, 500, 2000, 2000]
    seen = [
        replace(one, used={SERVER: 90 * MIB + swing, FIRST: size, SECOND: size})
        for one, size, swing in zip(life(sizes, requests), sizes, swings, strict=True)
    ]
    found = leak(seen)
    assert found is not None
    # Both instances together; rarely the server grows all the time as well.
    assert found.bytes_per_request >= 2 * 4096


def test_instances_that_are_still_being_unloaded_are_not_counted() -> None:
    seen = life([80 * MIB + 4 * MIB * run for run in range(5)], [1000] * 5)
    first = replace(seen[0], used={**seen[0].used, SECOND: 500 * MIB})
    assert leak([first, *seen[1:]]) == leak(seen)


def test_a_triton_that_was_started_anew_has_not_grown() -> None:
    seen = life([80 * MIB + 4 * MIB * run for run in range(5)], [1000] * 5)
    others = [
        replace(one, used={pid + 100 * n: b for pid, b in one.used.items()})
        for n, one in enumerate(seen)
    ]
    assert leak(others) is None
    assert not is_suspected(others)


def test_more_is_measured_only_while_memory_grows() -> None:
    rising, flat = [80 * MIB, 84 * MIB], [80 * MIB, 80 * MIB]
    assert not is_suspected([])
    assert is_suspected(life(rising, [1000] * 2))
    assert not is_suspected(life(flat, [1000] * 2))
    fresh = life(flat[:1], [1000], setting(4))
    assert is_suspected([*life(rising, [1000] * 2), *fresh])
    assert not is_suspected([*life(flat, [1000] * 2), *fresh])
    assert not is_suspected([*life(rising, [0] * 2)])


def observation(leaked_: int, server: int = 90, instances: int = 200) -> Observation:
    """Mebibytes."""
    return Observation(
        setting=setting(8, 2),
        server_bytes=server * MIB,
        instance_bytes=instances * MIB,
        leaked_bytes=leaked_ * MIB,
    )


def test_what_leaked_is_no_need_of_other_settings() -> None:
    for seen, same in (
        (observation(60), observation(0, instances=140)),
        (observation(60, instances=0), observation(0, server=30, instances=0)),
    ):
        assert predicted(setting(8, 4), [seen]) == predicted(setting(8, 4), [same])
        assert seen.total > same.total


FOUND = Leak(bytes_per_request=1.2 * MIB / 1000, requests=9000)
PLAN = MemoryPlan(request_bytes=384 * MIB, limit_bytes=640 * MIB, shared_memory_bytes=64 * MIB)


def test_a_leak_is_said_with_when_the_limit_is_reached() -> None:
    found = tuned(leak=FOUND)
    rows = found.capacity.rows_per_second
    seconds = seconds_until(FOUND, (640 - 270) * MIB, rows)
    words = leak_words(found, limit_of(found, PLAN))
    assert words == (
        "memory grew by 1.2 MiB for each 1,000 requests at an unchanged setting: the model seems to"
        f" leak; at the capacity of {rows:.0f} rows/s the limit of 640 MiB is reached in about"
        f" {time_words(seconds)}"
    )
    assert leak_words(found, 0).endswith("the model seems to leak")
    assert leak_words(tuned(), 640 * MIB) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (50, "50 seconds"),
        (150, "2 minutes"),
        (8000, "2 hours"),
        (400_000, "5 days"),
        (0, "0 seconds"),
    ],
)
def test_times_are_told_in_a_unit_that_fits(seconds: float, words: str) -> None:
    assert time_words(seconds) == words


def test_a_whole_tuning_says_that_a_model_leaks_and_measures_no_more_for_one_that_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two KiB of each request that the setting has served since it was loaded."""
    fake = FakeTriton(truth=batches_pay, leaks=2048, memory_of=growing)
    found = tune(fake, monkeypatch)
    assert found.leak is not None
    assert found.leak.bytes_per_request == pytest.approx(2048, rel=0.05)
    own = [item for item in found.memory if item.setting == found.chosen.setting]
    assert own[-1].total - own[-1].leaked_bytes == pytest.approx(
        total(growing(own[-1].setting)), rel=0.01
    )
    sound = FakeTriton(truth=batches_pay, memory_of=growing)
    assert tune(sound, monkeypatch).leak is None
    assert sound.runs < fake.runs
