"""Where the examples are built and measured: programs, folders, the terminal."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelservice_harness.digests import digest_of_files, digest_of_text
from modelservice_harness.errors import CommandFailed
from modelservice_harness.interpreter import base_python
from modelservice_harness.processes import tail
from optimizer_figures.bench import Bench

from .cases import BUILDER, KERAS, Case

#: What has to be provisioned, besides the project.
ENVIRONMENTS = (BUILDER, KERAS)
#: What an earlier run measured counts for so long, so that one that was stopped can go on.
_KEPT_SECONDS = 12 * 3600
_PACKAGE = Path(__file__).resolve().parents[1]
#: The claim that the examples' manifests read from.
_CLAIM = "models"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the examples are built and measured with."""

    bench: Bench

    @property
    def say(self) -> Callable[[str], None]:
        """Prints one line."""
        return self.bench.workshop.console.say

    @property
    def claims(self) -> Path:
        """With a folder for each claim that the manifests name."""
        return self.bench.work / "claims"

    def is_kept(self, path: Path) -> bool:
        """Whether an earlier run left ``path``, not so long ago that its date would be wrong."""
        return path.is_file() and time.time() - path.stat().st_mtime < _KEPT_SECONDS

    def python(self, case: Case) -> Path:
        """Of the environment whose builder fits."""
        return Path(self.bench.python(case.environment))

    def environ(self, case: Case) -> dict[str, str]:
        """Variables of a process there: the project and these figures can be imported.

        Raises:
            CommandFailed: the project's wheel was not provisioned.
        """
        project = self.bench.provisioned.project
        if project is None:
            raise CommandFailed("the project's wheel was not provisioned")
        folders = (project / "site", _PACKAGE.parent, _PACKAGE.parents[1] / "common")
        programs = (self.python(case).parent, self.bench.workshop.environ.get("PATH", ""))
        return {
            **self.bench.workshop.environ,
            "PATH": os.pathsep.join(map(str, programs)),
            "PYTHONPATH": os.pathsep.join(map(str, folders)),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def digest(self, case: Case) -> str:
        """Of all that decides what a build of ``case`` comes to on this machine.

        Raises:
            CommandFailed: the project's wheel was not provisioned.
        """
        if self.bench.provisioned.project is None:
            raise CommandFailed("the project's wheel was not provisioned")
        return digest_of_text(f"{self.bench.provisioned.project.name}\n{self.sources(case)}")

    def sources(self, case: Case) -> str:
        """A digest of what ``case`` is built of, and with which packages; not of our own code."""
        examples = self.bench.workshop.layout.repository / "examples"
        parts = (
            self.bench.provisioned.environments[case.environment].name,
            self.manifest(case),
            digest_of_files(examples, [examples / case.example, examples / "checksums.txt"]),
        )
        return digest_of_text("\n".join(parts))

    def manifest(self, case: Case) -> str:
        """The text of what is built."""
        path = self.bench.workshop.layout.repository / "examples" / f"{case.example}.yaml"
        return case.manifest(path.read_text(encoding="utf-8"))

    def prepare(self, case: Case) -> None:
        """Put the example's code, weights and data where its manifest looks for them.

        Raises:
            CommandFailed: they cannot be had.
        """
        command = [str(base_python()), "examples/prepare.py", "--example", case.example]
        command += ["--out", str(self.claims / _CLAIM), *(["--large"] if case.large else [])]
        log = self.bench.workshop.layout.logs / f"bench-prepare-{case.example}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        path = f"{self.bench.provisioned.uv.parent}:{self.bench.workshop.environ.get('PATH', '')}"
        with log.open("wb") as stream:
            done = subprocess.run(  # noqa: S603 - our own script
                command,
                cwd=self.bench.workshop.layout.repository,
                env={**self.bench.workshop.environ, "PATH": path},
                stdout=stream,
                stderr=stream,
                check=False,
            )
        if done.returncode != 0:
            raise CommandFailed(f"examples/prepare.py --example {case.example}: {tail(log)}")
