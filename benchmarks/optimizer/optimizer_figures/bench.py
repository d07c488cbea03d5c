"""What every figure of this benchmark is measured with. Runs in the harness' Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelservice_harness.provision import Provisioned
from modelservice_harness.workshop import Workshop


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """``work``: what is made is kept there; ``quick``: a tenth of it, to see that it runs.

    ``cases``: of the examples' builds, all of them without any; ``picked``: case → the variant that
    the tuning took, where it is known.
    """

    workshop: Workshop
    provisioned: Provisioned
    work: Path
    quick: bool
    cases: tuple[str, ...] = ()
    picked: Mapping[str, str] = field(default_factory=dict)

    def python(self, environment: str) -> str:
        """The interpreter of an environment of the harness."""
        return str(self.provisioned.environments[environment] / "bin" / "python")

    def variables(self, repository: Path) -> Mapping[str, str]:
        """For a module of this benchmark in another environment: one thread, our sources."""
        benchmarks = repository / "benchmarks"
        folders = (repository / "runtime", benchmarks / "optimizer", benchmarks / "common")
        return {
            **self.workshop.environ,
            "PYTHONPATH": ":".join(map(str, folders)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
        }
