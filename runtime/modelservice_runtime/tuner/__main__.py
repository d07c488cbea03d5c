"""Tunes: as a Job, or the model of any Triton that runs.

As a Job: ``MODELSERVICE_JOB`` in, a TuneResult as the termination message out. With ``--url``: a
table and, where wanted, a report.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path

from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.codec import ContractError, loads
from modelservice_runtime.contract.requests import JOB_VARIABLE, TuneRequest
from modelservice_runtime.contract.results import TERMINATION_MESSAGE_PATH, TuneResult

from . import errors
from .deadline import Deadline
from .interrupts import Interrupts
from .options import add_arguments

#: Where numba keeps what it compiled, unless the variable says it: the root may be read-only.
CACHE_VARIABLE = "NUMBA_CACHE_DIR"
CACHE_FOLDER = "modelservice-tuner-compiled"

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Tune once; the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    _choose_cache(os.environ, options.scratch)
    if options.url is None:
        return _job(options)
    for name in ("model", "goal_ms"):
        if getattr(options, name) is None:
            parser.error(f"--url needs --{name.replace('_', '-')} too")
    return _command(options)


def _choose_cache(environment: MutableMapping[str, str], scratch: Path | None) -> None:
    """Before anything imports numba, which reads it once."""
    folder = scratch or Path(tempfile.gettempdir())
    environment.setdefault(CACHE_VARIABLE, str(folder / f"{CACHE_FOLDER}-{os.getuid()}"))


def _command(options: argparse.Namespace) -> int:
    # numba and optuna take a second that ``--help`` does not need.
    from . import command  # noqa: PLC0415

    interrupts = Interrupts()
    try:
        with tempfile.TemporaryDirectory(dir=options.scratch, prefix="tune-") as folder:
            found = command.run(options, Path(folder), interrupts)
        interrupts.silence()
        if options.json is not None:
            command.write(found, options.json)
        if options.report is not None:
            command.report(found, options.report, f"Tuning of {options.model} at {options.url}")
    except errors.TuneError as error:
        interrupts.silence()
        sys.stderr.write(f"{error.reason}: {error.message}\n")
        return error.exit_code
    sys.stdout.write(command.words(found, options) + "\n")
    return exit_codes.OK


def _job(options: argparse.Namespace) -> int:
    from . import results  # noqa: PLC0415 - as above

    try:
        request = loads(TuneRequest, os.environ.get(JOB_VARIABLE, ""))
    except ContractError as error:
        sys.stderr.write(f"{errors.REQUEST_INVALID}: {JOB_VARIABLE}: {error}\n")
        return errors.CRASHED
    result, code = _answer(request, os.environ, options.scratch)
    sys.stderr.write(f"{result.reason}: {result.message}\n")
    try:
        options.result_file.write_text(results.to_text(result))
    except OSError as error:
        # The operator then runs the Job again.
        sys.stderr.write(f"the result cannot be written to {options.result_file}: {error}\n")
        return errors.CRASHED
    return code


def _answer(
    request: TuneRequest, environment: Mapping[str, str], scratch: Path | None
) -> tuple[TuneResult, int]:
    now = time.monotonic()
    deadline, interrupts = Deadline.after(request.duration_seconds, now), Interrupts()
    interrupts.install(deadline.alarm(now))
    from . import results  # noqa: PLC0415 - as above
    from .job import tune  # noqa: PLC0415

    try:
        with tempfile.TemporaryDirectory(dir=scratch, prefix="tune-") as folder:
            done = tune(request, Path(folder), environment, deadline, interrupts)
        interrupts.silence()
        return results.succeeded(request, done.tuned, done.profile), exit_codes.OK
    except errors.TuneError as error:
        failure = error
    except OSError as error:
        words = f"the pod's scratch folder cannot be used: {error}"
        failure = errors.Infrastructure(errors.SCRATCH_UNUSABLE, words)
    except Exception as error:  # noqa: BLE001 - the process boundary: every end has a result
        _log.exception("the tuning crashed")
        words = f"the tuner crashed: {type(error).__name__}: {error}"
        failure = errors.TuneError(errors.INTERNAL_ERROR, words)
    interrupts.silence()
    return results.failed(request, failure), failure.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m modelservice_runtime.tuner",
        description=(
            "Finds instances, threads, batch size and queue delay with which a model in Triton"
            " carries most within a latency goal. With --url: of a Triton that runs. Without:"
            f" of the artifact that the environment variable {JOB_VARIABLE} names."
        ),
    )
    parser.add_argument(
        "--result-file",
        type=Path,
        default=Path(TERMINATION_MESSAGE_PATH),
        help="where a Job's result goes (default: %(default)s)",
    )
    parser.add_argument("--scratch", type=Path, help="folder for work (default: $TMPDIR)")
    add_arguments(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
