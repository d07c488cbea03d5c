"""What a setting needs, from what others were seen to need: never less, and a reload fits in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tuning_values import setting

from modelservice_runtime.tuner.memory_plan import (
    MIB,
    STEP,
    Observation,
    gpu_misfit,
    gpu_predicted,
    misfit,
    observed,
    plan,
    predicted,
    rounded_up,
)
from modelservice_runtime.tuner.settings import Setting


def observation(place: Setting, server: int, instances: int, files: int = 0) -> Observation:
    """Mebibytes; ``files``: of the instances'."""
    return Observation(
        setting=place,
        server_bytes=server * MIB,
        instance_bytes=instances * MIB,
        file_bytes=min(files, instances) * MIB,
    )


SEEN = st.lists(
    st.builds(
        lambda batch, count, *sizes: observation(setting(batch, count), *sizes),
        st.integers(1, 64),
        st.integers(1, 8),
        st.integers(10, 500),
        st.integers(1, 4000),
        st.integers(0, 300),
    ),
    min_size=1,
    max_size=8,
)


@given(SEEN)
def test_nothing_that_was_seen_is_predicted_too_low(seen: list[Observation]) -> None:
    for one in seen:
        parts = predicted(one.setting, seen)
        assert parts is not None
        assert parts.total >= one.total
        assert parts.total == sum(parts.named().values())


def test_what_is_mapped_from_files_is_there_once_however_many_instances_there_are() -> None:
    parts = predicted(setting(8, 3), [observation(setting(8, 1), 30, 70, files=40)])
    assert parts is not None
    assert round(parts.total / MIB / 1.06) == 30 + 40 + 3 * 30


@given(SEEN, st.integers(1, 64), st.integers(1, 8))
def test_more_rows_or_instances_never_need_less(
    seen: list[Observation], batch: int, count: int
) -> None:
    few, rows, instances = (
        predicted(place, seen)
        for place in (setting(batch, count), setting(batch + 8, count), setting(batch, count + 1))
    )
    assert few is not None
    assert rows is not None
    assert instances is not None
    assert rows.total >= few.total
    assert instances.total >= few.total


def test_two_sizes_tell_what_is_fixed_from_what_grows() -> None:
    # 40 MiB and 5 more for each row, of each instance.
    seen = [observation(setting(1), 100, 45), observation(setting(8, 2), 90, 160)]
    parts = predicted(setting(16, 3), seen)
    assert parts is not None
    expected = (100 + 3 * 40 + 3 * 16 * 5) * MIB
    assert expected <= parts.total <= 1.1 * expected
    assert parts.growing > parts.fixed


def test_of_a_variant_that_was_not_loaded_nothing_is_known() -> None:
    seen = [observation(setting(1, variant="a"), 100, 45)]
    assert predicted(setting(1, variant="b"), seen) is None
    assert predicted(setting(1), []) is None
    assert misfit(None, 1) == ""


def test_what_needs_more_than_the_limit_is_said_with_both() -> None:
    parts = predicted(setting(8), [observation(setting(8), 100, 300)])
    assert misfit(parts, 2000 * MIB) == misfit(parts, 0) == ""
    words = misfit(parts, 200 * MIB)
    assert "of the 200 MiB allowed" in words
    assert "would need 424 MiB" in words or "would need" in words


@given(st.integers(0, 4000), st.integers(0, 4000), st.integers(0, 9000), st.integers(0, 256))
def test_a_plan_holds_what_was_seen_and_a_reload_beside_it(
    server: int, instances: int, peak: int, cache: int
) -> None:
    measured = observation(setting(8, 2), server, instances)
    made = plan(measured, peak * MIB, cache_bytes=cache * MIB)
    most = max(peak, server + instances) + cache
    assert made.request_bytes >= most * MIB
    assert made.limit_bytes >= (most + instances) * MIB
    assert made.limit_bytes >= made.request_bytes
    assert made.request_bytes % STEP == made.limit_bytes % STEP == 0
    assert made.shared_memory_bytes > 0
    assert made.limit_bytes <= rounded_up(1.5 * (most + instances + 1) * MIB)


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(1, 9000))
def test_what_was_seen_to_fit_is_not_refused_for_its_head_room(
    server: int, instances: int, allowed: int
) -> None:
    measured = observation(setting(8, 2), server, instances)
    made = plan(measured, 0, allowed_bytes=allowed * MIB)
    assert made.request_bytes >= measured.total
    if server + instances <= allowed:
        assert made.request_bytes <= max(allowed * MIB, measured.total)


def test_shared_memory_holds_two_versions_and_room_to_grow() -> None:
    seen = Observation(
        setting=setting(8, 2), server_bytes=1, instance_bytes=900 * MIB, shared_bytes=300 * MIB
    )
    assert plan(seen, 0).shared_memory_bytes >= 2 * 300 * MIB


def on_gpu(count: int, used: int, batch: int = 8) -> Observation:
    """So many instances on a device of 16 GiB."""
    return Observation(
        setting=setting(batch, count),
        server_bytes=1,
        instance_bytes=1,
        gpu_bytes=used * MIB,
        gpu_total=16 * 1024 * MIB,
    )


def test_instances_that_do_not_fit_on_the_gpu_are_said() -> None:
    seen = [on_gpu(1, 3000), on_gpu(2, 5500)]
    assert gpu_misfit(setting(8, 4), seen) == ""
    assert "MiB of the GPU's" in gpu_misfit(setting(8, 6), seen)
    assert gpu_misfit(setting(8, 6), [observation(setting(8), 100, 200)]) == ""
    assert plan(seen[1], 0).gpu_bytes == 5500 * MIB
    assert 0 < plan(seen[1], 0).gpu_load_limit < 1


#: (instances, batch) → MiB of an H200: an encoder of 12 layers in ONNX Runtime, after a load run.
ON_AN_H200 = {
    (1, 1): 1392,
    (1, 16): 1522,
    (1, 64): 2290,
    (2, 16): 2456,
    (2, 64): 3992,
    (4, 64): 7385,
    (6, 64): 10792,
}


def test_the_server_s_own_context_is_told_from_the_instances() -> None:
    shown = [(1, 1), (1, 64), (2, 64)]
    seen = [on_gpu(count, ON_AN_H200[count, batch], batch) for count, batch in shown]
    for (count, batch), used in ON_AN_H200.items():
        assert 0 <= gpu_predicted(setting(batch, count), seen) / MIB / used - 1 < 0.15


def test_a_larger_batch_needs_more_of_the_gpu() -> None:
    """What one row needs says too little of 64."""
    seen = [on_gpu(1, ON_AN_H200[1, 1], 1), on_gpu(1, ON_AN_H200[1, 64], 64)]
    assert gpu_predicted(setting(64, 6), seen) >= ON_AN_H200[6, 64] * MIB
    assert "MiB of the GPU's" in gpu_misfit(setting(64, 7), seen)
    assert gpu_misfit(setting(1, 7), seen) == ""


@given(
    st.lists(
        st.builds(on_gpu, st.integers(1, 8), st.integers(1, 9000), st.integers(1, 64)),
        min_size=1,
        max_size=8,
    )
)
def test_nothing_that_was_seen_on_a_gpu_is_predicted_too_low(seen: list[Observation]) -> None:
    for one in seen:
        assert gpu_predicted(one.setting, seen) >= one.gpu_bytes


def test_of_a_variant_that_was_not_on_the_gpu_nothing_is_known() -> None:
    assert gpu_predicted(setting(8, variant="other"), [on_gpu(1, 3000)]) == 0
    assert gpu_misfit(setting(8, 99, variant="other"), [on_gpu(1, 3000)]) == ""


def test_the_most_that_was_seen_at_the_setting_counts() -> None:
    seen = [
        observation(setting(8), 100, 200),
        observation(setting(8), 100, 260),
        observation(setting(4), 400, 400),
    ]
    assert observed(seen, setting(8), 999).total == 360 * MIB
    assert observed(seen, setting(2), 999).total == 999
