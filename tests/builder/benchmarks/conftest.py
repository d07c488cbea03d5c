"""The benchmark's own packages, which are not installed, and small models to put faults into."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto
from small_graphs import SmallGraph

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "benchmarks" / "optimizer"), str(ROOT / "benchmarks" / "common")]

from optimizer_figures.gate.sources import Source  # noqa: E402

from modelservice_runtime.contract.requests import (  # noqa: E402
    ACCURACY,
    MAX_DEGRADATION,
    EvaluationRequest,
    Goal,
)

CLASSES, CHANNELS, SIZE = 4, 6, 4
REQUEST = EvaluationRequest(metric=ACCURACY, goals=(Goal(kind=MAX_DEGRADATION, value=0.05),))


@pytest.fixture
def classifier(tmp_path: Path) -> Source:
    """``image`` [n, 1, 4, 4] → convolution, ReLU (``hidden``), mean, linear → ``logits`` [n, 4]."""
    random = np.random.default_rng(1)
    small = SmallGraph(
        {
            "conv.weight": random.standard_normal((CHANNELS, 1, 3, 3), np.float32),
            "conv.weight_bias": random.standard_normal(CHANNELS, np.float32),
            "fc.weight": random.standard_normal((CLASSES, CHANNELS), np.float32),
            "fc.bias": random.standard_normal(CLASSES, np.float32),
            "axes": np.array([2, 3], np.int64),
        }
    )
    small.add("Conv", ["image", "conv.weight", "conv.weight_bias"], "made", pads=[1, 1, 1, 1])
    small.add("Relu", ["made"], "hidden")
    small.add("ReduceMean", ["hidden", "axes"], "mean", keepdims=0)
    small.add("Gemm", ["mean", "fc.weight", "fc.bias"], "logits", transB=1)
    inputs = {"image": (TensorProto.FLOAT, [1, SIZE, SIZE])}
    return written(small, tmp_path / "classifier.onnx", inputs, ("logits", CLASSES))


@pytest.fixture
def words(tmp_path: Path) -> Source:
    """``ids`` [n, 3] → embedding, scores that a softmax reads (0 is padding) → ``shares``."""
    small = SmallGraph(
        {
            "words": np.arange(10, dtype=np.float32).reshape(5, 2),
            "nothing": np.array(0, np.int64),
            "masked": np.array(-1e4, np.float32),
            "last": np.array([-1], np.int64),
        }
    )
    small.add("Gather", ["words", "ids"], "embedded")
    small.add("ReduceSum", ["embedded", "last"], "scores", keepdims=0)
    small.add("Equal", ["ids", "nothing"], "padding")
    small.add("Cast", ["padding"], "flags", to=TensorProto.FLOAT)
    small.add("Mul", ["flags", "masked"], "bias")
    small.add("Add", ["scores", "bias"], "sums")
    small.add("Softmax", ["sums"], "shares")
    return written(small, tmp_path / "words.onnx", {"ids": (TensorProto.INT64, [3])}, ("shares", 3))


def written(
    small: SmallGraph,
    path: Path,
    inputs: dict[str, tuple[int, list[int]]],
    output: tuple[str, int],
) -> Source:
    """As if it were an example's plain export."""
    small.write(path, inputs, output)
    return Source(example="small", folder=path.parent, path=path, digest="d", request=REQUEST)


@pytest.fixture
def images() -> np.ndarray:
    """float32 [40, 1, 4, 4]."""
    return np.random.default_rng(2).standard_normal((40, 1, SIZE, SIZE), np.float32)
