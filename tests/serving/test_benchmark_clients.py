"""The clients of the retuning benchmark, on a real Triton: what they say of it is not their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from models import slow
from pod import Pod, eventually

CLIENTS = Path(__file__).resolve().parents[2] / "benchmarks/tuner/tuner_figures/retune/clients.py"
#: Answered before they are told to stop.
ENOUGH = 40


def answered(pod: Pod) -> int:
    """Requests, so far."""
    with pod.client() as client:
        statistics = client.get_inference_statistics(pod.config.name).model_stats[0]
    return int(statistics.inference_stats.success.count)


def test_a_request_under_way_at_the_end_is_waited_for(
    pod_of: Callable[..., Pod], tmp_path: Path
) -> None:
    """Of the one that asks at random times, more often than the model answers."""
    pod = pod_of(slow(2), max_batch_size=1).started()
    inputs = tmp_path / "inputs.json"
    inputs.write_text(json.dumps({"data": [{"x": {"content": [1.0], "shape": [1]}}]}))
    work = {
        "address": f"127.0.0.1:{pod.ports[1]}",
        "model": pod.config.name,
        "inputs": str(inputs),
        "clients": 2,
        "rate": 60.0,
    }
    command = [sys.executable, str(CLIENTS), json.dumps(work)]
    before = answered(pod)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as clients:
        eventually(lambda: answered(pod) - before >= ENOUGH)
        clients.terminate()
        said, _ = clients.communicate(timeout=60)
    summary = json.loads(said.splitlines()[-1])
    assert (summary["failed"], summary["failures"]) == (0, {})
    assert summary["answered"] > ENOUGH
