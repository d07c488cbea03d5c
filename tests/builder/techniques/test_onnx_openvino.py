"""OpenVINO candidates: made in a maker, opened in their worker, in the precision declared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from safetensors.numpy import load_file, save_file

from modelservice_runtime.builder.deadline import Deadline
from modelservice_runtime.builder.engines import ModelProcess, start_candidate
from modelservice_runtime.builder.errors import UserError
from modelservice_runtime.builder.techniques.base import CannotProduceError, Made, Work
from modelservice_runtime.builder.techniques.openvino_ir import TECHNIQUE as IR
from modelservice_runtime.builder.worker import Limits, Worker
from modelservice_runtime.contract.codec import decode
from modelservice_runtime.contract.requests import ONNXRUNTIME, OPENVINO
from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec
from modelservice_runtime.cpu import read_cpu_class

if TYPE_CHECKING:
    from conftest import Example

    WorkOf = Callable[..., Work]
    Makes = Callable[[str, Work], Made]
    Answers = Callable[[Path, dict[str, np.ndarray]], dict[str, np.ndarray]]

WORKER = "modelservice_runtime.builder.openvino_worker"
HALVES = {"bf16": "bf16", "fp16": "fp16"}


class Opened:
    """A model in its worker process."""

    def __init__(self, worker: Worker, folder: Path) -> None:
        self._worker = worker
        self._folder = folder

    def open(self, model: Path, precision: str) -> dict[str, Any]:
        """The worker's reply."""
        return self._ask("open", model=str(model), precision=precision)

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs."""
        save_file(inputs, self._folder / "in.safetensors")
        out = self._folder / "out.safetensors"
        self._ask("run", inputs=str(self._folder / "in.safetensors"), outputs=str(out))
        return load_file(out)

    def time(self, seconds: float) -> list[float]:
        """Milliseconds of calls on what was run last."""
        path = str(self._folder / "in.safetensors")
        return self._ask("time", inputs=path, seconds=seconds)["milliseconds"]

    def _ask(self, command: str, **arguments: object) -> Any:
        return self._worker.ask(command, timeout=60, doing=command, **arguments)


@pytest.fixture
def openvino(environment: dict[str, str], tmp_path: Path) -> Iterator[Opened]:
    """The worker process."""
    limits = Limits(memory_bytes=0)
    with Worker("it", WORKER, environment=environment, cwd=tmp_path, limits=limits) as worker:
        yield Opened(worker, tmp_path)


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def test_float32_computes_what_the_source_model_does_at_each_batch_size(
    cnn: Example, work_on: WorkOf, openvino: Opened
) -> None:
    work = work_on(cnn)
    made = IR.produce(work)
    assert sorted(path.name for path in work.target.iterdir()) == ["model.bin", "model.xml"]
    openvino.open(work.target / made.model_file, "fp32")
    for rows in (1, 3, 8):
        found = openvino.run(cnn.rows(rows))
        assert set(found) == set(cnn.outputs)
        for name, array in cnn.outputs.items():
            np.testing.assert_allclose(found[name], array[:rows], atol=1e-4)


def test_names_types_and_sizes_are_those_of_the_export(
    cnn: Example, encoder: Example, work_on: WorkOf, openvino: Opened
) -> None:
    work = work_on(cnn)
    reply = openvino.open(work.target / IR.produce(work).model_file, "fp32")
    interface = decode(ModelInterface, reply["interface"])
    assert interface.inputs == (TensorSpec(name="image", datatype="FP32", dims=(3, 12, 12)),)
    assert [spec.name for spec in interface.outputs] == ["logits", "features"]
    assert reply["versions"]["openvino"]
    work = work_on(encoder)
    reply = openvino.open(work.target / IR.produce(work).model_file, "fp32")
    interface = decode(ModelInterface, reply["interface"])
    assert interface.inputs == (TensorSpec(name="tokens", datatype="INT64", dims=(10,)),)


def test_times_are_of_single_calls(cnn: Example, work_on: WorkOf, openvino: Opened) -> None:
    work = work_on(cnn)
    openvino.open(work.target / IR.produce(work).model_file, "fp32")
    openvino.run(cnn.rows(2))
    assert len(openvino.time(0.0)) == 1
    assert all(taken > 0 for taken in openvino.time(0.05))


@pytest.mark.parametrize("precision", HALVES)
def test_half_precision_is_made_only_where_the_cpu_computes_in_it(
    encoder: Example, work_on: WorkOf, openvino: Opened, precision: str
) -> None:
    work = work_on(encoder, precision=precision)
    if precision not in read_cpu_class().split():
        with pytest.raises(CannotProduceError, match="on this CPU where"):
            IR.produce(work)
        return
    openvino.open(work.target / IR.produce(work).model_file, precision)
    found = openvino.run(encoder.rows(8))["embedding"]
    error = relative_error(found, encoder.outputs["embedding"][:8])
    assert 1e-5 < error < 0.05, "float32 would be nearer, anything else farther"


def test_a_model_is_not_opened_in_another_precision_than_it_declares(
    encoder: Example, work_on: WorkOf, openvino: Opened
) -> None:
    work = work_on(encoder)
    model = work.target / IR.produce(work).model_file
    with pytest.raises(UserError, match="declares fp32 and was to be opened as bf16"):
        openvino.open(model, "bf16")


def test_an_onnx_file_that_declares_nothing_is_still_computed_in_what_is_asked_for(
    encoder: Example, openvino: Opened
) -> None:
    """OpenVINO left alone would take bf16 on a CPU that has it."""
    openvino.open(encoder.model, "fp32")
    found = openvino.run(encoder.rows(8))["embedding"]
    assert relative_error(found, encoder.outputs["embedding"][:8]) < 1e-5


@pytest.mark.parametrize(
    "broken", [b"", b"<net/>", b"not xml"], ids=["empty", "no layers", "no xml"]
)
def test_a_file_that_is_no_model_is_refused_in_words(
    tmp_path: Path, openvino: Opened, broken: bytes
) -> None:
    path = tmp_path / "model.xml"
    path.write_bytes(broken)
    with pytest.raises(UserError, match=r"OpenVINO cannot read model\.xml: "):
        openvino.open(path, "fp32")


def test_inputs_that_the_model_has_not_are_refused_in_words(
    cnn: Example, work_on: WorkOf, openvino: Opened
) -> None:
    work = work_on(cnn)
    openvino.open(work.target / IR.produce(work).model_file, "fp32")
    with pytest.raises(UserError, match="OpenVINO cannot run the model"):
        openvino.run({"picture": np.zeros((1, 3, 12, 12), np.float32)})
    assert openvino.run(cnn.rows(1)).keys() == cnn.outputs.keys()


def test_int8_quantizes_every_layer_and_stays_near(
    cnn: Example, work_on: WorkOf, made: Makes, openvino: Opened
) -> None:
    work = work_on(cnn)
    found = made("openvino_int8", work)
    assert found.figures["quantized_operators"] == 4
    assert found.figures["calibration_rows"] == len(cnn.inputs["image"])
    assert set(found.versions) == {"openvino", "nncf"}
    openvino.open(work.target / found.model_file, "int8")
    for rows in (1, 3, 8):
        answers = openvino.run(cnn.rows(rows))
        for name, array in cnn.outputs.items():
            assert 1e-4 < relative_error(answers[name], array[:rows]) < 0.1


def test_what_int8_leaves_is_computed_in_bf16_where_that_is_asked_for(
    encoder: Example, work_on: WorkOf, made: Makes, openvino: Opened, tmp_path: Path
) -> None:
    """The same quantized model, declared anew: its names, and other numbers than with float32."""
    work = work_on(encoder)
    int8 = work.target / made("openvino_int8", work).model_file
    (tmp_path / "again").mkdir()
    again = replace(work, parent=int8, target=tmp_path / "again", parameters={"precision": "bf16"})
    if "bf16" not in read_cpu_class().split():
        with pytest.raises(CannotProduceError, match="on this CPU where"):
            IR.produce(again)
        return
    openvino.open(int8, "int8")
    with_float32 = openvino.run(encoder.rows(8))["embedding"]
    model = again.target / IR.produce(again).model_file
    with pytest.raises(UserError, match="declares bf16 and was to be opened as int8"):
        openvino.open(model, "int8")
    openvino.open(model, "bf16")
    found = openvino.run(encoder.rows(8))["embedding"]
    assert relative_error(found, with_float32) > 1e-5
    assert relative_error(found, encoder.outputs["embedding"][:8]) < 0.2


def test_int8_of_a_transformer_keeps_what_attention_needs(
    encoder: Example, work_on: WorkOf, made: Makes, openvino: Opened
) -> None:
    work = work_on(encoder)
    found = made("openvino_int8", work)
    assert found.figures["quantized_operators"] >= 4
    openvino.open(work.target / found.model_file, "int8")
    answers = openvino.run(encoder.rows(8))["embedding"]
    assert 1e-4 < relative_error(answers, encoder.outputs["embedding"][:8]) < 0.1


def test_a_model_without_layers_is_not_called_quantized(
    tmp_path: Path, work_on: WorkOf, made: Makes
) -> None:
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", 4]) for n in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Exp", ["x"], ["y"])], "g", ends[:1], ends[1:])
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), tmp_path / "exp.onnx")
    save_file({"x": np.ones((4, 4), np.float32)}, tmp_path / "rows.safetensors")
    work = replace(work_on(tmp_path / "exp.onnx"), calibration=tmp_path / "rows.safetensors")
    with pytest.raises(CannotProduceError, match="no operator to quantize"):
        made("openvino_int8", work)


@contextmanager
def refused(words: str) -> Iterator[None]:
    with pytest.raises(CannotProduceError, match=words):
        yield


@pytest.mark.parametrize("engine", [OPENVINO, ONNXRUNTIME])
def test_accuracy_control_puts_layers_back_until_the_loss_is_allowed(
    cnn: Example, work_on: WorkOf, made: Makes, engine: str
) -> None:
    """Half of what plain int8 loses is allowed; all layers in float would be no result."""
    everything = work_on(cnn, engine=OPENVINO, metric="Cosine", max_drop=1.0)
    plain = made("accuracy_control", everything)
    assert plain.figures["quantized_operators"] == 4
    limit = plain.figures["selection_loss"] / 2
    assert limit > 0
    work = work_on(cnn, engine=engine, metric="Cosine", max_drop=limit)
    controlled = made("accuracy_control", work)
    assert 0 < controlled.figures["quantized_operators"] < plain.figures["quantized_operators"]
    assert controlled.figures["selection_loss"] <= limit
    assert any("of Cosine on 48 rows" in note for note in controlled.notes)
    suffix = ".xml" if engine == OPENVINO else ".onnx"
    assert (work.target / controlled.model_file).suffix == suffix


def test_accuracy_control_gives_up_in_words_when_no_layer_may_be_lost(
    cnn: Example, work_on: WorkOf, made: Makes
) -> None:
    work = work_on(cnn, engine=OPENVINO, metric="Cosine", max_drop=0.0)
    with refused("int8 still loses|no layer is left in int8"):
        made("accuracy_control", work)


def test_accuracy_control_that_takes_too_long_says_so(
    cnn: Example, work_on: WorkOf, made: Makes
) -> None:
    work = work_on(cnn, seconds=0.0, engine=OPENVINO, metric="Cosine", max_drop=0.001)
    with refused("did not find within 0 s"):
        made("accuracy_control", work)


@pytest.mark.parametrize(
    ("parameters", "lacking", "words"),
    [
        ({"metric": "Entrypoint"}, "", "Entrypoint cannot guide"),
        ({"output": "nothing"}, "", "no output 'nothing'"),
        ({}, "selection", "needs the selection part"),
        ({}, "calibration", "needs calibration data"),
    ],
    ids=["a user's metric", "an output that is none", "no selection part", "no calibration part"],
)
def test_accuracy_control_without_what_it_needs_says_what_that_is(
    cnn: Example,
    work_on: WorkOf,
    made: Makes,
    *,
    parameters: dict[str, str],
    lacking: str,
    words: str,
) -> None:
    work = work_on(cnn, **parameters)
    if lacking:
        work = replace(work, **{lacking: None})
    with refused(words):
        made("accuracy_control", work)


def test_the_build_opens_it_like_any_other_candidate(
    cnn: Example, work_on: WorkOf, environment: dict[str, str], tmp_path: Path
) -> None:
    """Through the class that the search uses."""
    work = work_on(cnn)
    model = work.target / IR.produce(work).model_file
    save_file(cnn.rows(3), tmp_path / "three.safetensors")
    worker = start_candidate(
        "openvino", OPENVINO, environment=environment, cwd=tmp_path, limits=Limits(memory_bytes=0)
    )
    with worker:
        process = ModelProcess(worker, Deadline(end=100.0, duration_seconds=100), lambda: 0.0)
        interface, _ = process.open(model, "fp32")
        assert [spec.name for spec in interface.outputs] == ["logits", "features"]
        found = process.run(tmp_path / "three.safetensors", tmp_path / "out.safetensors")
    np.testing.assert_allclose(found["logits"], cnn.outputs["logits"][:3], atol=1e-4)
