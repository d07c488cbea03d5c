"""Fixtures of the builder's tests: run a build as its pod would, a real S3 server, namespaces."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from modelservice_runtime.contract.codec import dumps, loads
from modelservice_runtime.contract.manifest import Manifest
from modelservice_runtime.contract.requests import (
    JOB_VARIABLE,
    ONNXRUNTIME,
    BuildRequest,
    EvaluationRequest,
    OptimizationRequest,
    ParityTolerance,
    SourceRequest,
)
from modelservice_runtime.contract.results import BuildResult

BUILDER = [sys.executable, "-m", "modelservice_runtime.builder"]

TINY_MODEL = """
import torch

class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(4, 3)

    def forward(self, x):
        return self.linear(x)

def load():
    return Tiny().eval(), {"x": torch.randn(5, 4)}
"""


PYTORCH = SourceRequest(kind="pytorch", uri="", entrypoint="model:load")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a build ended. ``progress``: its JSON lines; ``log``: standard error."""

    code: int
    result: BuildResult
    progress: list[dict[str, Any]]
    log: str


@dataclass(slots=True, kw_only=True)
class Bench:
    """A store and a source folder on this machine, and the way to run a build with them."""

    root: Path
    duration_seconds: int = 120
    parity: ParityTolerance = field(default_factory=ParityTolerance)
    environment: dict[str, str] = field(default_factory=dict)
    options: list[str] = field(default_factory=list)
    store_uri: str = ""
    source: SourceRequest = PYTORCH
    max_batch_size: int = 4
    # The plain export, unless a test is about more: candidates take seconds each.
    optimization: OptimizationRequest = field(
        default_factory=lambda: OptimizationRequest(techniques=())
    )
    evaluation: EvaluationRequest = field(default_factory=EvaluationRequest)
    engines: tuple[str, ...] = (ONNXRUNTIME,)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the source."""
        path = self.source_folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    @property
    def source_folder(self) -> Path:
        """Where the source lies, unless ``source.uri`` says otherwise."""
        return self.root / "source"

    @property
    def store_folder(self) -> Path:
        """The store, unless ``store_uri`` says otherwise."""
        return self.root / "store"

    def request(self, *, digest: str = "", attempt: int = 1) -> BuildRequest:
        """What the operator would ask for."""
        store = self.store_uri or f"file://{self.store_folder}"
        source = SourceRequest(
            kind=self.source.kind,
            uri=self.source.uri or f"file://{self.source_folder}",
            entrypoint=self.source.entrypoint,
            digest=digest,
        )
        return BuildRequest(
            namespace="team",
            name="tiny",
            build_key="0123456789",
            attempt=attempt,
            source=source,
            store_uri=store,
            artifact_uri=f"{store}/team/tiny/0123456789/{attempt}",
            max_batch_size=self.max_batch_size,
            duration_seconds=self.duration_seconds,
            parity=self.parity,
            evaluation=self.evaluation,
            optimization=self.optimization,
            engines=self.engines,
        )

    def command(self) -> list[str]:
        """The pod's command."""
        scratch = self.root / "scratch"
        scratch.mkdir(exist_ok=True)
        places = ["--scratch", str(scratch), "--result-file", str(self.result_file)]
        return [*BUILDER, *places, *self.options]

    @property
    def result_file(self) -> Path:
        """The termination message."""
        return self.root / "result.json"

    def variables(self, request: BuildRequest) -> dict[str, str]:
        """As in the pod: no home, nothing of the tests' own."""
        base = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/nonexistent"}
        base["PYTHONPATH"] = os.environ["PYTHONPATH"]  # the project, as an image has it
        return {**base, **self.environment, JOB_VARIABLE: dumps(request)}

    def build(self, *, digest: str = "", attempt: int = 1, prefix: tuple[str, ...] = ()) -> Outcome:
        """Run the build to its end. ``prefix``: a command that runs it."""
        request = self.request(digest=digest, attempt=attempt)
        self.result_file.unlink(missing_ok=True)
        done = subprocess.run(
            [*prefix, *self.command()],
            env=self.variables(request),
            capture_output=True,
            text=True,
            check=False,
            timeout=self.duration_seconds + 60,
        )
        return Outcome(
            code=done.returncode,
            result=loads(BuildResult, self.result_file.read_text()),
            progress=[json.loads(line)["progress"] for line in done.stdout.splitlines()],
            log=done.stderr,
        )

    def manifest_path(self, attempt: int = 1) -> Path:
        """Where the commit of an attempt lies."""
        return self.store_folder / f"team/tiny/0123456789/{attempt}/manifest.json"

    def manifest(self, attempt: int = 1) -> Manifest:
        """The commit of an attempt."""
        return loads(Manifest, self.manifest_path(attempt).read_text())

    def stored_files(self) -> list[Path]:
        """Every file in the store, without the candidates that are kept for later builds."""
        found = (path for path in self.store_folder.rglob("*") if path.is_file())
        return sorted(path for path in found if "candidates" not in path.parts)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty source and an empty store."""
    made = Bench(root=tmp_path)
    made.source_folder.mkdir()
    made.store_folder.mkdir()
    return made


@pytest.fixture
def tiny(bench: Bench) -> Bench:
    """A source that builds."""
    bench.write("model.py", TINY_MODEL)
    return bench


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], bool], float], None]:
    """Poll until true or fail at the deadline (seconds)."""

    def wait(condition: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not happen in time"
            time.sleep(0.05)

    return wait


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server:
    """A running S3-speaking server and how to reach it."""

    endpoint: str
    environment: Mapping[str, str]


@pytest.fixture(scope="session")
def s3(
    eventually: Callable[[Callable[[], bool], float], None],
) -> Iterator[S3Server]:
    """The server of moto as a process of its own, with an empty bucket ``artifacts``."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    endpoint = f"http://127.0.0.1:{port}"
    environment = {
        "AWS_ACCESS_KEY_ID": "tester",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "eu-central-1",
    }
    try:
        eventually(lambda: answers(port), 30)
        yield S3Server(endpoint=endpoint, environment=environment)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.fixture
def bucket(s3: S3Server, request: pytest.FixtureRequest) -> str:
    """A fresh bucket; its name."""
    from modelservice_runtime.store.opening import open_store  # noqa: PLC0415 - after the server

    name = f"bucket-{abs(hash(request.node.nodeid)) % 10**10}"
    open_store(f"s3://{name}", s3.environment).filesystem.mkdir(name)
    return name


def free_port() -> int:
    """A port of the loopback device that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session")
def closed_port() -> int:
    """A port where nothing answers."""
    return free_port()


@pytest.fixture(scope="session")
def in_namespace() -> Callable[[str], tuple[str, ...]]:
    """A command prefix that runs ``setup`` (mounts) in a mount namespace of its own first."""
    unshare = shutil.which("unshare")
    own = ["--user", "--map-root-user", "--mount"]
    probe = [unshare or "unshare", *own, "mount", "-t", "tmpfs", "none", "/mnt"]
    if unshare is None or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no user namespaces, so no volume can be mounted")

    def prefix(setup: str) -> tuple[str, ...]:
        return (unshare, *own, "sh", "-c", f'{setup} && exec "$@"', "sh")

    return prefix
