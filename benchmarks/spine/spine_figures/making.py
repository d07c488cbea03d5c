"""F1 and F2: how long ``make demo`` and ``make test`` take, with empty caches and full ones."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench_figures.rows import Figures, row, target

from modelservice_harness.console import Console
from modelservice_harness.errors import CommandFailed, HarnessError
from modelservice_harness.layout import Layout, layout_of
from modelservice_harness.local import HOME_VARIABLE
from modelservice_harness.processes import capture
from modelservice_harness.running import DEMO_CLUSTER
from modelservice_harness.workshop import Workshop

from . import waiting

DEMO_COLD, DEMO_WARM, TEST_COLD, TEST_WARM = 900.0, 180.0, 1800.0, 900.0
#: What the promise speaks of; a larger machine is held to as many.
CORES = 2
#: Where our programs and their tools keep what they fetched, in an empty folder.
_CACHES = {
    "XDG_CACHE_HOME": "cache",
    "GOPATH": "go",
    "GOMODCACHE": "go/pkg/mod",
    "GOCACHE": "go-build",
    "UV_CACHE_DIR": "uv",
    "PIP_CACHE_DIR": "pip",
}
_STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A checkout and the variables that say where its caches are."""

    folder: Path
    env: Mapping[str, str]
    console: Console

    @property
    def layout(self) -> Layout:
        """Where its things lie."""
        return layout_of(self.env, self.folder)

    def make(self, goal: str) -> tuple[float, str]:
        """Run it on this terminal: seconds, and what it printed.

        Raises:
            CommandFailed: it failed; its time would mean nothing.
        """
        self.console.say(f"make {goal} in {self.folder}")
        began = time.monotonic()
        with _cores(CORES):
            process = subprocess.Popen(  # noqa: S603 - make, our own words
                ["make", "--no-print-directory", goal],  # noqa: S607 - the user's make
                cwd=self.folder, env=dict(self.env), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                start_new_session=True,
            )  # fmt: skip
        output = "".join(_lines(process, self.console))
        if process.returncode != 0:
            raise CommandFailed(f"make {goal} failed with code {process.returncode}")
        return time.monotonic() - began, output

    def demo_down(self) -> None:
        """Stop the demo's cluster and no other."""
        programs = sorted(
            self.layout.binaries.glob("localcluster-*/localcluster"),
            key=lambda path: path.stat().st_mtime,
        )
        if programs:
            env = {**self.env, HOME_VARIABLE: str(self.layout.clusters)}
            capture([str(programs[-1]), "down", "--name", DEMO_CLUSTER], env=env)


def _lines(process: subprocess.Popen[str], console: Console) -> Iterator[str]:
    try:
        for line in process.stdout or ():
            console.raw(f"  | {line.rstrip()}")
            yield line
        process.wait()
    finally:
        if process.poll() is None:
            _interrupt(process)
        if process.stdout is not None:
            process.stdout.close()


def _interrupt(process: subprocess.Popen[str]) -> None:
    """As Ctrl-C would: the harness and pytest then clean up behind themselves."""
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def _cores(count: int) -> Iterator[None]:
    """Processes started inside are held to so many cores."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(own)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


def present(workshop: Workshop) -> Checkout:
    """This checkout with the caches as they are, without what changes what the targets do."""
    kept = {
        key: value
        for key, value in workshop.environ.items()
        if key != "FULL" and not key.startswith("DEMO_")
    }
    return Checkout(folder=workshop.layout.repository, env=kept, console=workshop.console)


@contextmanager
def fresh(workshop: Workshop) -> Iterator[Checkout]:
    """A clone of the latest commit with empty caches, both in a folder that goes afterwards."""
    here = present(workshop)
    root = Path(tempfile.mkdtemp(prefix="spine-cold-"))
    root.chmod(0o755)  # pods read the cache as another user
    env = {**here.env, **{name: str(root / folder) for name, folder in _CACHES.items()}}
    clone = root / "clone"
    try:
        capture(
            ["git", "clone", "--quiet", "--no-hardlinks", str(here.folder), str(clone)], env=env
        )
        yield Checkout(folder=clone, env=env, console=workshop.console)
    finally:
        workshop.console.say(f"removing {root}")
        _remove(root)


def _remove(root: Path) -> None:
    """Go's module cache is read-only: folders are opened first."""
    for folder, names, _ in os.walk(root):
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | stat.S_IRWXU)
    shutil.rmtree(root, ignore_errors=True)


def demo(workshop: Workshop, *, cold: bool) -> Iterator[Figures]:
    """F1. Cold: first from nothing, then once more with what that left."""
    if not cold:
        yield _demo_warm(present(workshop))
        return
    with fresh(workshop) as clone:
        try:
            seconds, output = clone.make("demo")
        finally:
            clone.demo_down()
        yield _demo("F1.cold", "cold", seconds, output)
        yield _demo_warm(clone)


def _demo_warm(checkout: Checkout) -> Figures:
    if (checkout.layout.clusters / DEMO_CLUSTER).exists():
        raise HarnessError(f"a cluster {DEMO_CLUSTER} is up, so nothing would start: make down")
    try:
        seconds, output = checkout.make("demo")
    finally:
        checkout.demo_down()
    return _demo("F1.warm", "warm", seconds, output)


def _demo(group: str, state: str, seconds: float, output: str) -> Figures:
    answered = waiting.first_answer_seconds(output)
    if answered is None:
        raise CommandFailed("make demo did not say when it had its first answer")
    whole, first = f"make demo, {state}", f"make demo, {state}, to the first answer"
    promise = {
        "cold": target(group, f"{whole}, s", "<=", DEMO_COLD, seconds),
        "warm": target(group, f"{first}, s", "<=", DEMO_WARM, answered),
    }
    rows = (row(group, first, "s", [answered]), row(group, whole, "s", [seconds]))
    return Figures(rows=rows, targets=(promise[state],))


def tests(workshop: Workshop, *, cold: bool) -> Iterator[Figures]:
    """F2, likewise."""
    if not cold:
        yield _test(present(workshop), "F2.warm", "make test, warm", TEST_WARM)
        return
    with fresh(workshop) as clone:
        yield _test(clone, "F2.cold", "make test, cold", TEST_COLD)
        yield _test(clone, "F2.warm", "make test, warm", TEST_WARM)


def _test(checkout: Checkout, group: str, what: str, limit: float) -> Figures:
    seconds, _ = checkout.make("test")
    found = (row(group, what, "s", [seconds]),)
    return Figures(rows=found, targets=(target(group, f"{what}, s", "<=", limit, seconds),))
