"""AOTInductor: one small module compiled for real, and what is said where it cannot be."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from modelservice_runtime.builder import torch_modules
from modelservice_runtime.builder.aoti_worker import AotiEngine
from modelservice_runtime.builder.entrypoint import load
from modelservice_runtime.builder.errors import UserError
from modelservice_runtime.builder.module_calls import call
from modelservice_runtime.builder.techniques import aot_inductor
from modelservice_runtime.builder.techniques.aot_inductor import TECHNIQUE, find_compiler
from modelservice_runtime.builder.techniques.base import (
    CannotProduceError,
    Made,
    SourceAccess,
    Work,
)
from modelservice_runtime.contract.requests import SourceRequest

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*isinstance.treespec, LeafSpec.*:FutureWarning", "ignore::DeprecationWarning:torch.*"
)

MODEL = """
    import torch
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(1, 8, 3, padding=1)
            self.norm = torch.nn.BatchNorm2d(8)
            self.linear = torch.nn.Linear(8, 5)
        def forward(self, picture, weight):
            seen = self.norm(self.conv(picture)).relu().mean((2, 3))
            return {"scores": self.linear(seen), "weighted": seen * weight}
    def load():
        torch.manual_seed(0)
        inputs = {"picture": torch.randn(4, 1, 8, 8), "weight": torch.randn(4, 8)}
        return Net().eval(), inputs
"""


def work(folder: Path, source: str = MODEL, kind: str = "pytorch") -> Work:
    """A source with this code and an empty target."""
    (folder / "source").mkdir()
    (folder / "target").mkdir()
    (folder / "source/aoti_model.py").write_text(textwrap.dedent(source))
    request = SourceRequest(kind=kind, uri="", entrypoint="aoti_model:load")
    return Work(
        parent=folder / "model.onnx",
        target=folder / "target",
        parameters={},
        source=SourceAccess(request=request, folder=folder / "source"),
        max_batch_size=16,
        seconds=60,
    )


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What is imported from a source is forgotten afterwards."""
    paths = list(sys.path)
    yield
    sys.path[:] = paths
    sys.modules.pop("aoti_model", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """The technique's outcome."""

    work: Work
    made: Made


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    """Takes half a minute: compiled once."""
    if shutil.which("g++") is None:
        pytest.skip("this machine has no g++")
    asked = work(tmp_path_factory.mktemp("aoti"))
    return Compiled(work=asked, made=TECHNIQUE.produce(asked))


@pytest.fixture
def engine(compiled: Compiled) -> AotiEngine:
    opened = AotiEngine()
    opened.open(str(compiled.work.target / compiled.made.model_file), "fp32")
    return opened


def answers(engine: AotiEngine, folder: Path, inputs: dict[str, Any]) -> dict[str, Any]:
    save_file(inputs, folder / "in.safetensors")
    engine.run(str(folder / "in.safetensors"), str(folder / "out.safetensors"))
    return dict(load_file(folder / "out.safetensors"))


@pytest.mark.timeout(300)
def test_the_interface_beside_the_package_has_names_types_and_sizes(compiled: Compiled) -> None:
    assert compiled.made.model_file == "model.pt2"
    said = json.loads((compiled.work.target / "interface.json").read_text())
    assert said["inputs"] == [
        {"name": "picture", "datatype": "FP32", "dims": [1, 8, 8]},
        {"name": "weight", "datatype": "FP32", "dims": [8]},
    ]
    assert said["mostRows"] == 256
    assert [spec["name"] for spec in said["outputs"]] == ["scores", "weighted"]
    assert "runs on CPUs with these instructions only" in compiled.made.notes[0]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("rows", [1, 3, 16, 100, 300])
def test_it_answers_as_the_module_at_every_batch(
    compiled: Compiled, engine: AotiEngine, tmp_path: Path, rows: int
) -> None:
    eager = load(compiled.work.source.folder, "aoti_model:load", [])
    picks = np.arange(rows) % 4
    inputs = {name: tensor[picks] for name, tensor in eager.inputs.items()}
    expected = call(eager.module, inputs, ())
    given = {name: tensor.numpy() for name, tensor in inputs.items()}
    found = answers(engine, tmp_path, given)
    for name, tensor in expected.items():
        np.testing.assert_allclose(found[name], tensor.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"weight": np.ones((2, 7), np.float32)}, r"input 'weight' is float32 \[2, 7\]"),
        ({"weight": np.ones((2, 8), np.float64)}, r"'weight' is float64 \[2, 8\]"),
        ({"weight": np.ones(2, np.float32)}, r"takes float32 \[rows, 8\]"),
        ({"weight": None}, "input 'weight' is missing"),
    ],
    ids=["size", "type", "rank", "missing"],
)
def test_compiled_code_never_sees_a_tensor_that_does_not_fit(
    engine: AotiEngine, tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    inputs = {
        "picture": np.ones((2, 1, 8, 8), np.float32),
        "weight": np.ones((2, 8), np.float32),
        **changed,
    }
    with pytest.raises(UserError, match=words):
        answers(engine, tmp_path, {k: array for k, array in inputs.items() if array is not None})


@pytest.mark.timeout(300)
def test_the_calls_are_timed(engine: AotiEngine, tmp_path: Path) -> None:
    inputs = {"picture": np.ones((2, 1, 8, 8), np.float32), "weight": np.ones((2, 8), np.float32)}
    save_file(inputs, tmp_path / "in.safetensors")
    taken = engine.time(str(tmp_path / "in.safetensors"), 0.01)["milliseconds"]
    assert taken
    assert all(one > 0 for one in taken)


@pytest.mark.parametrize("text", ["", '{"inputs": 3}', '{"inputs": [], "outputs": []}'])
def test_a_package_without_its_interface_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "interface.json").write_text(text)
    with pytest.raises(UserError, match=r"interface\.json cannot be read"):
        AotiEngine().open(str(tmp_path / "model.pt2"), "fp32")


def test_bytes_that_are_no_package_are_refused(tmp_path: Path) -> None:
    (tmp_path / "interface.json").write_text('{"inputs": [], "outputs": [], "mostRows": 8}')
    (tmp_path / "model.pt2").write_bytes(b"no package")
    with pytest.raises(UserError, match=r"model\.pt2 cannot be loaded on this machine"):
        AotiEngine().open(str(tmp_path / "model.pt2"), "fp32")


def test_without_a_compiler_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(CannotProduceError, match=r"C\+\+ compiler, and the builder has no 'g\+\+'"):
        TECHNIQUE.produce(work(tmp_path))


def test_the_compiler_is_the_one_that_inductor_will_call(tmp_path: Path) -> None:
    named = tmp_path / "my-compiler"
    named.write_text("#!/bin/sh\n")
    named.chmod(0o755)
    assert find_compiler({"CXX": "my-compiler", "PATH": str(tmp_path)}) == str(named)


def test_a_source_without_a_torch_module_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotProduceError, match="it needs a torch module, the source is onnx"):
        TECHNIQUE.produce(work(tmp_path, kind="onnx"))


def test_a_program_keeps_its_names_on_the_way_to_the_compiler(tmp_path: Path) -> None:
    asked = work(tmp_path, kind="torchExport")
    module = torch.nn.Bilinear(4, 5, 3).eval()
    inputs = {"input1": torch.randn(3, 4), "input2": torch.randn(3, 5)}
    rows = torch.export.Dim("batch", min=1, max=16)
    shapes = {name: {0: rows} for name in inputs}
    program = torch.export.export(module, (), kwargs=inputs, dynamic_shapes=shapes)
    torch.export.save(program, asked.source.folder / "model.pt2")
    source = torch_modules.load(asked.source)
    names, loaded = source.output_names, source.loaded
    most = aot_inductor.most_rows(source.most_rows, asked.max_batch_size)
    assert most == 16
    traced = aot_inductor.trace(loaded.module, loaded.inputs, names, {}, most)
    found = aot_inductor.interface_of(traced, tuple(loaded.inputs), names)
    assert [(spec.name, spec.dims) for spec in found.inputs] == [("input1", (4,)), ("input2", (5,))]
    assert [(spec.name, spec.dims) for spec in found.outputs] == [("output", (3,))]
    (answer,) = traced.module()(*inputs.values())
    torch.testing.assert_close(answer, module(**inputs))


def test_a_program_that_takes_too_few_rows_is_not_compiled() -> None:
    with pytest.raises(
        CannotProduceError, match=r"at most 4 rows, spec\.serving\.maxBatchSize is 16"
    ):
        aot_inductor.most_rows(4, 16)


def test_control_flow_is_refused_with_its_place(tmp_path: Path) -> None:
    branching = """
        import torch
        class Net(torch.nn.Module):
            def forward(self, x):
                if x.sum() > 0:
                    return x * 2
                return x
        def load():
            return Net().eval(), {"x": torch.ones(4, 3)}
    """
    with pytest.raises(CannotProduceError, match=r"at aoti_model\.py:5"):
        TECHNIQUE.produce(work(tmp_path, source=branching))
