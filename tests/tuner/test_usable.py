"""Several variants of an artifact: which are measured here, and how they are compared."""

from __future__ import annotations

from pathlib import Path

import pytest
from tuning_values import candidate, setting, tuned

from modelservice_runtime.contract.manifest import Variant
from modelservice_runtime.tuner.errors import NO_USABLE_VARIANT, UserError
from modelservice_runtime.tuner.gpu import has_gpu, processes_of, triton_flags
from modelservice_runtime.tuner.knobs import PINNED_BYTES
from modelservice_runtime.tuner.results import variants_compared
from modelservice_runtime.tuner.usable import MOST_VARIANTS, usable


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


def test_the_comparison_is_told_in_words() -> None:
    order = (
        candidate(setting(4, variant="int8"), 410),
        candidate(setting(4, variant="fuse"), 120),
        candidate(setting(8, variant="fuse"), 90),
        candidate(setting(1, variant="bf16"), 0),
    )
    words = "variants within p99 ≤ 50 ms: int8 410 rows/s, fuse 120 rows/s, bf16 none"
    assert variants_compared(tuned(order=order)) == words


def test_where_there_is_only_one_there_is_nothing_to_compare() -> None:
    assert variants_compared(tuned()) == ""


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


def test_triton_has_every_instance_on_every_gpu(tmp_path: Path) -> None:
    assert processes_of(3, gpu=True, devices=tmp_path) == 3
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-caps"):
        (tmp_path / name).touch()
    assert processes_of(3, gpu=True, devices=tmp_path) == 6
    assert processes_of(3, gpu=False, devices=tmp_path) == 3


def test_with_a_gpu_triton_has_the_pinned_memory_that_it_will_serve_with() -> None:
    """It is the server's own, and so part of what the pod asks for."""
    assert f"--pinned-memory-pool-byte-size={PINNED_BYTES}" in triton_flags(gpu=True)
    assert triton_flags(gpu=False) == ()
