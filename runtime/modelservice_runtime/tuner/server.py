"""A Triton of the tuner's own: on loopback, one model, its configuration changed by reload."""

from __future__ import annotations

import http.client
import logging
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from modelservice_runtime.contract.model_config import ModelConfig, render_pbtxt
from modelservice_runtime.serve.flags import Endpoint, ServerPlan, command
from modelservice_runtime.serve.layout import lay_out, write_config
from modelservice_runtime.serve.shared_memory import region_prefix, remove_regions

from .errors import MODEL_NOT_SERVABLE, TRITON_CRASHED, Infrastructure, TritonDied, UserError

LOOPBACK = "127.0.0.1"
START_SECONDS = 300.0
STOP_SECONDS = 20.0
_POLL_SECONDS = 0.05
_OK = 200
_LOG_TAIL = 400

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Three ports that were free a moment ago."""

    http: int
    grpc: int
    metrics: int

    @classmethod
    def free(cls) -> Ports:
        """Ask the kernel; all three are held until all are known, so they differ."""
        sockets = [socket.socket() for _ in range(3)]
        try:
            for item in sockets:
                item.bind((LOOPBACK, 0))
            http_port, grpc_port, metrics_port = (item.getsockname()[1] for item in sockets)
        finally:
            for item in sockets:
                item.close()
        return cls(http=http_port, grpc=grpc_port, metrics=metrics_port)


class Triton:
    """Context manager. ``load_seconds``: from start to ready, the first time."""

    def __init__(self, artifact: Path, scratch: Path, config: ModelConfig) -> None:
        self.ports = Ports.free()
        self.load_seconds = 0.0
        self._name = config.name
        self._repository = scratch / "repository"
        self._log_file = scratch / "triton.log"
        self._prefix = region_prefix(self._repository, config.name)
        self._folder = lay_out(artifact, render_pbtxt(config), self._repository, config.name)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the server's process."""
        if self._process is None:
            raise Infrastructure(TRITON_CRASHED, "Triton was not started")
        return self._process.pid

    @property
    def grpc_address(self) -> str:
        """Where the load goes."""
        return f"{LOOPBACK}:{self.ports.grpc}"

    def __enter__(self) -> Self:
        began = time.monotonic()
        with self._log_file.open("wb") as log:
            try:
                self._process = subprocess.Popen(self._command(), stdout=log, stderr=log)  # noqa: S603 - ours
            except OSError as error:
                words = f"tritonserver cannot be started: {error}; is it in the image?"
                raise Infrastructure(TRITON_CRASHED, words) from error
        try:
            self._wait_until_ready(began + START_SECONDS)
        except BaseException:
            self._stop()
            raise
        self.load_seconds = time.monotonic() - began
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def reconfigure(self, config: ModelConfig) -> None:
        """Serve with another configuration, in place.

        Raises:
            UserError: Triton refuses it.
            TritonDied: Triton is gone.
        """
        write_config(self._folder, render_pbtxt(config))
        status, body = self._post(f"/v2/repository/models/{self._name}/load")
        if status != _OK:
            raise UserError(MODEL_NOT_SERVABLE, f"Triton refuses {config.name}: {body[:_LOG_TAIL]}")

    def check_alive(self) -> None:
        """Raises TritonDied, with the end of its log, if it is gone."""
        if self._process is None or self._process.poll() is None:
            return
        code = self._process.returncode
        words = f"Triton ended with code {code}: {self._tail()}"
        raise TritonDied(words, killed=code == -signal.SIGKILL)

    def _command(self) -> list[str]:
        remove_regions(self._prefix)
        ports = self.ports
        plan = ServerPlan(
            repository=self._repository,
            model=self._name,
            endpoint=Endpoint(
                address=LOOPBACK,
                http_port=ports.http,
                grpc_port=ports.grpc,
                metrics_port=ports.metrics,
            ),
            admin_key="",  # nobody else reaches it, and the tuner reloads the model
            shared_memory_prefix=self._prefix,
        )
        return command(plan)

    def _wait_until_ready(self, deadline: float) -> None:
        while True:
            if self._process is not None and self._process.poll() not in (None, 0):
                self._refused()
            if self._is_ready():
                return
            if time.monotonic() > deadline:
                words = f"the model is not loaded after {START_SECONDS:.0f} s: {self._tail()}"
                raise UserError(MODEL_NOT_SERVABLE, words)
            time.sleep(_POLL_SECONDS)

    def _refused(self) -> None:
        self_killed = self._process is not None and self._process.returncode == -signal.SIGKILL
        if self_killed:
            self.check_alive()
        raise UserError(MODEL_NOT_SERVABLE, f"Triton does not load the model: {self._tail()}")

    def _is_ready(self) -> bool:
        try:
            return self._get(f"/v2/models/{self._name}/ready") == _OK
        except (OSError, http.client.HTTPException):
            return False

    def _get(self, path: str) -> int:
        connection = http.client.HTTPConnection(LOOPBACK, self.ports.http, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def _post(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(LOOPBACK, self.ports.http, timeout=START_SECONDS)
        try:
            connection.request("POST", path, body=b"{}")
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            self.check_alive()
            raise Infrastructure(TRITON_CRASHED, f"Triton does not answer: {error!r}") from error
        finally:
            connection.close()

    def _tail(self) -> str:
        text = self._log_file.read_text(errors="replace") if self._log_file.exists() else ""
        lines = [line for line in text.splitlines() if line[:1] in {"E", "F"} or "rror" in line]
        return (" ".join(lines) or text)[-_LOG_TAIL:]

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            _log.warning("Triton did not end within %.0f s", STOP_SECONDS)
            self._process.kill()
            self._process.wait()
        self._process = None
        remove_regions(self._prefix)
