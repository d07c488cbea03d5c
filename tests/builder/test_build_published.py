"""A build that succeeds: what is published, said and measured."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
from safetensors.numpy import load_file

from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.codec import loads
from modelservice_runtime.contract.results import MAX_RESULT_BYTES, BuildResult
from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec
from modelservice_runtime.store.fetching import fetch_artifact

if TYPE_CHECKING:
    from conftest import Bench

STAGES = [
    "source",
    "requirements",
    "load",
    "export",
    "parity",
    "evaluate",
    "measure",
    "publish",
    "done",
]

CHATTY_MODEL = """
import os
import sys
import torch

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding = torch.nn.Embedding(50, 8)
        self.drop = torch.nn.Dropout(0.5)

    def forward(self, tokens, scale):
        # "embedding" is also what the exporter calls an inner value.
        mixed = self.drop(self.embedding(tokens)).mean(1) * scale[:, None]
        return {"embedding": mixed, "best": mixed.argmax(-1)}

def load():
    print('{"progress": "not ours"}')
    sys.stdin.read()
    assert not [name for name in os.environ if name.startswith(("AWS_", "MODELSERVICE_"))]
    open(os.path.expanduser("~/cache"), "w").close()
    inputs = {"tokens": torch.randint(0, 50, (3, 6)), "scale": torch.rand(3)}
    return Model(), inputs, {"dynamic_axes": {"tokens": {1: "length"}}}
"""


def test_a_published_artifact_holds_all_that_serving_needs(bench: Bench, tmp_path: Path) -> None:
    """One build, looked at from every side (a build takes seconds)."""
    bench.write("model.py", CHATTY_MODEL)
    bench.environment = {"AWS_SECRET_ACCESS_KEY": "not for user code"}
    outcome = bench.build()
    assert outcome.code == exit_codes.OK, outcome.log
    stages = [line["stage"] for line in outcome.progress]
    assert list(dict.fromkeys(stages)) == STAGES
    assert [line["fraction"] for line in outcome.progress] == sorted(
        line["fraction"] for line in outcome.progress
    )

    result, manifest = outcome.result, bench.manifest()
    assert (result.outcome, result.reason) == ("Succeeded", "Published")
    assert result.artifact.digest == manifest.digest
    assert result.artifact.metric_value > 0.9999
    assert manifest.interface == ModelInterface(
        inputs=(
            TensorSpec(name="tokens", datatype="INT64", dims=(-1,)),
            TensorSpec(name="scale", datatype="FP32", dims=()),
        ),
        outputs=(
            TensorSpec(name="embedding", datatype="FP32", dims=(8,)),
            TensorSpec(name="best", datatype="INT64", dims=()),
        ),
    )
    assert manifest.sample_inputs[0] == TensorSpec(name="tokens", datatype="INT64", dims=(6,))
    (variant,) = manifest.variants
    assert (variant.name, variant.engine, variant.precision) == ("export", "onnxruntime", "fp32")
    assert {point.batch for point in variant.parity} == {1, 2, 3, 4}
    assert [pair.batch for pair in variant.latency] == [1, 4]
    assert variant.cpu_class == "", "plain arithmetic runs anywhere"
    assert [item.name for item in result.artifact.variants] == ["export"]
    assert "training mode" in outcome.log

    target = tmp_path / "fetched"
    fetch_artifact(result.artifact.uri, manifest.digest, target)
    _check_samples(target)
    _check_report(target)
    assert not list((bench.root / "scratch").iterdir()), "the scratch folder is left as it was"


def _check_samples(folder: Path) -> None:
    samples = load_file(folder / "samples.safetensors")
    inputs = {k.removeprefix("input/"): v for k, v in samples.items() if k.startswith("input/")}
    outputs = {k.removeprefix("output/"): v for k, v in samples.items() if k.startswith("output/")}
    variant = folder / "variants/export"
    session = onnxruntime.InferenceSession(str(variant / "model.onnx"))
    for name, given in zip(outputs, session.run(list(outputs), inputs), strict=True):
        np.testing.assert_allclose(given, outputs[name], rtol=1e-4, atol=1e-5)
    own = load_file(variant / "outputs.safetensors")
    np.testing.assert_allclose(own["output/embedding"], outputs["embedding"], rtol=1e-4, atol=1e-5)
    longer = {"tokens": np.ones((7, 9), np.int64), "scale": np.ones(7, np.float32)}
    assert session.run(["embedding"], longer)[0].shape == (7, 8)
    for name, array in inputs.items():
        assert (folder / "warmup" / name).read_bytes() == array[:1].tobytes()


def _check_report(folder: Path) -> None:
    report = json.loads((folder / "report.json").read_text())
    assert report["cost"]["peakMemoryBytes"]["source model"] > 50 << 20
    assert report["versions"]["torch"].startswith("2.")
    page = (folder / "report.html").read_text()
    assert "times as fast" in page
    assert not re.search(r"(src|href)=|https?://|<script", page), "the page stands alone"


def test_the_same_attempt_again_says_the_result_again_without_building(tiny: Bench) -> None:
    first = tiny.build()
    files = {path: path.stat().st_mtime_ns for path in tiny.stored_files()}
    again = tiny.build()
    assert (first.code, again.code) == (0, 0)
    assert [line["stage"] for line in again.progress] == ["done"]
    assert again.result.artifact == first.result.artifact
    assert "published before" in again.result.message
    assert {path: path.stat().st_mtime_ns for path in tiny.stored_files()} == files

    model = next(path for path in tiny.stored_files() if "variants" in path.parts)
    model.write_bytes(model.read_bytes()[:-1])
    damaged = tiny.build()
    assert (damaged.code, damaged.result.reason) == (exit_codes.INFRASTRUCTURE, "ArtifactDamaged")
    assert "model.onnx" in damaged.result.message
    assert "modelservice.dev/rebuild" in damaged.result.message


def test_a_build_that_is_told_to_stop_leaves_at_once_and_publishes_nothing(
    bench: Bench, eventually: Callable[[Callable[[], bool], float], None]
) -> None:
    """SIGTERM while the user's code runs; its process goes too."""
    started = bench.root / "started"
    bench.write(
        "model.py",
        f"""
        import os, time
        open({str(started)!r}, "w").write(str(os.getpid()))
        time.sleep(600)
        """,
    )
    process = subprocess.Popen(
        bench.command(),
        env=bench.variables(bench.request()),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: started.is_file() and started.read_text() != "", 30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 143
    finally:
        process.kill()
    result = loads(BuildResult, bench.result_file.read_text())
    assert result.reason == "Interrupted"
    assert bench.stored_files() == []
    child = f"/proc/{started.read_text()}"
    eventually(lambda: not _alive(child), 10)


def _alive(folder: str) -> bool:
    try:
        with open(f"{folder}/stat") as stream:  # noqa: PTH123 - a kernel file
            return stream.read().split(")")[1].split()[0] != "Z"
    except OSError:
        return False


def test_the_result_always_fits_a_termination_message(bench: Bench) -> None:
    bench.write("model.py", "def load(): raise ValueError('ü' * 100_000)\n")
    outcome = bench.build()
    assert outcome.result.reason == "EntrypointFailed"
    assert len(bench.result_file.read_bytes()) <= MAX_RESULT_BYTES
