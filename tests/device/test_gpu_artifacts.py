"""TensorRT and ONNX Runtime on a real GPU: they build, answer as the CPU does, and keep float32."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.numpy import load_file, save_file

from modelservice_runtime.builder import exporting, onnx_providers
from modelservice_runtime.builder.techniques import ort_cuda, tensorrt
from modelservice_runtime.builder.techniques.base import Made, SourceAccess, Work
from modelservice_runtime.builder.tensorrt_worker import TensorrtEngine
from modelservice_runtime.contract.requests import SourceRequest

pytestmark = [
    pytest.mark.device,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not torch.cuda.is_available(),
        reason="torch.cuda.is_available() is false: no CUDA device here",
    ),
]
needs_tensorrt = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt") is None,
    reason="the package tensorrt is not installed (pip install tensorrt)",
)
needs_cuda_provider = pytest.mark.skipif(
    "CUDAExecutionProvider" not in onnxruntime.get_available_providers(),
    reason="onnxruntime has no CUDAExecutionProvider (pip install onnxruntime-gpu)",
)

#: Float32 proper, and what float16 may lose on outputs of about 1.
FP32_ERROR, FP16_ERROR = 2e-4, 3e-2
LARGEST = 8


class Net(torch.nn.Module):
    """Convolutions and a product: what TF32 and float16 change."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(3, 32, 3, padding=1), torch.nn.BatchNorm2d(32), torch.nn.ReLU()
        )
        self.classes = torch.nn.Linear(32 * 64, 10)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """Ten scores."""
        return self.classes(self.features(picture).flatten(1))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("export") / "model.onnx"
    inputs = {"picture": torch.randn(4, 3, 8, 8)}
    exporting.export(
        Net().eval(), inputs, ("scores",), dynamic_axes={}, max_batch_size=LARGEST, target=target
    )
    return target


@pytest.fixture
def make(exported: Path, tmp_path: Path) -> Callable[..., tuple[Work, Made]]:
    def made(technique: Any, **parameters: str) -> tuple[Work, Made]:
        (tmp_path / "target").mkdir()
        source = SourceAccess(request=SourceRequest(kind="onnx", uri=""), folder=tmp_path)
        asked = Work(
            parent=exported,
            target=tmp_path / "target",
            parameters=parameters,
            source=source,
            max_batch_size=LARGEST,
            seconds=300,
        )
        return asked, technique.produce(asked)

    return made


def reference(exported: Path, pictures: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
    scores: np.ndarray = session.run(None, {"picture": pictures})[0]
    return scores


@needs_tensorrt
@pytest.mark.parametrize(("precision", "error"), [("fp32", FP32_ERROR), ("fp16", FP16_ERROR)])
def test_a_tensorrt_engine_answers_as_the_model_at_every_batch(
    make: Callable[..., tuple[Work, Made]],
    exported: Path,
    tmp_path: Path,
    precision: str,
    error: float,
) -> None:
    asked, made = make(tensorrt.TECHNIQUE, precision=precision)
    engine = TensorrtEngine()
    opened = engine.open(str(asked.target / made.model_file), precision)["interface"]
    assert opened["inputs"] == [{"name": "picture", "datatype": "FP32", "dims": [3, 8, 8]}]
    for rows in (1, 3, LARGEST, 3 * LARGEST + 1):
        pictures = np.random.default_rng(rows).standard_normal((rows, 3, 8, 8), np.float32)
        save_file({"picture": pictures}, tmp_path / "in.safetensors")
        engine.run(str(tmp_path / "in.safetensors"), str(tmp_path / "out.safetensors"))
        found = load_file(tmp_path / "out.safetensors")["scores"]
        assert np.abs(found - reference(exported, pictures)).max() < error
    assert engine.time(str(tmp_path / "in.safetensors"), 0.05)["milliseconds"]


@needs_tensorrt
def test_a_second_engine_starts_from_the_timings_of_the_first(
    make: Callable[..., tuple[Work, Made]],
) -> None:
    asked, _ = make(tensorrt.TECHNIQUE)
    assert (asked.target.parent / tensorrt.TIMING_CACHE).stat().st_size > 0


@needs_cuda_provider
@pytest.mark.parametrize(("precision", "error"), [("fp32", FP32_ERROR), ("fp16", FP16_ERROR)])
def test_onnx_runtime_on_cuda_answers_as_the_model(
    make: Callable[..., tuple[Work, Made]], exported: Path, precision: str, error: float
) -> None:
    asked, made = make(ort_cuda.TECHNIQUE, precision=precision)
    model = asked.target / made.model_file
    session = onnxruntime.InferenceSession(str(model), providers=onnx_providers.beside(model))
    assert session.get_providers()[0] == "CUDAExecutionProvider"
    pictures = np.random.default_rng(0).standard_normal((LARGEST, 3, 8, 8), np.float32)
    found = session.run(None, {"picture": pictures})[0]
    assert np.abs(found - reference(exported, pictures)).max() < error
