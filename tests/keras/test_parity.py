"""Keras and SavedModel sources through their worker: the ONNX file computes the same."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
import pytest

from modelservice_runtime.builder import parity
from modelservice_runtime.builder.onnx_model import check
from modelservice_runtime.builder.tensors import Arrays, read, tiled
from modelservice_runtime.contract.requests import ParityTolerance

if TYPE_CHECKING:
    from conftest import Source

#: The first test makes the models as well, in a process that imports TensorFlow.
pytestmark = pytest.mark.timeout(180)

Open = Callable[[Path], "Source"]
#: Rounding only: the same arithmetic in another order.
TOLERANCE = ParityTolerance(absolute=1e-5, relative=1e-5, cosine=0.999999)
#: Model → names and sizes of its inputs and outputs, the batch left out.
SERVED = {
    "cnn": ({"image": (16, 16, 3)}, {"probabilities": (5,)}),
    "two_inputs": ({"item": (3,), "person": (4,)}, {"kind": (3,), "score": (1,)}),
    "sequential": ({"features": (4,)}, {"logits": (2,)}),
    "called_once": ({"input_layer": (4,)}, {"logits": (2,)}),
    "lstm": ({"tokens": (12,)}, {"logits": (2,)}),
    "masked_gru": ({"tokens": (-1,)}, {"tags": (-1, 3)}),
    "attention": ({"x": (10, 8)}, {"pooled": (8,)}),
    "normalized": ({"x": (8, 8, 4)}, {"grouped": (6, 6, 8)}),
    "twice_the_same": ({"a": (4,), "b": (4,)}, {"shared": (2,), "shared_1": (2,)}),
    "subclassed": ({"args_0": (4,)}, {"output_0": (2,)}),
    "module": (
        {"shift": (), "x": (4,)},
        {"moved": (3,), "same": (), "unknown": (-1, -1)},
    ),
}


def answers(model: Path, inputs: Arrays) -> Arrays:
    """What ONNX Runtime says."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    names = [tensor.name for tensor in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


@pytest.mark.parametrize("name", SERVED)
def test_the_exported_model_answers_like_the_source_at_every_batch(
    models: Path, open_source: Open, name: str
) -> None:
    source = open_source(models / name)
    source.load()
    exported = source.export()
    interface = check(exported)
    inputs, outputs = SERVED[name]
    assert {spec.name: spec.dims for spec in interface.inputs} == inputs
    assert [spec.name for spec in interface.outputs] == list(outputs)
    for batch in (1, 2, 5, 8):
        rows = tiled(source.samples(), batch)
        found = parity.compare(
            source.run(rows), answers(exported, rows), batch=batch, tolerance=TOLERANCE
        )
        assert {difference.output for difference in found} == set(outputs)
        assert parity.verdict(found) == ""


def test_an_open_axis_stays_open(models: Path, open_source: Open) -> None:
    source = open_source(models / "masked_gru")
    source.load()
    exported = source.export()
    padded = np.array([[4, 7, 1, 0, 0], [3, 3, 9, 2, 1]], np.int32)
    expected, actual = source.run({"tokens": padded}), answers(exported, {"tokens": padded})
    np.testing.assert_allclose(actual["tags"], expected["tags"], atol=1e-5)
    assert actual["tags"].shape == (2, 5, 3)


def test_samples_beside_the_model_are_the_example_inputs(models: Path, open_source: Open) -> None:
    source = open_source(models / "two_inputs")
    reply = source.load()
    assert reply["notes"] == []
    assert [tensor["name"] for tensor in reply["inputs"]] == ["item", "person"]
    np.testing.assert_array_equal(source.samples()["person"], np.eye(4, dtype=np.float32))


def test_without_samples_they_are_made_up_and_said(models: Path, open_source: Open) -> None:
    (note,) = open_source(models / "cnn").load()["notes"]
    assert "8 example rows were made up" in note


def test_the_exact_gelu_becomes_one_operator(models: Path, open_source: Open) -> None:
    """Written as the converter has it, ONNX Runtime would compute it in five steps."""
    source = open_source(models / "attention")
    source.load()
    options = onnxruntime.SessionOptions()
    optimized = source.folder / "optimized.onnx"
    options.optimized_model_filepath = str(optimized)
    onnxruntime.InferenceSession(str(source.export()), options, ["CPUExecutionProvider"])
    operators = {node.op_type for node in onnx.load(optimized).graph.node}
    assert "Erf" not in operators
    assert operators & {"Gelu", "BiasGelu"}


def test_the_export_holds_a_model_only_a_few_times(models: Path, open_source: Open) -> None:
    """The converter's own loop takes a copy of all weights for each of its steps, and keeps it."""
    source = open_source(models / "heavy")
    source.load()
    before = source.worker.peak_bytes
    size = source.export().stat().st_size
    assert size > 40_000_000
    assert source.worker.peak_bytes - before < 10 * size


def test_a_graph_that_cannot_be_simplified_is_right_all_the_same(
    models: Path, tmp_path: Path
) -> None:
    script = (
        "import sys\n"
        "from modelservice_runtime.builder import tensorflow_conversion as conversion\n"
        "from modelservice_runtime.builder.tensorflow_engine import TensorflowEngine\n"
        "def fails(graph): raise KeyError('a defect of the converter')\n"
        "conversion._simplified = fails\n"
        "source, samples, model, outputs = sys.argv[1:]\n"
        "engine = TensorflowEngine()\n"
        "engine.load(source, samples)\n"
        "engine.export(model, 4)\n"
        "engine.run(samples, outputs)\n"
    )
    samples, model, outputs = (tmp_path / name for name in ("samples", "model.onnx", "outputs"))
    arguments = [str(models / "cnn"), str(samples), str(model), str(outputs)]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "a defect of the converter" in done.stderr
    found = parity.compare(
        read(outputs), answers(model, read(samples)), batch=8, tolerance=TOLERANCE
    )
    assert parity.verdict(found) == ""


def test_every_call_is_timed(models: Path, open_source: Open) -> None:
    source = open_source(models / "sequential")
    source.load()
    taken = source.time(source.samples(), 0.05)
    assert len(taken) >= 1
    assert all(0 < milliseconds < 10_000 for milliseconds in taken)
