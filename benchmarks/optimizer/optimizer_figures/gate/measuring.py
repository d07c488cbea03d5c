"""O2, measured: ``inside`` is run in the builder's environment. Runs in the harness' Python."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

from bench_figures.rows import Figures

from optimizer_figures import child
from optimizer_figures.bench import Bench

from .figures import figures
from .findings import Finding, Precision

ENVIRONMENT = "builder-test"
_SEEDS, _QUICK_SEEDS, _QUICK_SHARE = 40, 4, 0.1


def measure(bench: Bench) -> Iterator[Figures]:
    """All of O2 at once.

    Raises:
        CommandFailed: the measuring broke off.
    """
    repository = bench.workshop.layout.repository
    work = {
        "work": str(bench.work),
        "repository": str(repository),
        "seeds": _QUICK_SEEDS if bench.quick else _SEEDS,
        "share": _QUICK_SHARE if bench.quick else 1.0,
        "processes": min(2, len(os.sched_getaffinity(0))),
    }
    module = "optimizer_figures.gate.inside"
    words = [bench.python(ENVIRONMENT), "-W", "ignore", "-m", module, json.dumps(work)]
    findings: list[Finding] = []
    for found in child.lines(words, bench.variables(repository)):
        if "progress" in found:
            bench.workshop.console.say(f"  {found['progress']}")
        elif "finding" in found:
            findings.append(Finding.decode(found["finding"]))
        elif "precision" in found:
            precision = Precision.decode(found["precision"])
    yield figures(sorted(findings, key=lambda item: item.kind), precision)
