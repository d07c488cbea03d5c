"""The tuner's simulation of given configurations, from curves that it measures itself.

    python -m tuner_figures.fidelity.predicting WORK.json → JSON: what it says of each

Runs in the serving environment, against a Triton that runs. The only place here that knows the
tuner's curves and its simulation.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modelservice_runtime.contract.requests import LatencyObjective
from modelservice_runtime.contract.traffic import CLOSED_LOOP, Traffic
from modelservice_runtime.tuner.bench import Bench
from modelservice_runtime.tuner.calibration import Seen, fitted
from modelservice_runtime.tuner.command import numbers_per_row
from modelservice_runtime.tuner.cores import Cores
from modelservice_runtime.tuner.curves import Curves
from modelservice_runtime.tuner.deadline import Deadline
from modelservice_runtime.tuner.interrupts import Interrupts
from modelservice_runtime.tuner.load_runs import LoadGenerator
from modelservice_runtime.tuner.question import Question
from modelservice_runtime.tuner.running_server import connect
from modelservice_runtime.tuner.search import batching_of
from modelservice_runtime.tuner.settings import Limits, Option, Setting
from modelservice_runtime.tuner.simulation.arrivals import Requests
from modelservice_runtime.tuner.simulation.loads import AtTimes, InFlight, Load
from modelservice_runtime.tuner.simulation.outcomes import Outcome
from modelservice_runtime.tuner.simulation.service_time import ServiceTime

_LIMIT_SECONDS = 900.0
_CLOSED_ANSWERS = 8_000
_PERCENTILE = 99.0
#: Progress of the tuner goes to standard output, as its Job's does.
_ANSWER = "ANSWER "

#: Instances, threads, and whether clients wait for their answers.
Key = tuple[int, int, bool]


def main() -> int:
    """Measure curves, simulate, answer."""
    work = json.loads(Path(sys.argv[1]).read_text())
    with tempfile.TemporaryDirectory(prefix="fidelity-") as folder:
        known = _known(work, Path(folder))
    answer = {
        "raw": [_simulated(known[_key(point)].service, point) for point in work["points"]],
        "calibrated": _calibrated(known, work["points"], work["goal_ms"]),
    }
    print(_ANSWER + json.dumps(answer), flush=True)
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """``noise``: share by which the machine's speed scattered while it was measured."""

    service: ServiceTime
    noise: float


def _known(work: Mapping[str, Any], scratch: Path) -> Mapping[Key, Known]:
    """What a tuning for each kind of load knows after its curves."""
    most = max(point["clients"] for point in work["points"])
    waiting = Traffic(arrivals=CLOSED_LOOP, concurrency=most)
    return _curves(work, scratch, Traffic()) | _curves(work, scratch, waiting)


def _curves(work: Mapping[str, Any], scratch: Path, traffic: Traffic) -> dict[Key, Known]:
    everything = frozenset(os.sched_getaffinity(0))
    server = connect(work["url"], work["model"])
    deadline = Deadline.after(_LIMIT_SECONDS, time.monotonic())
    load = LoadGenerator(
        model=work["model"],
        address=work["url"],
        input_data=Path(work["inputs"]),
        scratch=scratch,
        cores=Cores(server=everything, client=everything),
        interrupts=Interrupts(),
        numbers_per_row=numbers_per_row(server.config),
    )
    question = Question(
        objective=LatencyObjective(percentile=_PERCENTILE, milliseconds=work["goal_ms"]),
        traffic=traffic,
        limits=Limits(cpu=2.0, max_batch_size=work["batch"], instances=2, threads=2),
    )
    bench = Bench(server=server, load=load, deadline=deadline)
    curves = Curves(bench=bench, question=question, variants=(server.variant,))
    try:
        curves.measure(deadline)
    finally:
        server.restore()
    loop, noise = bool(question.clients), curves.noise()
    return {
        (option.instances, option.threads, loop): Known(service=service, noise=noise)
        for option, service in curves.models().items()
    }


def _key(point: Mapping[str, Any]) -> Key:
    return int(point["instances"]), int(point["threads"]), bool(point["clients"])


def _setting(point: Mapping[str, Any]) -> Setting:
    option = Option(variant="served", instances=point["instances"], threads=point["threads"])
    return Setting(option=option, max_batch_size=point["batch"])


def _requests(sent: Sequence[float]) -> Requests:
    """Single rows at the very times at which they were sent."""
    times = np.array(sent)
    return Requests(
        arrival=times, rows=np.ones(len(times), np.int64), level=np.zeros(len(times), np.int64)
    )


def _simulated(service: ServiceTime, point: Mapping[str, Any]) -> dict[str, float]:
    return _words(_load(point).outcome(service, batching_of(_setting(point))))


def _words(outcome: Outcome) -> dict[str, float]:
    return {
        "rows_per_second": outcome.rows_per_second,
        "p50_ms": 1000 * outcome.quantile(50),
        "p99_ms": 1000 * outcome.quantile(_PERCENTILE),
    }


def _calibrated(
    known: Mapping[Key, Known],
    points: Sequence[Mapping[str, Any]],
    goal_ms: float,
) -> list[dict[str, float]]:
    """Each model put right by the measured point of its kind of load that is there for it."""
    right = {
        _key(point): _put_right(known[_key(point)], point, goal_ms)
        for point in points
        if point["fitted"]
    }
    return [_simulated(right[_key(point)], point) for point in points]


def _put_right(known: Known, point: Mapping[str, Any], goal_ms: float) -> ServiceTime:
    seen = Seen(
        batching=batching_of(_setting(point)),
        load=_load(point),
        executions={size: (n, spent) for size, n, spent in point["executions"]},
        median_ms=point["p50_ms"],
        tail_ms=point["p99_ms"],
        goal_ms=goal_ms,
        violations=point["violations"],
    )
    return fitted(known.service, [seen], _PERCENTILE, known.noise).service


def _load(point: Mapping[str, Any]) -> Load:
    if not point["clients"]:
        return AtTimes(requests=_requests(point["sent"]))
    single: np.ndarray = np.ones(1, np.int64)
    return InFlight(clients=point["clients"], rows=single, count=_CLOSED_ANSWERS)


if __name__ == "__main__":
    sys.exit(main())
