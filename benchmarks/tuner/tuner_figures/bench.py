"""What every figure of this benchmark is measured with. Runs in the harness' Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench_figures.recorded import Series
from optimizer_figures.bench import Bench as BuildBench

from modelservice_harness.provision import Provisioned
from modelservice_harness.workshop import Workshop

from .ground.cluster import Ground
from .peers.modes import MODES, Mode

#: Triton, perf_analyzer and our tuner; Model Analyzer.
SERVING, ANALYZER = "serving", "analyzer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """``work``: what is made is kept there; ``quick``: a tenth of it, to see that it runs.

    ``ground``: the cluster, for whoever needs one; ``models``: names, all of them without any;
    ``modes``: of Model Analyzer; ``traces``: recorded traffic.
    """

    workshop: Workshop
    provisioned: Provisioned
    work: Path
    quick: bool
    repeats: int
    ground: Ground
    models: tuple[str, ...] = ()
    modes: tuple[Mode, ...] = MODES
    traces: tuple[Series, ...] = ()

    @property
    def say(self) -> Callable[[str], None]:
        """Prints one line."""
        return self.workshop.console.say

    @property
    def repository(self) -> Path:
        """The checkout."""
        return self.workshop.layout.repository

    def program(self, environment: str, name: str) -> str:
        """Of an environment of the harness."""
        return str(self.provisioned.environments[environment] / "bin" / name)

    def variables(self, *more: Path) -> Mapping[str, str]:
        """Of a process in the serving environment: its programs, our sources and ``more``."""
        serving = self.provisioned.environments[SERVING]
        programs = (serving / "triton" / "bin", serving / "bin")
        benchmarks = self.repository / "benchmarks"
        folders = (self.repository / "runtime", benchmarks / "tuner", *more)
        return {
            **self.workshop.environ,
            "PATH": os.pathsep.join([*map(str, programs), self.workshop.environ.get("PATH", "")]),
            "PYTHONPATH": os.pathsep.join(map(str, folders)),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def builds(self) -> BuildBench:
        """What the product's builder is run with."""
        return BuildBench(
            workshop=self.workshop, provisioned=self.provisioned, work=self.work, quick=self.quick
        )
