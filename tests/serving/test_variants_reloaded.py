"""One Triton, one artifact, several variants: a changed configuration serves another one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from artifacts import EXPORT, OPENVINO_FP32, Kind, onnx_file, read_manifest
from models import linear
from pod import Pod, serving, tensors
from tritonclient.grpc import InferenceServerClient

from modelservice_runtime.contract.manifest import Variant
from modelservice_runtime.contract.model_config import PYTHON_BACKEND, ModelConfig
from modelservice_runtime.serve import ready
from modelservice_runtime.tuner.deadline import Deadline
from modelservice_runtime.tuner.errors import TritonDied, UserError
from modelservice_runtime.tuner.interrupts import Interrupts
from modelservice_runtime.tuner.ports import LOOPBACK
from modelservice_runtime.tuner.server import Place, Triton

PodOf = Callable[..., Pod]

#: Its files are another model's, and its answers are said to be the right model's.
OTHER = Kind(name="other", write=lambda _, folder: onnx_file(linear(seed=2), folder))


def config_of(variant: Variant) -> ModelConfig:
    return serving(
        variant,
        name="tiny",
        backend=PYTHON_BACKEND,
        max_batch_size=4,
        interface=linear().interface,
    )


@pytest.fixture
def artifact(pod_of: PodOf) -> Path:
    return pod_of(linear(), kinds=(EXPORT, OPENVINO_FP32, OTHER)).artifact


@pytest.fixture
def triton(artifact: Path, tmp_path: Path) -> Iterator[Triton]:
    """With its repository API open, as the tuner has it."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    place = Place(
        name="tiny",
        artifact=artifact,
        scratch=scratch,
        cores=frozenset(os.sched_getaffinity(0)),
        environment=os.environ,
    )
    with Triton(place, Deadline.after(60, time.monotonic()), Interrupts()) as started:
        yield started


def answer(triton: Triton) -> np.ndarray:
    with InferenceServerClient(f"{LOOPBACK}:{triton.ports.grpc}") as client:
        return client.infer("tiny", tensors({"x": linear().inputs["x"][:4]})).as_numpy("y")


def test_a_reload_serves_another_variant_and_the_probe_knows_which(
    triton: Triton, artifact: Path
) -> None:
    address = f"{LOOPBACK}:{triton.ports.http}"
    export, converted, other = read_manifest(artifact).variants
    rows = {"x": linear().inputs["x"][:4]}
    for variant in (export, converted, export):
        triton.serve(config_of(variant))
        np.testing.assert_allclose(answer(triton), linear().answers(rows)["y"], rtol=1e-5)
        ready.check(address, "tiny", artifact, 15.0)
    triton.serve(config_of(other))
    np.testing.assert_allclose(answer(triton), linear(seed=2).answers(rows)["y"], rtol=1e-5)
    with pytest.raises(ready.NotReady, match="variant other, gives a wrong answer"):
        ready.check(address, "tiny", artifact, 15.0)


def test_triton_that_died_in_a_reload_is_told_from_one_that_hangs(
    triton: Triton, artifact: Path, tmp_path: Path
) -> None:
    """Its model processes have its sockets: while one lives, the connection does not break."""
    export = read_manifest(artifact).variants[0]
    triton.serve(config_of(export))
    runner = tmp_path / "scratch" / "repository" / "tiny" / "1" / "model.py"
    kills = f"import os, time\nos.kill({triton.pid}, 9)\ntime.sleep(600)\n"
    runner.write_text(f"{runner.read_text()}\n\n{kills}")
    soon = Deadline.after(1, time.monotonic())
    with pytest.raises(TritonDied, match="Triton ended with code -9"):
        triton.serve(replace(config_of(export), max_batch_size=2), soon)


def test_a_reload_that_is_refused_leaves_what_was_served(triton: Triton, artifact: Path) -> None:
    export = read_manifest(artifact).variants[0]
    triton.serve(config_of(export))
    with pytest.raises(UserError, match="engine 'tvm' is unknown"):
        triton.serve(replace(config_of(export), engine="tvm"))
    np.testing.assert_allclose(
        answer(triton), linear().answers({"x": linear().inputs["x"][:4]})["y"], rtol=1e-5
    )
