"""F5: rows per second at the tuned setting and at settings made by hand, on one Triton."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench_figures.rows import Figures, Row, Target, row, target

from modelservice_harness.console import Console
from modelservice_harness.errors import CommandFailed

from .settings import Reading, Setting, best, by_hand, cores, from_status, of, order, ratios

_STOP_SECONDS = 40.0
_HERE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What the operator found for the service. ``cpu``: cores of a replica."""

    setting: Setting
    capacity: float
    goal_ms: float
    cpu: float

    @classmethod
    def of(cls, service: Mapping[str, Any]) -> Tuned:
        """From the ModelService."""
        serving, tuning = service["spec"]["serving"], service["status"]["tuning"]
        return cls(
            setting=from_status(tuning),
            capacity=float(tuning["capacityRowsPerSecond"]),
            goal_ms=float(serving["latencyObjective"]["milliseconds"]),
            cpu=cores(str(serving["resources"]["limits"]["cpu"])),
        )


def measure(
    tuned: Tuned,
    *,
    artifact: Path,
    model: str,
    rounds: int,
    command: Sequence[str],
    env: Mapping[str, str],
    console: Console,
) -> Figures:
    """Measure them all, interleaved. ``command``: the serving environment's Python.

    Raises:
        CommandFailed: the measuring broke off, or a setting gave no figures at all.
    """
    wanted = order([tuned.setting, *by_hand(tuned.setting.threads)], 0)
    console.say(f"throughput: {len(wanted)} settings x {rounds} rounds")
    work = {
        "artifact": str(artifact),
        "model": model,
        "cpu": tuned.cpu,
        "rounds": rounds,
        "capacity": tuned.capacity,
        "tuned": asdict(tuned.setting),
        "settings": [asdict(setting) for setting in wanted],
    }
    words = [*command, "-m", "spine_figures.inside", json.dumps(work)]
    readings = list(_readings(words, env, console.say))
    if silent := [item.words() for item in wanted if not of(readings, item)]:
        raise CommandFailed(f"no figures of {', '.join(silent)}")
    return figures(tuned, readings)


def environ(environment: Path, repository: Path) -> dict[str, str]:
    """Variables of the child: the serving environment's programs, the runtime, this package."""
    programs = (environment / "triton" / "bin", environment / "bin")
    return {
        **os.environ,
        "PATH": os.pathsep.join([*map(str, programs), os.environ.get("PATH", "")]),
        "PYTHONPATH": os.pathsep.join([str(repository / "runtime"), str(_HERE)]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _readings(
    words: Sequence[str], env: Mapping[str, str], say: Callable[[str], None]
) -> Iterator[Reading]:
    process = subprocess.Popen(  # noqa: S603 - our own module
        list(words), stdout=subprocess.PIPE, text=True, env=dict(env), start_new_session=True
    )
    try:
        for line in process.stdout or ():
            found = json.loads(line)
            if (reading := _reading(found, say)) is not None:
                yield reading
        if process.wait() != 0:
            raise CommandFailed(f"the measuring ended with code {process.returncode}")
    finally:
        _end(process)


def _reading(found: Mapping[str, Any], say: Callable[[str], None]) -> Reading | None:
    setting, number = Setting(**found["setting"]), int(found["round"])
    rate = float(found.get("rate", 0.0))
    load = f"at {rate:g} rows/s" if rate else f"{setting.concurrency} under way"
    head = f"  round {number + 1}, {setting.words()}, {load}"
    if "failed" in found:
        say(f"{head}: {found['failed']}")
        return None
    rows, latency = float(found["rows_per_second"]), float(found["p99_ms"])
    answered = "" if rate else f"{rows:.1f} rows/s, "
    say(f"{head}: {answered}p99 {latency:.1f} ms")
    return Reading(round=number, setting=setting, rows_per_second=rows, p99_ms=latency, rate=rate)


def _end(process: subprocess.Popen[str]) -> None:
    """SIGTERM first: the child stops its Triton, which is in a session of its own."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    if process.stdout is not None:
        process.stdout.close()
    process.wait()


def figures(tuned: Tuned, readings: Sequence[Reading]) -> Figures:
    """Rows of every setting; ours is named so, also where it is one that was set by hand."""
    hands = by_hand(tuned.setting.threads)
    rows = _rows(readings, tuned.setting, f"tuned ({tuned.setting.words()})")
    for setting in hands:
        rows += _rows(readings, setting, f"by hand, {setting.words()}")
    rows += _capacity(readings, tuned.capacity)
    latency = row("F5", "p99", "ms", [r.p99_ms for r in of(readings, tuned.setting).values()])
    words = "p99 at the tuned setting, ms"
    targets = [target("F5.latency", words, "<=", tuned.goal_ms, latency.value)]
    other = best(readings, hands, tuned.goal_ms)
    if other is not None:
        shares = row("F5", f"tuned / best by hand ({other.words()}), by round", "",
                     ratios(readings, tuned.setting, other))  # fmt: skip
        rows.append(shares)
        targets.append(_throughput(shares.value))
    return Figures(rows=tuple(rows), targets=tuple(targets))


def _throughput(share: float) -> Target:
    words = "rows/s at the tuned setting / at the best by hand within the goal"
    return target("F5.throughput", words, ">=", 1.0, share)


def _rows(readings: Sequence[Reading], setting: Setting, name: str) -> list[Row]:
    found = of(readings, setting).values()
    return [
        row("F5", f"{name}: rows", "rows/s", [item.rows_per_second for item in found]),
        row("F5", f"{name}: p99", "ms", [item.p99_ms for item in found]),
    ]


def _capacity(readings: Sequence[Reading], capacity: float) -> list[Row]:
    """What status says a replica carries, and the latency there."""
    rows = [row("F5", "tuned, capacity that status tells", "rows/s", [capacity])]
    latencies = [item.p99_ms for item in readings if item.rate]
    if latencies:
        rows.append(row("F5", "tuned, random arrivals at capacity: p99", "ms", latencies))
    return rows
