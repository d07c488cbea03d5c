"""One search by our tuner, through its command, on a Triton that is started for it."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from modelservice_harness.errors import CommandFailed
from modelservice_harness.processes import tail
from tuner_figures.bench import SERVING, Bench
from tuner_figures.models.artifacts import Artifact
from tuner_figures.models.cases import PERCENTILE, Bounds
from tuner_figures.serving.ending import started
from tuner_figures.serving.settings import Setting
from tuner_figures.serving.triton import serving

from .picks import Pick

_LIMIT_SECONDS = 3600.0
_FEW_CHARACTERS = 200


def search(
    bench: Bench, artifact: Artifact, bounds: Bounds, folder: Path, clients: int = 0
) -> Pick:
    """Search; never fails, a failure is a finding too. The start of Triton counts as its time.

    ``clients``: for as many that wait for their answers as serve best, so many at most; 0: for
    random arrivals, as it does where nothing is said.
    """
    result, log = folder / "ours.json", folder / "ours.log"
    folder.mkdir(parents=True, exist_ok=True)
    result.unlink(missing_ok=True)
    base = Setting(batch=bounds.batch, instances=1, threads=1)
    began, failure = time.monotonic(), ""
    try:
        with serving(bench, artifact, base, folder) as triton:
            words = command(artifact, bounds, triton.address, result, clients)
            words = [bench.program(SERVING, "python"), *words]
            with started(words, bench.variables(), log) as process:
                if process.wait(_LIMIT_SECONDS) != 0:
                    failure = f"{tail(log, 1)[-_FEW_CHARACTERS:]} (exit code {process.returncode})"
    except CommandFailed as error:
        failure = str(error)
    except subprocess.TimeoutExpired:
        failure = "it did not end"
    seconds = round(time.monotonic() - began, 2)
    if failure or not result.is_file():
        words_of_failure = failure or "it wrote no result"
        return Pick(
            setting=None, runs=0, load_seconds=0.0, seconds=seconds, failure=words_of_failure
        )
    return parsed(result.read_text(encoding="utf-8"), seconds)


def command(
    artifact: Artifact, bounds: Bounds, address: str, result: Path, clients: int = 0
) -> list[str]:
    """Our tuner's words, after ``python``: it changes the model of a Triton that runs."""
    return [
        *("-m", "modelservice_runtime.tuner", "--url", address, "--model", artifact.model.name),
        *("--goal-ms", f"{artifact.model.goal_ms:g}", "--percentile", f"{PERCENTILE:g}"),
        *("--max-batch", str(bounds.batch), "--max-instances", str(bounds.instances)),
        *("--max-threads", str(bounds.threads), "--input-data", str(artifact.inputs)),
        *("--json", str(result)),
        *(("--closed-loop", str(clients), "--or-fewer") if clients else ()),
    ]


def parsed(text: str, seconds: float) -> Pick:
    """The JSON that the command writes. ``seconds``: of the whole search, by our own clock.

    Read: ``loadSeconds``, ``loadRuns``, and of ``setting`` ``maxBatchSize``, ``instances``,
    ``threads``, ``queueDelayMicroseconds`` (0 if it is not there). The rest is left alone.
    """
    try:
        words = json.loads(text)
        served = words["setting"]
        setting = Setting(
            batch=int(served["maxBatchSize"]),
            instances=int(served["instances"]),
            threads=int(served["threads"]),
            delay_us=int(served.get("queueDelayMicroseconds", 0)),
        )
        return Pick(
            setting=setting,
            runs=int(words["loadRuns"]),
            load_seconds=float(words["loadSeconds"]),
            seconds=seconds,
        )
    except (KeyError, TypeError, ValueError) as error:
        failure = f"its result is not understood: {error!r}"
        return Pick(setting=None, runs=0, load_seconds=0.0, seconds=seconds, failure=failure)
