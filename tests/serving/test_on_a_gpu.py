"""A model on a real GPU: served, guarded and tuned as the pods do it."""

from __future__ import annotations

from collections.abc import Callable

import onnxruntime
import pytest
from models import linear
from pod import Pod, eventually
from tune_pod import TunePod

from modelservice_runtime.tuner.gpu import CONTROL_DEVICE, has_gpu
from modelservice_runtime.tuner.knobs import PINNED_BYTES
from modelservice_runtime.tuner.statistics import read_gpu_memory

pytestmark = [
    pytest.mark.device,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not has_gpu(), reason=f"{CONTROL_DEVICE} does not exist: no NVIDIA GPU"),
    pytest.mark.skipif(
        "CUDAExecutionProvider" not in onnxruntime.get_available_providers(),
        reason="onnxruntime has no CUDAExecutionProvider (pip install onnxruntime-gpu)",
    ),
]
#: A CUDA context alone takes some hundred MiB.
CONTEXT_BYTES = 100 << 20

PodOf = Callable[..., Pod]


def test_it_answers_right_on_the_gpu_within_its_guard(pod_of: PodOf) -> None:
    pod = pod_of(linear(), gpu=True)
    pinned = f"--pinned-memory-pool-byte-size={PINNED_BYTES}"
    pod.flags = ("--model-load-gpu-limit=0:0.9", pinned, "--metrics-interval-ms=100")
    pod.started()
    assert pod.probe().returncode == 0
    address = f"127.0.0.1:{pod.ports[2]}"
    eventually(lambda: read_gpu_memory(address)[0] > 2 * CONTEXT_BYTES, 10.0)
    used, total = read_gpu_memory(address)
    assert used < total


def test_a_model_beyond_the_guard_is_not_loaded(pod_of: PodOf) -> None:
    """A share that not even the server's own context fits into."""
    pod = pod_of(linear(), gpu=True)
    pod.flags = ("--model-load-gpu-limit=0:0.0001",)
    pod.start()
    eventually(lambda: pod.process is not None and pod.process.poll() is not None)
    assert "memory limit set for GPU 0 has exceeded" in pod.log_file.read_text()


def test_a_tuning_tells_what_it_needs_of_the_gpu(tune_pod: TunePod) -> None:
    tune_pod.cpu, tune_pod.max_batch_size, tune_pod.goal_ms = 2.0, 4, 50.0
    tune_pod.duration_seconds = 60
    _, profile = tune_pod.tuned()
    assert profile.memory.gpu_bytes > 2 * CONTEXT_BYTES
    assert 0 < profile.memory.gpu_load_limit < 1
    assert profile.pinned_memory_bytes == PINNED_BYTES
    assert profile.memory.request_bytes > PINNED_BYTES
