"""One search by Model Analyzer, from nothing to its table."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelservice_harness.console import clock_text
from modelservice_harness.processes import HEARTBEAT_SECONDS, tail
from modelservice_runtime.serve.layout import lay_out
from modelservice_runtime.serve.shared_memory import region_prefix, remove_regions
from modelservice_runtime.serve.start import ENVIRONMENT_DEFAULTS
from tuner_figures.bench import ANALYZER, SERVING, Bench
from tuner_figures.models.artifacts import Artifact
from tuner_figures.models.cases import Bounds
from tuner_figures.serving.ending import started
from tuner_figures.serving.settings import Setting, config
from tuner_figures.serving.triton import Ports, words_of

from . import found
from .circling import best_of_checkpoint, circles
from .found import Best
from .modes import Mode
from .picks import Pick
from .profile import Folders, profile

_LIMIT_SECONDS = 4 * 3600.0
_KINDLY_SECONDS = 60.0
#: The exit code of a search that went in circles and was stopped.
CIRCLED = -2
#: What it says itself on the command line of the server.
_ITS_OWN = ("--model-repository", "--model-control-mode", "--load-model", "--http-port",
            "--grpc-port", "--metrics-port", "--exit-on-error", "--strict-readiness")  # fmt: skip

_SERVER = """#!/bin/sh
# The server as a replica runs it; Model Analyzer says the rest.
{variables}
exec {program} {flags} "$@"
"""
_LOAD = """#!/bin/sh
# perf_analyzer, and when it ran.
printf '%s ' "$(date +%s.%N)" >> {log}
{program} "$@"
code=$?
printf '%s %s\\n' "$(date +%s.%N)" "$code" >> {log}
exit $code
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is searched, where."""

    bench: Bench
    artifact: Artifact
    bounds: Bounds
    folder: Path

    def by(self, mode: Mode, threads: int) -> Pick:
        """Search with engines of ``threads`` threads; never fails, a failure is a finding too."""
        folders = Folders(root=self.folder / f"{mode.name.replace(' ', '-')}-{threads}")
        self._prepare(folders, mode, threads)
        log, began, started_at = folders.root / "analyzer.log", time.monotonic(), time.time()
        words = [self.bench.program(ANALYZER, "model-analyzer"), "profile"]
        words += ["-f", str(folders.root / "profile.yaml")]
        try:
            with started(words, self._variables(), log, cwd=folders.root, patience=0.0) as process:
                code = self._wait(process, mode, log)
        finally:
            remove_regions(region_prefix(folders.variants, self.artifact.model.name))
        seconds = time.monotonic() - began
        load = found.load(_text(folders.root / "loads.txt"))
        if code == CIRCLED:
            best, failure = self._of_circle(folders, threads)
            seconds = load.last - started_at
        else:
            best, failure = _result(folders, log, code, threads)
        return Pick(
            setting=None if best is None else best.setting,
            throughput=0.0 if best is None else best.throughput,
            runs=load.runs,
            load_seconds=round(load.seconds, 2),
            seconds=round(seconds, 2),
            failure=failure,
        )

    def _wait(self, process: subprocess.Popen[bytes], mode: Mode, log: Path) -> int:
        began = time.monotonic()
        while (passed := time.monotonic() - began) < _LIMIT_SECONDS:
            try:
                return process.wait(HEARTBEAT_SECONDS)
            except subprocess.TimeoutExpired:
                line = tail(log, 1)[:90]
                self.bench.say(f"  … {mode.name}: {clock_text(passed)} so far  {line}")
            if circles(_text(log)):
                # Once is kindly: it writes its checkpoint, and ends.
                process.send_signal(signal.SIGINT)
                process.wait(_KINDLY_SECONDS)
                return CIRCLED
        return -1

    def _of_circle(self, folders: Folders, threads: int) -> tuple[Best | None, str]:
        model = self.artifact.model
        checkpoints = sorted((folders.root / "checkpoints").glob("*.ckpt"))
        try:
            text = _text(checkpoints[-1]) if checkpoints else ""
            best = best_of_checkpoint(text, model.name, model.goal_ms, threads)
        except found.UnreadableError as error:
            return None, str(error)
        return best, "it went in circles and was stopped; its time is up to its last measurement"

    def _prepare(self, folders: Folders, mode: Mode, threads: int) -> None:
        shutil.rmtree(folders.root, ignore_errors=True)
        for folder in folders.made:
            folder.mkdir(parents=True)
        model, ports = self.artifact.model, Ports.free()
        base = Setting(batch=self.bounds.batch, instances=1, threads=threads)
        text = config(model.name, self.artifact.manifest(), base, warm=False)
        lay_out(self.artifact.folder, text, folders.source, model.name)
        programs = self._programs(folders, ports)
        (folders.root / "profile.yaml").write_text(
            profile(
                model=model, bounds=self.bounds, mode=mode, folders=folders,
                inputs=self.artifact.inputs, programs=programs,
                ports={"http": ports.http, "grpc": ports.grpc, "metrics": ports.metrics},
            ),
            encoding="utf-8",
        )  # fmt: skip

    def _programs(self, folders: Folders, ports: Ports) -> Mapping[str, Path]:
        programs = self.bench.provisioned.environments[SERVING] / "triton" / "bin"
        command = words_of(folders.variants, self.artifact.model.name, ports)[1:]
        flags = [word for word in command if word.partition("=")[0] not in _ITS_OWN]
        server = {**ENVIRONMENT_DEFAULTS, "PYTHONPATH": self.bench.variables()["PYTHONPATH"]}
        texts = {
            "tritonserver": _SERVER.format(
                variables="\n".join(f"export {name}='{value}'" for name, value in server.items()),
                program=programs / "tritonserver",
                flags=" ".join(flags),
            ),
            "perf_analyzer": _LOAD.format(
                program=programs / "perf_analyzer", log=folders.root / "loads.txt"
            ),
        }
        made = {name: folders.root / name for name in texts}
        for name, text in texts.items():
            made[name].write_text(text, encoding="utf-8")
            made[name].chmod(0o755)
        return made

    def _variables(self) -> dict[str, str]:
        path = Path(self.bench.program(ANALYZER, "python")).parent
        return {
            **self.bench.workshop.environ,
            "PATH": f"{path}:{self.bench.workshop.environ.get('PATH', '')}",
            "MPLBACKEND": "agg",
        }


def _result(folders: Folders, log: Path, code: int, threads: int) -> tuple[Best | None, str]:
    if not folders.results.is_file():
        return None, found.trouble(_text(log), code)
    try:
        best = found.best(_text(folders.results), threads)
    except found.UnreadableError as error:
        return None, f"its table: {error}"
    return best, "" if best is not None else "nothing that it measured was within the goal"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
