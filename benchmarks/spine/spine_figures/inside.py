"""Runs in the serving environment: one Triton, setting after setting, round after round.

    python -m spine_figures.inside '{"artifact": …}' → one JSON object per measurement

The tuner's own modules drive Triton and perf_analyzer; nothing else here knows them.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modelservice_runtime.contract.codec import loads
from modelservice_runtime.contract.manifest import Manifest
from modelservice_runtime.contract.model_config import ModelConfig, warmup_sizes
from modelservice_runtime.contract.store_layout import MANIFEST
from modelservice_runtime.contract.traffic import SINGLE_ROWS
from modelservice_runtime.serve.samples import read_samples
from modelservice_runtime.tuner.cores import quiet_cores
from modelservice_runtime.tuner.deadline import Deadline
from modelservice_runtime.tuner.errors import LoadFailed, TuneError
from modelservice_runtime.tuner.interrupts import Interrupts
from modelservice_runtime.tuner.load_runs import LoadGenerator, write_input_data
from modelservice_runtime.tuner.ports import LOOPBACK
from modelservice_runtime.tuner.runs import (
    STABILITY_PERCENT,
    WINDOWS,
    Part,
    Run,
    open_loop,
    open_requests,
)
from modelservice_runtime.tuner.server import Place, Triton
from modelservice_runtime.tuner.simulation.arrivals import Source

from .settings import Setting, order

_WINDOW_SECONDS = 1.5
#: Of a run at a rate, if that many requests are not enough earlier.
OPEN_SECONDS_MOST = 5.0
_RUN_TIMEOUT = 60.0
_LIMIT_SECONDS = 1800.0
_BACKEND = "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is asked. ``cpu``: cores that Triton gets, as the tuner gives them to it.

    ``tuned``: the setting that is also tried at ``capacity``, rows per second in an open loop.
    """

    artifact: str
    model: str
    cpu: float
    rounds: int
    capacity: float
    tuned: Setting
    settings: tuple[Setting, ...]

    @classmethod
    def parse(cls, text: str) -> Work:
        """From JSON."""
        found: dict[str, Any] = json.loads(text)
        settings = tuple(Setting(**item) for item in found.pop("settings"))
        tuned = Setting(**found.pop("tuned"))
        return cls(settings=settings, tuned=tuned, **found)


def main() -> int:
    """Measure everything that the first argument asks for."""
    work = Work.parse(sys.argv[1])
    deadline, interrupts = Deadline.after(_LIMIT_SECONDS, time.monotonic()), Interrupts()
    interrupts.install(_LIMIT_SECONDS)
    try:
        with tempfile.TemporaryDirectory(prefix="spine-") as folder:
            for found in _readings(work, Path(folder), deadline, interrupts):
                print(json.dumps(found), flush=True)
    except TuneError as error:
        sys.stderr.write(f"{error.reason}: {error.message}\n")
        return 1
    return 0


def _readings(
    work: Work, scratch: Path, deadline: Deadline, interrupts: Interrupts
) -> Iterator[dict[str, Any]]:
    artifact = Path(work.artifact)
    manifest = loads(Manifest, (artifact / MANIFEST).read_text())
    write_input_data(read_samples(artifact).inputs, scratch / "input.json")
    cores = quiet_cores(work.cpu)
    place = Place(
        name=work.model,
        artifact=artifact,
        scratch=scratch,
        cores=cores.server,
        environment=os.environ,
    )
    with Triton(place, deadline, interrupts) as triton:
        load = LoadGenerator(
            model=work.model,
            address=f"{LOOPBACK}:{triton.ports.grpc}",
            input_data=scratch / "input.json",
            scratch=scratch,
            cores=cores,
            interrupts=interrupts,
        )
        for number in range(work.rounds):
            for setting in order(work.settings, number):
                triton.serve(_config(work.model, manifest, setting))
                head = {"round": number, "setting": asdict(setting)}
                yield head | _measured(load, _closed(setting.concurrency))
                if setting == work.tuned and (run := _at(work.capacity)):
                    yield head | {"rate": work.capacity} | _measured(load, run)


def _at(rate: float) -> Run | None:
    """Single rows at random times, ``rate`` a second; None: there is no time for enough of them."""
    count = open_requests(rate, OPEN_SECONDS_MOST)
    return open_loop(Source(rows_per_request=SINGLE_ROWS).at(rate, count)) if count else None


def _measured(load: LoadGenerator, run: Run) -> dict[str, Any]:
    try:
        done = load.run(run, _RUN_TIMEOUT)
    except LoadFailed as error:
        return {"failed": str(error)}
    return {"rows_per_second": done.rows_per_second, "p99_ms": done.percentile_ms(99)}


def _closed(concurrency: int) -> Run:
    """Closed loop, single rows; three windows of which all count."""
    words = (
        *("-b", "1", f"--concurrency-range={concurrency}", "--async"),
        *("-p", str(round(_WINDOW_SECONDS * 1000)), "-r", str(WINDOWS)),
        *("-s", str(STABILITY_PERCENT)),
    )
    return Run(parts=(Part(words=words),), seconds=WINDOWS * _WINDOW_SECONDS)


def _config(model: str, manifest: Manifest, setting: Setting) -> ModelConfig:
    return ModelConfig(
        name=model,
        backend=_BACKEND,
        variant=manifest.variants[0].name,
        engine=manifest.variants[0].engine,
        precision=manifest.variants[0].precision,
        model_file=manifest.variants[0].model_file,
        max_batch_size=setting.batch,
        interface=manifest.interface,
        instances=setting.instances,
        threads=setting.threads,
        warmup_batch_sizes=warmup_sizes(setting.batch),
        warmup_inputs=manifest.sample_inputs,
    )


if __name__ == "__main__":
    sys.exit(main())
