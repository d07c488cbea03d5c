"""A build, started: ``python -m modelservice_runtime.builder`` on a number of cores.

    python -m optimizer_figures.builds.launch SERVICE.yaml --out DIR --claims DIR \
        --scratch DIR --cores N [--seconds S]

Runs in the builder's environment. The builder takes as many workers as it has cores, so the cores
decide. With ``--seconds`` it runs as a Job does, which may be given any time (a ModelService at
least a minute), and ``<out>/result.json`` holds the Job's result.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from pathlib import Path

from modelservice_runtime.builder import command
from modelservice_runtime.builder.__main__ import main as build
from modelservice_runtime.contract.codec import dumps, loads
from modelservice_runtime.contract.requests import JOB_VARIABLE
from modelservice_runtime.contract.results import SUCCEEDED, BuildResult

RESULT = "result.json"


def main() -> int:
    """Build; the builder's exit code."""
    options = _parser().parse_args()
    use_cores(options.cores)
    options.out.mkdir(parents=True, exist_ok=True)
    options.scratch.mkdir(parents=True, exist_ok=True)
    if options.seconds:
        return _as_a_job(options)
    words = [str(options.service), "--out", str(options.out), "--claims", str(options.claims)]
    return build([*words, "--scratch", str(options.scratch)])


def use_cores(cores: int) -> None:
    """This process and all that it starts, on the first ``cores`` that it may use."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def _as_a_job(options: argparse.Namespace) -> int:
    request = command.read_request(options.service, options.out, options.claims)
    request = dataclasses.replace(request, duration_seconds=options.seconds)
    os.environ[JOB_VARIABLE] = dumps(request)
    path = options.out / RESULT
    code = build(["--result-file", str(path), "--scratch", str(options.scratch)])
    result = loads(BuildResult, path.read_text())
    if result.outcome == SUCCEEDED:
        command.show(result, [request], options.out, browse=False)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("service", type=Path)
    for name in ("--out", "--claims", "--scratch"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--cores", type=int, required=True)
    parser.add_argument("--seconds", type=int, default=0)
    return parser


if __name__ == "__main__":
    sys.exit(main())
