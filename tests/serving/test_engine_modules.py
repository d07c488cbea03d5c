"""The runner's engines by themselves: what they refuse, and whose memory their answers are in."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from artifacts import onnx_file, openvino_files
from models import linear

from modelservice_runtime.serve.runner import engines
from modelservice_runtime.serve.runner.served import CannotServeError, Served, read_served

ROWS = linear().inputs["x"]
RIGHT = linear().answers({"x": ROWS})["y"]


def served(engine: str, model_file: Path, precision: str = "fp32") -> Served:
    """What the configuration of the linear model says."""
    return Served(
        variant="a",
        engine=engine,
        precision=precision,
        model_file=model_file,
        inputs=("x",),
        outputs=("y",),
        threads=1,
        device=None,
    )


@pytest.fixture
def openvino_model(tmp_path: Path) -> Path:
    folder = tmp_path / "variant"
    folder.mkdir()
    return folder / openvino_files(linear(), folder)


@pytest.fixture
def onnx_model(tmp_path: Path) -> Path:
    return tmp_path / onnx_file(linear(), tmp_path)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_an_answer_is_not_changed_by_the_next_call(engine: str, onnx_model: Path) -> None:
    """OpenVINO reads ONNX too; it writes every answer into the same buffer."""
    loaded = engines.load(served(engine, onnx_model))
    first = loaded.run({"x": ROWS})["y"]
    loaded.run({"x": -ROWS})
    np.testing.assert_allclose(first, RIGHT, rtol=1e-5)
    assert first.flags.c_contiguous


def test_an_input_that_may_not_be_written_is_read(openvino_model: Path) -> None:
    """Triton's shared memory is."""
    rows = ROWS.copy()
    rows.flags.writeable = False
    loaded = engines.load(served("openvino", openvino_model))
    np.testing.assert_allclose(loaded.run({"x": rows})["y"], RIGHT, rtol=1e-5)


def test_int8_is_served_with_the_rest_in_fp32(openvino_model: Path) -> None:
    loaded = engines.load(served("openvino", openvino_model, "int8"))
    np.testing.assert_allclose(loaded.run({"x": ROWS})["y"], RIGHT, rtol=1e-5)


def test_a_precision_that_is_none_is_refused(openvino_model: Path) -> None:
    with pytest.raises(CannotServeError, match="precision 'int4' is unknown; known are fp32, int8"):
        engines.load(served("openvino", openvino_model, "int4"))


def test_no_usage_is_sent_anywhere() -> None:
    """A process of its own: here openvino was imported before, by the tests."""
    program = f"import sys, {engines.__package__}.engine_openvino; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    assert "openvino" in loaded
    assert [name for name in loaded if name.startswith("openvino_telemetry.")] == []


def test_a_gpu_that_onnx_runtime_cannot_use_is_an_error(onnx_model: Path) -> None:
    """It would take the CPU and say so in its log only."""
    with pytest.raises(CannotServeError, match=r"ONNX Runtime .* cannot use the GPU"):
        engines.load(replace(served("onnxruntime", onnx_model), device=0))


def test_on_a_gpu_float32_is_computed_in_float32(
    onnx_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the build chose no providers for was judged on the CPU, which has no TF32."""
    asked: list[tuple[str, dict[str, object]]] = []

    class Session:
        def __init__(
            self, _: str, __: object, *, providers: list[tuple[str, dict[str, object]]]
        ) -> None:
            asked.extend(providers)

        def get_providers(self) -> list[str]:
            return [name for name, _ in asked]

    cuda = "CUDAExecutionProvider"
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [cuda])
    engines.load(replace(served("onnxruntime", onnx_model), device=1))
    assert asked == [(cuda, {"device_id": 1, "use_tf32": 0})]


def test_an_engine_that_is_not_installed_is_named(
    onnx_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, f"{engines.__package__}.engine_aoti", raising=False)
    with pytest.raises(CannotServeError, match="engine 'aoti' is not installed in this image"):
        engines.load(served("aoti", onnx_model))


ARGUMENTS = {
    "model_repository": "/models/tiny",
    "model_version": "1",
    "model_instance_kind": "GPU",
    "model_instance_device_id": "3",
}
PARAMETERS = {
    "variant": "int8",
    "engine": "openvino",
    "precision": "int8",
    "model_file": "model.xml",
    "intra_op_thread_count": "2",
}


def config(parameters: dict[str, str]) -> dict[str, object]:
    """As Triton hands it over."""
    values = {name: {"string_value": value} for name, value in parameters.items()}
    return {
        "input": [{"name": "x", "dims": [-1, 4]}],
        "output": [{"name": "y", "dims": [3]}],
        "parameters": values,
    }


def test_what_is_served_is_read_from_triton_s_configuration() -> None:
    found = read_served(ARGUMENTS, config(PARAMETERS))
    assert found == Served(
        variant="int8",
        engine="openvino",
        precision="int8",
        model_file=Path("/models/tiny/1/int8/model.xml"),
        inputs=("x",),
        outputs=("y",),
        threads=2,
        device=3,
        open_inputs={"x": (1,)},
        open_outputs={"y": ()},
    )
    on_cpu = {**ARGUMENTS, "model_instance_kind": "CPU"}
    assert read_served(on_cpu, config(PARAMETERS)).device is None


@pytest.mark.parametrize("missing", sorted(PARAMETERS))
def test_a_missing_parameter_is_named(missing: str) -> None:
    left = {name: value for name, value in PARAMETERS.items() if name != missing}
    with pytest.raises(CannotServeError, match=f"has no parameter '{missing}'"):
        read_served(ARGUMENTS, config(left))


@pytest.mark.filterwarnings("ignore")  # torch's own
@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("", "interface.json cannot be read"),
        ("[]", "interface.json cannot be read"),
        (json.dumps({"inputs": [{"name": "x"}]}), "interface.json cannot be read: KeyError"),
        (
            json.dumps({"inputs": [{"name": "z"}], "outputs": [{"name": "y"}]}),
            r"takes \['z'\] and gives \['y'\]; the configuration says \['x'\]",
        ),
    ],
)
def test_a_package_with_another_interface_is_refused(
    tmp_path: Path, document: str, words: str
) -> None:
    (tmp_path / "interface.json").write_text(document)
    with pytest.raises(CannotServeError, match=words):
        engines.load(served("aoti", tmp_path / "model.pt2"))
