"""One build of an example in one way: made, watched, and kept for whoever asks next."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from modelservice_harness.console import clock_text
from modelservice_harness.errors import CommandFailed
from modelservice_harness.processes import HEARTBEAT_SECONDS, tail

from . import family, reports
from .cases import Case
from .reports import Report
from .site import Site

_LOOK_SECONDS = 0.25
_STOP_SECONDS = 20.0
#: Written last: what is in the folder is whole.
_KEPT = "built.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How to build. ``seconds``: at most so long, 0 for as long as the manifest allows.

    ``may_fail``: that is a finding too, where there is little time.
    """

    name: str
    cores: int
    seconds: int = 0
    may_fail: bool = False


#: As everybody builds, on a machine of two cores; and on one.
TWO_WORKERS = Way(name="two-workers", cores=2)
ONE_WORKER = Way(name="one-worker", cores=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What came of it. ``seconds``: of the whole program.

    ``family_bytes``: the most that all its processes had at one time, without what files back.
    ``failure``: why there is no report, or empty.
    """

    folder: Path
    seconds: float
    family_bytes: int
    failure: str = ""

    @property
    def service(self) -> Path:
        """The manifest."""
        return self.folder / "service.yaml"

    @property
    def out(self) -> Path:
        """Store and report."""
        return self.folder / "out"

    def report(self) -> Report:
        """What the build says of itself.

        Raises:
            FileNotFoundError: it failed.
        """
        return reports.read(json.loads((self.out / "report.json").read_text(encoding="utf-8")))


def ensure(site: Site, case: Case, way: Way) -> Built:
    """The build, the one of an earlier run if nothing has changed since.

    Raises:
        CommandFailed: it failed, or its example cannot be had.
    """
    builds, name = site.bench.work / "builds", f"{case.name}-{way.name}"
    place = builds / f"{name}-{site.digest(case)}-{way.seconds}"
    if site.is_kept(place / _KEPT):
        site.say(f"{case.name}: built before, {way.name} ({place})")
        return _read(place)
    for old in builds.glob(f"{name}-*"):
        shutil.rmtree(old, ignore_errors=True)
    place.mkdir(parents=True)
    site.prepare(case)
    built = _build(site, case, way, place)
    _write(built)
    return built


def _build(site: Site, case: Case, way: Way, place: Path) -> Built:
    built = Built(folder=place, seconds=0.0, family_bytes=0)
    built.service.write_text(site.manifest(case), encoding="utf-8")
    limit = f", at most {way.seconds} s" if way.seconds else ""
    site.say(f"{case.name}: building, {way.name}{limit}")
    command = [str(site.python(case)), "-m", "optimizer_figures.builds.launch", str(built.service)]
    command += ["--out", str(built.out), "--claims", str(site.claims)]
    command += ["--scratch", str(place / "scratch"), "--cores", str(way.cores)]
    command += ["--seconds", str(way.seconds)] if way.seconds else []
    began = time.monotonic()
    code, most = _watched(site, command, site.environ(case), place / "build.log")
    seconds = time.monotonic() - began
    shutil.rmtree(place / "scratch", ignore_errors=True)
    failure = _failure(built, code)
    if failure and not way.may_fail:
        raise CommandFailed(f"{case.name}, {way.name}: {failure} ({place / 'build.log'})")
    site.say(f"{case.name}: {failure or 'built'}, {way.name}, in {clock_text(seconds)}")
    return Built(folder=place, seconds=round(seconds, 2), family_bytes=most, failure=failure)


def _failure(built: Built, code: int) -> str:
    if code == 0 and (built.out / "report.json").is_file():
        return ""
    with contextlib.suppress(OSError, ValueError):
        result = json.loads((built.out / "result.json").read_text(encoding="utf-8"))
        return f"{result['reason']}: {result['message']}"
    return tail(built.folder / "build.log", 1) or f"it ended with code {code}"


def _watched(
    site: Site, command: list[str], environ: Mapping[str, str], log: Path
) -> tuple[int, int]:
    """Run to the end; the exit code, and the most memory of the whole family."""
    with log.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=dict(environ),
            start_new_session=True,
        )  # fmt: skip
    most, told = 0, time.monotonic()
    try:
        while process.poll() is None:
            most = max(most, family.private_bytes(process.pid))
            if time.monotonic() - told >= HEARTBEAT_SECONDS:
                told = time.monotonic()
                site.say(f"  … {tail(log, 1)[:100]}")
            time.sleep(_LOOK_SECONDS)
    finally:
        end(process)
    return process.returncode, most


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop what still runs: politely, so that it stops what it has started itself."""
    if process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _write(built: Built) -> None:
    words = {**asdict(built), "folder": str(built.folder)}
    (built.folder / _KEPT).write_text(json.dumps(words) + "\n", encoding="utf-8")


def _read(place: Path) -> Built:
    words = json.loads((place / _KEPT).read_text(encoding="utf-8"))
    return Built(**{**words, "folder": place})
