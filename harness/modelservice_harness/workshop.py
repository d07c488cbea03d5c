"""What every provisioning step works with, and the rule by which built things are kept.

A built thing is a folder with a marker file written last. Without the marker it is what a
killed run left: it is removed and built again (downloads and compilers have caches of their
own, so little is lost). A folder with the marker is never changed again, so that pods of a
running cluster keep what they started with.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .console import Console, clock_text
from .layout import Layout
from .locks import exclusive
from .processes import Runner, Step

MARKER = ".complete"

#: Variables of the user's shell that would change what our programs do.
_FOREIGN = (
    "KUBECONFIG", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON", "GOFLAGS", "GOOS", "GOARCH",
    # A make that one of them runs was not told what the make above was (`make … ARGS=…`).
    "ARGS", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Layout, terminal, process runner and the cleaned environment of this run."""

    layout: Layout
    console: Console
    runner: Runner
    environ: Mapping[str, str]

    def run(
        self,
        what: str,
        args: Sequence[str],
        *,
        keep: int,
        cwd: Path | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        """Run one logged step; ``keep`` is the lock's file descriptor, held by the child too."""
        name = what.replace(" ", "-").replace("/", "-")
        self.runner.run(
            Step(
                what=what,
                args=args,
                log=self.layout.logs / f"{name}.log",
                env={**self.environ, **(extra or {})},
                cwd=cwd or self.layout.repository,
                keep=(keep,),
            )
        )

    def ensure(self, place: Path, what: str, build: Callable[[Path, int], None]) -> Path:
        """``place``, built by ``build(place, lock)`` if it is not there; safe against kill -9."""
        if is_complete(place):
            os.utime(place / MARKER)
            return place
        lock = place.parent / f".{place.name}.lock"
        with exclusive(
            lock, lambda: self.console.say(f"{what}: another run is at it, waiting")
        ) as held:
            if not is_complete(place):
                self._build(place, what, build, held)
        return place

    def _build(self, place: Path, what: str, build: Callable[[Path, int], None], held: int) -> None:
        if place.exists():
            shutil.rmtree(place)
        place.mkdir(parents=True)
        began = self.console.elapsed()
        self.console.say(f"{what}: started")
        build(place, held)
        (place / MARKER).touch()
        self.console.say(f"{what}: done in {clock_text(self.console.elapsed() - began)}")


def is_complete(place: Path) -> bool:
    """Whether ``place`` was built to the end."""
    return (place / MARKER).is_file()


def clean_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` without what would lead our programs elsewhere (a KUBECONFIG above all)."""
    return {key: value for key, value in environ.items() if key not in _FOREIGN}
