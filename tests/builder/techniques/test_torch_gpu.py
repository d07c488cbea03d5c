"""What can be known of the GPU techniques without a GPU: their arguments, and what they say."""

from __future__ import annotations

import importlib
import json
from importlib import metadata
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from modelservice_runtime.builder import onnx_model, onnx_providers
from modelservice_runtime.builder.onnx_worker import OnnxEngine
from modelservice_runtime.builder.techniques import ort_cuda, tensorrt
from modelservice_runtime.builder.techniques.base import CannotProduceError, SourceAccess, Work
from modelservice_runtime.builder.techniques.gpu import (
    ShapeRange,
    notes_on_open_sizes,
    require_gpu,
    shape_ranges,
)
from modelservice_runtime.builder.techniques.parameters import WrongParameterError
from modelservice_runtime.contract.requests import SourceRequest

CUDA, TENSORRT = "CUDAExecutionProvider", "TensorrtExecutionProvider"


def saved(path: Path, features: str | int = 4) -> Path:
    """``y = x · w`` and a mask that is given through."""
    weight = numpy_helper.from_array(torch.randn(4, 4).numpy(), "w")
    mask = ["batch", features]
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["y"]),
            helper.make_node("Not", ["mask"], ["other"]),
        ],
        "product",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 4]),
            helper.make_tensor_value_info("mask", TensorProto.BOOL, mask),
        ],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3, 4]),
            helper.make_tensor_value_info("other", TensorProto.BOOL, mask),
        ],
        [weight],
    )
    opsets = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


def work(folder: Path, **parameters: str) -> Work:
    (folder / "target").mkdir()
    request = SourceRequest(kind="onnx", uri="")
    return Work(
        parent=saved(folder / "model.onnx"),
        target=folder / "target",
        parameters=parameters,
        source=SourceAccess(request=request, folder=folder),
        max_batch_size=32,
        seconds=60,
    )


def test_a_profile_reaches_from_one_row_to_the_largest_batch(tmp_path: Path) -> None:
    interface = onnx_model.check(saved(tmp_path / "model.onnx"))
    assert shape_ranges(interface, 32) == (
        ShapeRange(name="x", least=(1, 3, 4), best=(32, 3, 4), most=(32, 3, 4)),
        ShapeRange(name="mask", least=(1, 4), best=(32, 4), most=(32, 4)),
    )
    assert notes_on_open_sizes(interface) == ()


def test_an_open_axis_gets_bounds_and_a_note(tmp_path: Path) -> None:
    interface = onnx_model.check(saved(tmp_path / "model.onnx", features="tokens"))
    _, mask = shape_ranges(interface, 8)
    assert (mask.least, mask.best, mask.most) == ((1, 1), (8, 64), (8, 512))
    assert notes_on_open_sizes(interface) == ("open axes of mask: sizes of 1 … 512",)


def test_cuda_computes_in_float32_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    interface = onnx_model.check(saved(tmp_path / "model.onnx"))
    ((name, options),) = ort_cuda.providers_for(CUDA, interface, 8)
    assert name == CUDA
    assert options["use_tf32"] == "0"


def test_tensorrt_gets_the_shapes_in_its_own_words_and_cuda_behind_it(tmp_path: Path) -> None:
    interface = onnx_model.check(saved(tmp_path / "model.onnx", features="tokens"))
    (first, options), (second, _) = ort_cuda.providers_for(TENSORRT, interface, 8)
    assert (first, second) == (TENSORRT, CUDA)
    assert options["trt_profile_min_shapes"] == "x:1x3x4,mask:1x1"
    assert options["trt_profile_opt_shapes"] == "x:8x3x4,mask:8x64"
    assert options["trt_profile_max_shapes"] == "x:8x3x4,mask:8x512"
    assert options["trt_fp16_enable"] == "0"


def test_the_providers_are_read_back_as_the_session_takes_them(tmp_path: Path) -> None:
    interface = onnx_model.check(saved(tmp_path / "model.onnx"))
    providers = ort_cuda.providers_for(TENSORRT, interface, 8)
    onnx_providers.write(providers, tmp_path)
    found = onnx_providers.beside(tmp_path / "model.onnx")
    assert found == [(name, dict(options)) for name, options in providers]


def test_a_model_without_providers_is_for_the_cpu(tmp_path: Path) -> None:
    path = saved(tmp_path / "model.onnx")
    providers = onnx_providers.beside(path)
    assert onnxruntime.InferenceSession(str(path), providers=providers).get_providers() == [
        "CPUExecutionProvider"
    ]


@pytest.mark.parametrize("text", ["", "{}[", '[{"name": 1}]', '{"a": 2}', '[["x", {}]]'])
def test_providers_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "providers.json").write_text(text)
    with pytest.raises(ValueError, match=r"providers\.json is no list of execution providers"):
        onnx_providers.beside(tmp_path / "model.onnx")


def test_a_provider_that_is_not_built_in_names_those_that_are() -> None:
    with pytest.raises(CannotProduceError, match=f"no {CUDA} .it has A, B.; onnxruntime-gpu"):
        ort_cuda.require_provider(CUDA, ["A", "B"])


def test_half_precision_is_in_the_file_that_tensorrt_reads(tmp_path: Path) -> None:
    asked = work(tmp_path)
    (tmp_path / "half").mkdir()
    found = onnx.load(tensorrt.as_precision(asked, "fp16", tmp_path / "half"))
    assert {tensor.data_type for tensor in found.graph.initializer} == {TensorProto.FLOAT16}
    assert found.graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT


def test_full_precision_is_the_parents_own_file(tmp_path: Path) -> None:
    asked = work(tmp_path)
    assert tensorrt.as_precision(asked, "fp32", tmp_path / "unused") == asked.parent


@pytest.mark.parametrize("technique", [tensorrt.TECHNIQUE, ort_cuda.TECHNIQUE])
def test_a_precision_that_is_none_is_a_fault_of_the_plan(
    tmp_path: Path, technique: tensorrt.TensorRT
) -> None:
    with pytest.raises(WrongParameterError, match="precision"):
        technique.produce(work(tmp_path, precision="int3"))


def test_without_the_package_tensorrt_says_so(tmp_path: Path) -> None:
    if importlib.util.find_spec("tensorrt"):
        pytest.skip("tensorrt is installed here")
    with pytest.raises(CannotProduceError, match="no TensorRT: its Python package tensorrt"):
        tensorrt.TECHNIQUE.produce(work(tmp_path))


def test_without_the_provider_onnx_runtime_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    if CUDA in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    asked = work(tmp_path)
    with pytest.raises(CannotProduceError, match=f"ONNX Runtime has no {CUDA}"):
        ort_cuda.TECHNIQUE.produce(asked)
    assert list(asked.target.iterdir()) == []


def test_without_a_gpu_the_technique_is_named() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA GPU")
    with pytest.raises(CannotProduceError, match=r"TensorRT compiles for the GPU .* no CUDA GPU"):
        require_gpu("TensorRT")


def test_providers_are_written_so_that_people_can_read_them(tmp_path: Path) -> None:
    onnx_providers.write(((CUDA, {"use_tf32": "0"}),), tmp_path)
    assert json.loads((tmp_path / "providers.json").read_text()) == [
        {"name": CUDA, "options": {"use_tf32": "0"}}
    ]


def test_a_builder_whose_onnx_runtime_is_the_package_for_gpus_opens_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That package has another name; nothing is installed as ``onnxruntime`` then."""
    installed = {"onnx": "1.23.2", "onnxruntime-gpu": "1.31.1", "onnxscript": "0.7.2"}

    def version(name: str) -> str:
        if name not in installed:
            raise metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(metadata, "version", version)
    opened = OnnxEngine().open(str(saved(tmp_path / "model.onnx")), "fp32")
    assert opened["versions"] == installed
