"""The whole builder in the environment of Keras, where there is no torch."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from modelservice_runtime.builder.engines import check_framework
from modelservice_runtime.builder.errors import BuildError
from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.codec import dumps, loads
from modelservice_runtime.contract.manifest import Manifest
from modelservice_runtime.contract.requests import (
    FUSE,
    JOB_VARIABLE,
    ONNX,
    PYTORCH,
    TENSORFLOW,
    BuildRequest,
    OptimizationRequest,
    SourceRequest,
)
from modelservice_runtime.contract.results import BuildResult

#: The first test makes the models as well, in a process that imports TensorFlow.
pytestmark = pytest.mark.timeout(180)

TWICE = """
import keras

class Twice(keras.layers.Layer):
    def call(self, inputs):
        return inputs * 2
"""
BUILDER = [sys.executable, "-m", "modelservice_runtime.builder"]


def build(kind: str, source: Path, folder: Path, techniques: tuple[str, ...]) -> Manifest:
    """Build as the pod does; what was published."""
    for name in ("scratch", "store"):
        (folder / name).mkdir()
    artifact = f"file://{folder}/store/team/model/0123456789/1"
    request = BuildRequest(
        namespace="team",
        name="model",
        build_key="0123456789",
        attempt=1,
        source=SourceRequest(kind=kind, uri=f"file://{source}"),
        store_uri=f"file://{folder}/store",
        artifact_uri=artifact,
        max_batch_size=4,
        duration_seconds=300,
        optimization=OptimizationRequest(techniques=techniques),
    )
    places = ["--scratch", str(folder / "scratch"), "--result-file", str(folder / "result.json")]
    done = subprocess.run(
        [*BUILDER, *places],
        env={**os.environ, "HOME": "/nonexistent", JOB_VARIABLE: dumps(request)},
        capture_output=True,
        text=True,
        check=False,
    )
    result = loads(BuildResult, (folder / "result.json").read_text())
    assert done.returncode == exit_codes.OK, f"{result.message}\n{done.stderr}"
    assert all("progress" in json.loads(line) for line in done.stdout.splitlines())
    return loads(Manifest, Path(artifact.removeprefix("file://"), "manifest.json").read_text())


def test_there_is_no_torch_here() -> None:
    """Else the other tests of this file would prove nothing."""
    assert find_spec("torch") is None
    assert find_spec("tensorflow") is not None


def test_the_builder_explains_itself_without_loading_a_framework() -> None:
    script = (
        "import sys, runpy\n"
        "sys.argv = ['builder', '--help']\n"
        "try:\n"
        "    runpy.run_module('modelservice_runtime.builder', run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0, end.code\n"
        "print(sorted({'keras', 'onnxruntime', 'tensorflow', 'torch'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "modelservice_runtime.builder" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_onnx_source_is_built(tmp_path: Path) -> None:
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in ("x", "y")
    )
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", [x], [y])
    opset = [helper.make_opsetid("", 18)]
    (tmp_path / "source").mkdir()
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    onnx.save(model, tmp_path / "source/model.onnx")
    manifest = build(ONNX, tmp_path / "source", tmp_path, ())
    assert [spec.name for spec in manifest.interface.outputs] == ["y"]


def test_a_keras_model_is_built_and_its_candidates_are_tried(models: Path, tmp_path: Path) -> None:
    manifest = build(TENSORFLOW, models / "cnn", tmp_path, (FUSE,))
    assert [(spec.name, spec.dims) for spec in manifest.interface.inputs] == [
        ("image", (16, 16, 3))
    ]
    assert manifest.source.kind == TENSORFLOW
    assert {"keras", "tf2onnx"} <= set(manifest.versions)
    assert manifest.variants


def test_layers_of_kerashub_come_with_the_sources_requirements(
    models: Path, tmp_path: Path
) -> None:
    """A wheel of that name stands for KerasHub; what was installed is in the manifest."""
    source = tmp_path / "source"
    shutil.copytree(models / "of_keras_hub", source)
    line = make_wheel(source / "wheels", "keras_hub", TWICE)
    (source / "requirements.txt").write_text(line)
    manifest = build(TENSORFLOW, source, tmp_path, ())
    assert [spec.name for spec in manifest.interface.outputs] == ["twice"]
    assert manifest.requirements == (line.strip().replace("_", "-"),)


def make_wheel(folder: Path, name: str, code: str) -> str:
    """A wheel of one module; its requirement line."""
    folder.mkdir()
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", code)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n")
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def test_a_pytorch_source_is_refused_here_and_told_where_to_go() -> None:
    with pytest.raises(BuildError, match="extra 'builder'"):
        check_framework(SourceRequest(kind=PYTORCH, uri="file:///x", entrypoint="model:load"))
    check_framework(SourceRequest(kind=TENSORFLOW, uri="file:///x"))
