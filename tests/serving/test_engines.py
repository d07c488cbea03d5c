"""Each engine in a real Triton: right answers in the precision that was judged, or none at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import openvino
import pytest
from artifacts import AOTI_FP32, EXPORT, OPENVINO_FP32, Kind
from models import Arrays, linear
from pod import Pod, Sent, eventually, tensors

PodOf = Callable[..., Pod]

needs_compiler = pytest.mark.skipif(
    shutil.which("g++") is None, reason="AOTInductor needs a C++ compiler (apt-get install g++)"
)
KINDS = [
    pytest.param(EXPORT, id="onnxruntime"),
    pytest.param(OPENVINO_FP32, id="openvino"),
    pytest.param(AOTI_FP32, id="aoti", marks=[needs_compiler, pytest.mark.timeout(300)]),
]
#: What this machine's CPU computes in by itself, as OpenVINO sees it.
CAPABILITIES = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def asked(pod: Pod, arrays: Arrays) -> np.ndarray:
    """The answer to one request."""
    with pod.client() as client:
        return client.infer(pod.config.name, tensors(arrays)).as_numpy("y")


def refusal(pod: Pod) -> str:
    """What Triton says of a model that it does not load."""
    pod.start()
    eventually(lambda: pod.process.poll() is not None)
    assert pod.process.returncode != 0
    return pod.log_file.read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_every_engine_gives_each_request_its_own_rows(pod_of: PodOf, kind: Kind) -> None:
    """Many requests at once and one after another: no answer is overwritten by a later one."""
    model = linear()
    pod = pod_of(model, kinds=(kind,), queue_delay_microseconds=20_000, threads=2).started()
    random = np.random.default_rng(0)
    requests = [
        {"x": random.standard_normal((rows, 4)).astype(np.float32)} for rows in [1, 2, 1, 3, 4, 1]
    ]
    expected = [model.answers(request)["y"] for request in requests]
    at_once = Sent(pod, requests * 5).answers
    one_by_one = [asked(pod, request) for request in requests]
    for got, want in zip([*at_once, *one_by_one], expected * 6, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    probed = pod.probe()
    assert (probed.returncode, probed.stderr) == (0, "")


@pytest.mark.skipif("BF16" not in CAPABILITIES, reason="this CPU has no bf16")
def test_openvino_computes_in_bf16_only_where_that_was_judged(pod_of: PodOf) -> None:
    """Left alone it would in both cases, and say nothing."""
    model, rows = linear(), {"x": linear().inputs["x"][:4]}
    coarse = replace(OPENVINO_FP32, name="bf16", precision="bf16", off=0.1)
    fine_answer = asked(pod_of(model, kinds=(OPENVINO_FP32,)).started(), rows)
    pod = pod_of(model, kinds=(coarse,)).started()
    coarse_answer = asked(pod, rows)
    right = model.answers(rows)["y"]
    assert np.abs(fine_answer - right).max() < 1e-5
    assert 1e-4 < np.abs(coarse_answer - right).max() < 0.1
    assert pod.probe().returncode == 0


@pytest.mark.skipif("FP16" in CAPABILITIES, reason="this CPU has fp16")
def test_a_precision_that_the_cpu_does_not_have_is_refused(pod_of: PodOf) -> None:
    """OpenVINO itself takes another one without a word."""
    log = refusal(pod_of(linear(), kinds=(replace(OPENVINO_FP32, precision="fp16"),)))
    assert "variant openvino was judged in fp16, and OpenVINO would compute it in " in log


def test_an_engine_that_the_runner_does_not_know_is_named(pod_of: PodOf) -> None:
    log = refusal(pod_of(linear(), kinds=(replace(EXPORT, engine="tvm"),)))
    assert "engine 'tvm' is unknown; known are onnxruntime, openvino, aoti" in log
