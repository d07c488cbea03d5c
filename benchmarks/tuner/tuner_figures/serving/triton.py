"""One Triton on this machine, started and changed as a replica is."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelservice_harness.errors import CommandFailed
from modelservice_harness.processes import tail
from modelservice_runtime.serve.flags import Endpoint, ServerPlan, command
from modelservice_runtime.serve.layout import lay_out, write_config
from modelservice_runtime.serve.shared_memory import region_prefix, remove_regions
from modelservice_runtime.serve.start import child_environment
from modelservice_runtime.tuner.ports import LOOPBACK, Ports
from tuner_figures.bench import Bench
from tuner_figures.models.artifacts import Artifact

from .ending import started
from .settings import Setting, config

_START_SECONDS = 120.0
_POLL_SECONDS = 0.05
_OK = 200


@dataclass(slots=True, kw_only=True)
class Triton:
    """It serves ``artifact`` under its model's name.

    ``setting``: the one that it serves with; ``timeout_us``: of waiting, with every setting.
    """

    artifact: Artifact
    repository: Path
    ports: Ports
    log: Path
    setting: Setting
    process: subprocess.Popen[bytes]
    timeout_us: int = 0

    @property
    def name(self) -> str:
        """Of the model."""
        return self.artifact.model.name

    @property
    def address(self) -> str:
        """Where it answers gRPC."""
        return f"{LOOPBACK}:{self.ports.grpc}"

    def serve(self, setting: Setting) -> None:
        """Change the setting in place, as the product does.

        Raises:
            CommandFailed: Triton refuses it, or is gone.
        """
        if setting == self.setting:
            return
        self.write(setting)
        self.post("load")

    def write(self, setting: Setting) -> None:
        """What the next load, or start, serves with."""
        manifest = self.artifact.manifest()
        text = config(self.name, manifest, setting, timeout_us=self.timeout_us)
        write_config(self.repository / self.name, text)
        self.setting = setting

    def post(self, action: str) -> None:
        """``load`` or ``unload`` the model.

        Raises:
            CommandFailed: Triton refuses, or is gone.
        """
        path = f"/v2/repository/models/{self.name}/{action}"
        try:
            status, body = self.ask("POST", path, _START_SECONDS)
        except (OSError, http.client.HTTPException) as error:
            raise CommandFailed(f"Triton does not answer: {error!r}\n{tail(self.log)}") from error
        if status != _OK:
            raise CommandFailed(f"Triton refuses to {action} {self.name}: {body[:400]}")

    def ask(self, method: str, path: str, seconds: float = 5.0) -> tuple[int, str]:
        """Status and body of an HTTP request."""
        connection = http.client.HTTPConnection(LOOPBACK, self.ports.http, timeout=seconds)
        try:
            connection.request(method, path, body=b"{}" if method == "POST" else None)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()

    def is_ready(self) -> bool:
        """What Kubernetes asks."""
        try:
            return self.ask("GET", f"/v2/models/{self.name}/ready")[0] == _OK
        except (OSError, http.client.HTTPException):
            return False

    def statistics(self) -> Mapping[str, Any]:
        """Triton's own counts of the model."""
        found = json.loads(self.ask("GET", f"/v2/models/{self.name}/stats")[1])
        first: Mapping[str, Any] = found["model_stats"][0]
        return first

    def wait_until_ready(self) -> None:
        """Until the model is loaded.

        Raises:
            CommandFailed: it will not be.
        """
        latest = time.monotonic() + _START_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > latest:
                raise CommandFailed(f"Triton does not serve {self.name}:\n{tail(self.log)}")
            time.sleep(_POLL_SECONDS)


def words_of(repository: Path, model: str, ports: Ports) -> list[str]:
    """The command line of a replica, on ports of this machine; whoever asks may load models."""
    return command(
        ServerPlan(
            repository=repository,
            model=model,
            endpoint=Endpoint(
                address=LOOPBACK,
                http_port=ports.http,
                grpc_port=ports.grpc,
                metrics_port=ports.metrics,
            ),
            admin_key="",
            shared_memory_prefix=region_prefix(repository, model),
        )
    )


@contextmanager
def serving(
    bench: Bench,
    artifact: Artifact,
    setting: Setting,
    folder: Path,
    *,
    ports: Ports | None = None,
    timeout_us: int = 0,
) -> Iterator[Triton]:
    """A Triton that is ready, and gone afterwards. ``folder``: for its repository and its log.

    Raises:
        CommandFailed: it does not serve the artifact.
    """
    name, repository = artifact.model.name, folder / "repository"
    ports = ports or Ports.free()
    folder.mkdir(parents=True, exist_ok=True)
    text = config(name, artifact.manifest(), setting, timeout_us=timeout_us)
    lay_out(artifact.folder, text, repository, name)
    prefix, log = region_prefix(repository, name), folder / "triton.log"
    remove_regions(prefix)
    environ = child_environment(bench.variables())
    try:
        with started(words_of(repository, name, ports), environ, log) as process:
            triton = Triton(
                artifact=artifact, repository=repository, ports=ports, log=log, setting=setting,
                process=process, timeout_us=timeout_us,
            )  # fmt: skip
            triton.wait_until_ready()
            yield triton
    finally:
        remove_regions(prefix)
