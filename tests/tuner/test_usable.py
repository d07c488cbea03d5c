"""Several variants of an artifact: which are measured, how far, and which one serves."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.contract.manifest import Variant
from modelservice_runtime.tuner.choice import (
    NEAR_ROWS,
    Loaded,
    Setting,
    alternatives,
    batch_sizes,
    choose,
)
from modelservice_runtime.tuner.contenders import best_batch, compared, next_batch
from modelservice_runtime.tuner.errors import NO_USABLE_VARIANT, UserError
from modelservice_runtime.tuner.gpu import has_gpu
from modelservice_runtime.tuner.usable import MOST_VARIANTS, usable

GOAL = 20.0


def loaded(variant: str, batch: int, rows: float, latency: float, instances: int = 1) -> Loaded:
    setting = Setting(variant=variant, max_batch_size=batch, instances=instances, threads=1)
    return Loaded(setting=setting, rows_per_second=rows, latency_ms=latency)


def variant(name: str, engine: str = "onnxruntime", cpu_class: str = "") -> Variant:
    return Variant(
        name=name,
        engine=engine,
        precision="int8",
        folder=f"variants/{name}",
        model_file="model.onnx",
        techniques=(),
        size_bytes=1,
        parity=(),
        latency=(),
        cpu_class=cpu_class,
    )


FUSE = [loaded("fuse", 1, 50, 5), loaded("fuse", 4, 120, 12), loaded("fuse", 8, 140, 30)]


def test_the_batch_that_is_best_within_the_goal_is_where_the_others_are_tried() -> None:
    assert best_batch(FUSE, GOAL) == 4
    assert best_batch(FUSE, goal_ms=1) == 1


STEPS = {
    "far behind the best": ([loaded("int8", 4, 50, 19)], None),
    "near to the best, so a larger one": ([loaded("int8", 4, 110, 10)], 8),
    "a larger one gained, so a still larger one": (
        [loaded("int8", 4, 130, 6), loaded("int8", 8, 150, 12)],
        16,
    ),
    "a larger one gained nothing": ([loaded("int8", 4, 130, 6), loaded("int8", 8, 131, 12)], None),
    "a larger one missed the goal": ([loaded("int8", 4, 130, 6), loaded("int8", 8, 150, 21)], None),
    "the largest there is": ([loaded("int8", 16, 200, 6)], None),
    "fast and too late, so a smaller one": ([loaded("int8", 4, 125, 22)], 2),
    "a smaller one is still too late": (
        [loaded("int8", 4, 125, 30), loaded("int8", 2, 120, 21)],
        1,
    ),
    "a smaller one is in time": ([loaded("int8", 4, 125, 30), loaded("int8", 2, 120, 19)], None),
    "the smallest is too late": ([loaded("int8", 1, 125, 30)], None),
}


@pytest.mark.parametrize(("own", "expected"), STEPS.values(), ids=STEPS.keys())
def test_the_next_batch_of_a_further_variant(own: list[Loaded], expected: int | None) -> None:
    assert next_batch(own, FUSE, 16, GOAL) == expected


FIGURES = st.floats(0.1, 1e4)


@given(st.integers(1, 64), st.integers(0, 6), st.data())
def test_a_further_variant_comes_to_an_end_and_never_tries_a_batch_twice(
    maximum: int, start: int, data: st.DataObject
) -> None:
    sizes = batch_sizes(maximum)
    own: list[Loaded] = []
    size: int | None = sizes[min(start, len(sizes) - 1)]
    while size is not None:
        own.append(loaded("int8", size, data.draw(FIGURES), data.draw(FIGURES)))
        size = next_batch(own, FUSE, maximum, GOAL)
    tried = [point.setting.max_batch_size for point in own]
    assert len(set(tried)) == len(tried) <= len(sizes)
    if own[0].rows_per_second < NEAR_ROWS * 120:
        assert len(own) == 1


def test_the_variant_that_does_best_serves() -> None:
    table = [*FUSE, loaded("int8", 4, 300, 8)]
    choice = choose(table, {"fuse": 5, "int8": 4}, GOAL, 99)
    assert (choice.setting.variant, choice.met) == ("int8", True)
    assert choice.why.startswith(
        "int8, batch 4, 1 instance, 1 thread each: most rows of 4 settings"
    )


def test_where_the_difference_is_noise_the_builder_s_choice_serves() -> None:
    table = [loaded("fuse", 4, 99.5, 5), loaded("int8", 4, 100, 5)]
    assert choose(table, {"fuse": 5, "int8": 5}, GOAL, 99).setting.variant == "fuse"


@pytest.mark.parametrize(("goal", "met"), [(8.0, True), (2.0, False)])
def test_where_none_keeps_the_goal_under_load_the_fastest_alone_serves(
    goal: float, *, met: bool
) -> None:
    table = [loaded("fuse", 1, 50, 25), loaded("int8", 2, 90, 30), loaded("int8", 1, 80, 21)]
    choice = choose(table, {"fuse": 9, "int8": 7}, goal, 99)
    assert (choice.setting.variant, choice.setting.max_batch_size) == ("int8", 1)
    assert choice.met == met


def test_other_instances_are_tried_with_every_variant_that_is_near() -> None:
    """What is slower with one instance may be faster with several."""
    table = [*FUSE, loaded("int8", 4, 130, 10), loaded("int8", 2, 125, 8), loaded("bf16", 4, 9, 9)]
    tried = {(s.variant, s.max_batch_size) for s in alternatives(2, table, GOAL)}
    assert tried == {("int8", 4), ("int8", 2), ("fuse", 4)}


def test_the_comparison_is_told_in_words() -> None:
    table = [*FUSE, loaded("int8", 4, 410, 8), loaded("bf16", 1, 30, 40)]
    words = "variants within p99 ≤ 20 ms: int8 410 rows/s, fuse 120 rows/s, bf16 none"
    assert compared(table, GOAL, 99) == words
    assert compared(FUSE, GOAL, 99) == ""


def test_a_variant_judged_on_another_cpu_is_left_out_and_said() -> None:
    found = usable([variant("int8", cpu_class="x86-64 amx"), variant("fuse")], "python", "x86-64")
    assert [item.name for item in found.variants] == ["fuse"]
    (note,) = found.notes
    assert note.startswith("int8 was left out: variant 'int8' was judged on CPU class 'x86-64 amx'")


def test_a_variant_whose_engine_the_runtime_cannot_run_is_left_out() -> None:
    found = usable([variant("ir", engine="openvino"), variant("fuse")], "onnxruntime", "x86-64")
    assert [item.name for item in found.variants] == ["fuse"]
    assert "cannot run engine 'openvino'" in found.notes[0]


def test_no_more_are_measured_than_the_builder_publishes() -> None:
    names = [f"v{number}" for number in range(MOST_VARIANTS + 2)]
    found = usable([variant(name) for name in names], "python", "x86-64")
    assert [item.name for item in found.variants] == names[:MOST_VARIANTS]
    assert found.notes == tuple(
        f"{name} was left out: there are enough" for name in names[MOST_VARIANTS:]
    )


@pytest.mark.parametrize(
    ("variants", "words"),
    [
        ([variant("int8", cpu_class="x86-64 amx")], "judged on CPU class 'x86-64 amx'"),
        ([variant("plan", engine="tensorrt")], "cannot run engine 'tensorrt'"),
        ([], "it has none"),
    ],
)
def test_an_artifact_that_cannot_be_served_here_is_said_with_the_way_out(
    variants: list[Variant], words: str
) -> None:
    with pytest.raises(UserError) as caught:
        usable(variants, "python", "x86-64")
    assert caught.value.reason == NO_USABLE_VARIANT
    assert words in caught.value.message
    assert "or build again for them" in caught.value.message


def test_a_gpu_is_there_if_its_control_device_is(tmp_path: Path) -> None:
    device = tmp_path / "nvidiactl"
    assert not has_gpu(device)
    device.touch()
    assert has_gpu(device)
