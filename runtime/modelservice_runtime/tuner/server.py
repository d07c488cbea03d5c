"""A Triton of the tuner's own: on loopback, one model, its configuration changed by reload."""

from __future__ import annotations

import http.client
import logging
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from modelservice_runtime.contract.model_config import ModelConfig, render_pbtxt
from modelservice_runtime.serve.flags import Endpoint, ServerPlan, command
from modelservice_runtime.serve.layout import lay_out, write_config
from modelservice_runtime.serve.shared_memory import region_prefix, remove_regions, used_bytes
from modelservice_runtime.serve.start import child_environment

from .cores import children_on
from .deadline import Deadline
from .errors import (
    MODEL_NOT_SERVABLE,
    TRITON_CRASHED,
    Infrastructure,
    TooLate,
    TritonDied,
    UserError,
)
from .interrupts import Interrupts
from .ports import LOOPBACK, Ports

START_SECONDS = 300.0
#: A reload is broken off after so many times of the first start, but not before these seconds.
RELOAD_STARTS, RELOAD_SECONDS_LEAST = 10.0, 15.0
#: Nothing of it is needed any more, and this comes out of the time kept back for the end.
STOP_SECONDS = 5.0
_POLL_SECONDS = 0.05
_OK = 200
_LOG_TAIL = 400

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one Triton runs and what it serves. ``environment``: as this process has it.

    ``flags``: of Triton, beside those that it always has.
    """

    name: str
    artifact: Path
    scratch: Path
    cores: frozenset[int]
    environment: Mapping[str, str]
    flags: tuple[str, ...] = ()


class Triton:
    """Context manager that stops it, whatever happened. ``load_seconds``: of the first start."""

    def __init__(self, place: Place, deadline: Deadline, interrupts: Interrupts) -> None:
        self.ports = Ports.free()
        self.load_seconds = 0.0
        self._place = place
        self._deadline = deadline
        self._interrupts = interrupts
        self._repository = place.scratch / "repository"
        self._log_file = place.scratch / "triton.log"
        self._prefix = region_prefix(self._repository, place.name)
        self._process: subprocess.Popen[bytes] | None = None
        self._served = ""

    @property
    def pid(self) -> int | None:
        """Of the server's process; None while there is none."""
        return None if self._process is None else self._process.pid

    @property
    def shared_bytes(self) -> int:
        """Of the Python backend's regions in /dev/shm now."""
        return used_bytes(self._prefix)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def serve(self, config: ModelConfig, deadline: Deadline | None = None) -> None:
        """Serve with ``config``: by a start where none runs, else by a reload in place.

        ``deadline``: until when, if not the tuning's own.

        Raises:
            UserError: Triton refuses it.
            TritonDied: Triton is gone; the next call starts another one.
            TooLate: the time passed before it was ready; Triton was stopped.
        """
        text = render_pbtxt(config)
        if self._process is None:
            self._start(text, deadline or self._deadline)
        elif text != self._served:
            self._reload(text, deadline or self._deadline)
        self._served = text

    def check_alive(self) -> None:
        """Raises TritonDied, with the end of its log, if it is gone."""
        if self._process is None or self._process.poll() is None:
            return
        code, tail = self._process.returncode, self._tail()
        self._stop()
        raise TritonDied(f"Triton ended with code {code}: {tail}", killed=code == -signal.SIGKILL)

    def _start(self, config: str, deadline: Deadline) -> None:
        began = time.monotonic()
        lay_out(self._place.artifact, config, self._repository, self._place.name)
        with self._interrupts.held():
            self._process = self._launch()
        self._wait_until_ready(began + START_SECONDS, deadline)
        self.load_seconds = self.load_seconds or time.monotonic() - began

    def _launch(self) -> subprocess.Popen[bytes]:
        remove_regions(self._prefix)
        environment = child_environment(self._place.environment)
        try:
            with self._log_file.open("wb") as log, children_on(self._place.cores):
                return subprocess.Popen(  # noqa: S603 - ours
                    self._command(), stdout=log, stderr=log, env=environment, start_new_session=True
                )
        except OSError as error:
            words = f"tritonserver cannot be started: {error}; is it in the image?"
            raise Infrastructure(TRITON_CRASHED, words) from error

    def _command(self) -> list[str]:
        ports = self.ports
        plan = ServerPlan(
            repository=self._repository,
            model=self._place.name,
            endpoint=Endpoint(
                address=LOOPBACK,
                http_port=ports.http,
                grpc_port=ports.grpc,
                metrics_port=ports.metrics,
            ),
            admin_key="",  # nobody else reaches it, and the tuner reloads the model
            shared_memory_prefix=self._prefix,
        )
        return command(plan, self._place.flags)

    def _wait_until_ready(self, latest: float, deadline: Deadline) -> None:
        while not self._is_ready():
            if self._process is not None and (self._process.poll() or 0) > 0:
                words = f"Triton does not load the model: {self._tail()}"
                self._stop()
                raise UserError(MODEL_NOT_SERVABLE, words)
            self.check_alive()
            now = time.monotonic()
            if deadline.remaining(now) == 0.0:
                words = f"time was up before the model was loaded: {self._tail()}"
                self._stop()
                raise TooLate(words)
            if now > latest:
                words = f"the model is not loaded after {START_SECONDS:.0f} s: {self._tail()}"
                self._stop()
                raise UserError(MODEL_NOT_SERVABLE, words)
            time.sleep(_POLL_SECONDS)

    def _is_ready(self) -> bool:
        try:
            return self._ask("GET", f"/v2/models/{self._place.name}/ready", 5.0)[0] == _OK
        except (OSError, http.client.HTTPException):
            return False

    def _reload(self, config: str, deadline: Deadline) -> None:
        write_config(self._repository / self._place.name, config)
        self._served = ""  # whatever happens now, the next configuration has to be loaded
        # A model that loads in a second does not need minutes: something hangs in Triton.
        patience = max(RELOAD_SECONDS_LEAST, RELOAD_STARTS * self.load_seconds)
        left = deadline.remaining(time.monotonic()) + 1.0
        limit = min(START_SECONDS, patience, left)
        try:
            path = f"/v2/repository/models/{self._place.name}/load"
            status, body = self._ask("POST", path, limit)
        except TimeoutError as error:
            self.check_alive()
            self._stop()  # it may still be loading
            words = f"a changed configuration was not loaded after {limit:.0f} s"
            raise TooLate(words) from error
        except (OSError, http.client.HTTPException) as error:
            self._wait_for_end()
            self.check_alive()
            raise Infrastructure(TRITON_CRASHED, f"Triton does not answer: {error!r}") from error
        if status != _OK:
            raise UserError(MODEL_NOT_SERVABLE, f"Triton refuses: {body[:_LOG_TAIL]}")

    def _ask(self, method: str, path: str, timeout: float) -> tuple[int, str]:
        connection = http.client.HTTPConnection(LOOPBACK, self.ports.http, timeout=timeout)
        try:
            connection.request(method, path, body=b"{}" if method == "POST" else None)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()

    def _wait_for_end(self) -> None:
        """The connection is gone a moment before the process is."""
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)

    def _tail(self) -> str:
        text = self._log_file.read_text(errors="replace") if self._log_file.exists() else ""
        lines = [line for line in text.splitlines() if line[:1] in {"E", "F"} or "rror" in line]
        return (" ".join(lines) or text)[-_LOG_TAIL:]

    def _stop(self) -> None:
        """End it and the processes of its models; a signal that comes meanwhile waits."""
        with self._interrupts.held():
            if self._process is None:
                return
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                _log.warning("Triton did not end within %.0f s", STOP_SECONDS)
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # its session is its own
            self._process.wait()
            self._process = None
            remove_regions(self._prefix)
