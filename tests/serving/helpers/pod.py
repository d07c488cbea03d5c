"""A Triton pod's containers as processes of this machine: the same commands, other ports."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tritonclient.grpc as grpcclient
from models import Arrays

from modelservice_runtime.contract.manifest import Variant
from modelservice_runtime.contract.model_config import ModelConfig, render_pbtxt
from modelservice_runtime.contract.store_layout import VARIANTS_FOLDER
from modelservice_runtime.contract.tensors import DATATYPES

START_SECONDS = 60.0
STOP_SECONDS = 30.0
_DATATYPE_OF = {numpy_name: datatype for datatype, (numpy_name, _) in DATATYPES.items()}


def eventually(condition: Callable[[], bool], seconds: float = START_SECONDS) -> None:
    """Poll until true or fail at the deadline."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def free_ports(count: int) -> list[int]:
    """Different ports of the loopback device that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [int(item.getsockname()[1]) for item in sockets]
    finally:
        for item in sockets:
            item.close()


def serving(variant: Variant, **settings: Any) -> ModelConfig:
    """A configuration that serves ``variant``."""
    return ModelConfig(
        variant=variant.name,
        engine=variant.engine,
        precision=variant.precision,
        model_file=variant.model_file,
        **settings,
    )


@dataclass(slots=True, kw_only=True)
class Pod:
    """One Triton container. ``root``: its volumes; the artifact lies there already fetched.

    ``admin_key_file``: with the key of the closed APIs, None for one that nobody knows.
    ``flags``: of Triton, as the operator adds them.
    """

    root: Path
    artifact: Path
    config: ModelConfig
    admin_key_file: Path | None = None
    flags: tuple[str, ...] = ()
    ports: list[int] = field(default_factory=lambda: free_ports(3))
    process: subprocess.Popen[bytes] | None = None

    @property
    def model_file(self) -> Path:
        """Of the served variant, in the artifact."""
        return self.artifact / VARIANTS_FOLDER / self.config.variant / self.config.model_file

    @property
    def log_file(self) -> Path:
        """What Triton printed."""
        return self.root / "triton.log"

    @property
    def message_file(self) -> Path:
        """The container's termination message."""
        return self.root / "message"

    def start(self) -> None:
        """Start the container; a former one is gone."""
        (self.root / "config.pbtxt").write_text(render_pbtxt(self.config))
        http_port, grpc_port, metrics_port = self.ports
        listening = [
            *("--http-address=127.0.0.1", f"--http-port={http_port}"),
            *("--grpc-address=127.0.0.1", f"--grpc-port={grpc_port}"),
            *("--metrics-address=127.0.0.1", f"--metrics-port={metrics_port}"),
        ]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command(), "--", *listening, *self.flags],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def command(self) -> list[str]:
        """The container's command."""
        key = ["--admin-key-file", str(self.admin_key_file)] if self.admin_key_file else []
        return [
            *(sys.executable, "-m", "modelservice_runtime.serve.start"),
            *("--artifact", str(self.artifact), "--config", str(self.root / "config.pbtxt")),
            *("--repository", str(self.root / "repository"), "--model", self.config.name),
            *("--message-file", str(self.message_file)),
            *key,
        ]

    def run_once(self, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """The container's command where it is expected to end by itself."""
        return subprocess.run(
            self.command(),
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def started(self) -> Pod:
        """Start it and wait until it says that it is ready."""
        self.start()
        eventually(self.is_ready)
        return self

    def is_ready(self) -> bool:
        """What Kubernetes asks over HTTP; fails if the container has ended."""
        assert self.process is not None
        assert self.process.poll() is None, self.log_file.read_text()[-2000:]
        return self.ask("GET", f"/v2/models/{self.config.name}/ready")[0] == 200

    def ask(self, method: str, path: str) -> tuple[int, str]:
        """Status and body of an HTTP request; 0 if nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[0], timeout=10)
        try:
            connection.request(method, path, body=b"{}" if method == "POST" else None)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def pending(self) -> int:
        """How many requests wait."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[2]}/metrics") as answer:
            told = answer.read().decode()
        found = re.search(r"^nv_inference_pending_request_count\{.*\} (\d+)", told, re.MULTILINE)
        assert found, told
        return int(found[1])

    def probe(self) -> subprocess.CompletedProcess[str]:
        """One call of the startup probe."""
        return subprocess.run(
            [
                *(sys.executable, "-m", "modelservice_runtime.serve.ready"),
                *("--artifact", str(self.artifact), "--model", self.config.name),
                *("--http-port", str(self.ports[0])),
            ],
            capture_output=True,
            text=True,
            check=False,
        )

    def client(self) -> grpcclient.InferenceServerClient:
        """A client over gRPC."""
        return grpcclient.InferenceServerClient(f"127.0.0.1:{self.ports[1]}")

    def family(self) -> list[int]:
        """Processes of the container."""
        assert self.process is not None
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError, IndexError):
                session = (entry / "stat").read_text().rpartition(")")[2].split()[3]
                if int(session) == self.process.pid:
                    found.append(int(entry.name))
        return found

    def kill(self) -> None:
        """All of it at once, as the kernel does when the memory limit is passed."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(STOP_SECONDS)

    def stop(self) -> None:
        """As Kubernetes does: first kindly."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
        self.kill()


def tensors(arrays: Arrays) -> list[grpcclient.InferInput]:
    """Arrays as a request's inputs."""
    made = []
    for name, array in arrays.items():
        tensor = grpcclient.InferInput(name, list(array.shape), _DATATYPE_OF[array.dtype.name])
        tensor.set_data_from_numpy(array)
        made.append(tensor)
    return made


class Sent:
    """Many requests at once over one client; answers or errors in the order sent."""

    def __init__(self, pod: Pod, requests: list[Arrays], output: str = "y") -> None:
        self._answers: list[np.ndarray | Exception | None] = [None] * len(requests)
        self._output = output
        with pod.client() as client:
            for number, arrays in enumerate(requests):
                client.async_infer(pod.config.name, tensors(arrays), self._callback(number))
            eventually(lambda: all(answer is not None for answer in self._answers))

    def _callback(self, number: int) -> Callable[[Any, Any], None]:
        def received(result: Any, error: Any) -> None:
            answer = error if error is not None else result.as_numpy(self._output)
            self._answers[number] = answer

        return received

    @property
    def answers(self) -> list[Any]:
        """An array or an exception for each."""
        return list(self._answers)
