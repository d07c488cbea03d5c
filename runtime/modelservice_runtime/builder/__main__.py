"""Composition of the build: in a Job, or on the machine of whoever made the model.

In a Job the environment variable ``MODELSERVICE_JOB`` holds the request (contract
``BuildRequest``) as JSON; progress goes to standard output as JSON lines, the result to the
termination message. With a ModelService file as argument everything is read from that file, and
the artifact and its report are written to ``--out``:

    python -m modelservice_runtime.builder SERVICE.yaml --out build/ [--claims DIR] [--open]
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn, TextIO

from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.codec import ContractError, loads
from modelservice_runtime.contract.requests import (
    JOB_VARIABLE,
    PYTORCH,
    SOURCE_KINDS,
    BuildRequest,
    SourceRequest,
)
from modelservice_runtime.contract.results import TERMINATION_MESSAGE_PATH, BuildResult
from modelservice_runtime.contract.short_results import fitting

from . import building, command, hardware, results
from .deadline import Deadline
from .errors import INTERNAL_ERROR, INTERRUPTED, REQUEST_INVALID, BuildError, Interrupted
from .pickles import torch_environment
from .producing import Share
from .progress import Course, JsonLines, Sayer, Terminal
from .scratch import Scratch
from .source import fetch_source
from .stages import Build
from .worker import Limits, stop_all

_log = logging.getLogger("modelservice_runtime.builder")
_CHATTY = ("aiobotocore", "botocore", "fsspec", "s3fs", "asyncio")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; the exit code (contract ``exit_codes``)."""
    options = _parser().parse_args(arguments)
    _set_up_logging()
    signal.signal(signal.SIGTERM, _interrupt)
    with tempfile.TemporaryDirectory(
        prefix="build-", dir=options.scratch, ignore_cleanup_errors=True
    ) as folder:
        if options.source_digest:
            return _print_source_digest(options.source_digest, Path(folder))
        if options.service:
            signal.signal(signal.SIGINT, _interrupt)
            return _build_here(options, Path(folder))
        return _run_job(os.environ, options, Path(folder))


def _run_job(environment: Mapping[str, str], options: argparse.Namespace, folder: Path) -> int:
    share = share_of(environment)
    say = JsonLines(stream=sys.stdout, course=Course(clock=time.monotonic))
    result, code = _attempt(lambda: read_request(environment), share, options, folder, say)
    if share.index > 0:
        # Whatever is wrong, the first pod meets it as well, and its words count.
        _log.info("pod %d is done: %s", share.index, result.message)
        return exit_codes.OK
    _report(result, options.result_file)
    return code


def _build_here(options: argparse.Namespace, folder: Path) -> int:
    options.out.mkdir(parents=True, exist_ok=True)
    terminal = sys.stderr if options.verbose else _log_to(options.out / command.LOG)
    requests: list[BuildRequest] = []

    def request() -> BuildRequest:
        requests.append(command.read_request(options.service, options.out, options.claims))
        return requests[0]

    say = Terminal(stream=terminal, course=Course(clock=time.monotonic))
    result, code = _attempt(request, Share(), options, folder, say)
    command.show(result, requests, options.out, browse=options.open)
    return code


def _log_to(path: Path) -> TextIO:
    """Let everything that goes to standard error, also of other processes, go to a file.

    Returns the terminal that it went to before.
    """
    terminal = os.fdopen(os.dup(sys.stderr.fileno()), "w")
    with path.open("w") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
    return terminal


def share_of(environment: Mapping[str, str]) -> Share:
    """Which pod of an Indexed Job this is; the only one elsewhere."""
    return Share(index=int(environment.get(exit_codes.INDEX_VARIABLE) or 0))


def _attempt(
    read: Callable[[], BuildRequest],
    share: Share,
    options: argparse.Namespace,
    folder: Path,
    say: Sayer,
) -> tuple[BuildResult, int]:
    """The end of the build as a result and an exit code, whatever happens."""
    key, attempt = "", 0
    try:
        request = read()
        key, attempt = request.build_key, request.attempt
        build = _build(request, options.memory_limit, folder, say)
        share = dataclasses.replace(
            share, build=f"{key}/{attempt}", count=request.optimization.parallelism
        )
        if share.index > 0:
            building.help_out(build, share)
            return results.helped(key, attempt), exit_codes.OK
        return building.run(build, share), exit_codes.OK
    except BuildError as error:
        _log.exception("the build ended: %s", error.reason)
        return results.failed(key, attempt, error), error.exit_code
    except Exception as error:  # noqa: BLE001 - the process boundary: every end has a result
        _log.exception("the build crashed")
        crash = BuildError(INTERNAL_ERROR, f"the builder crashed: {type(error).__name__}: {error}")
        return results.failed(key, attempt, crash), crash.exit_code


def read_request(environment: Mapping[str, str]) -> BuildRequest:
    """The request in the environment.

    Raises:
        BuildError: it is missing, or not what the contract says.
    """
    try:
        request = loads(BuildRequest, environment.get(JOB_VARIABLE, ""))
    except ContractError as error:
        raise BuildError(REQUEST_INVALID, f"{JOB_VARIABLE}: {error}") from error
    if request.source.kind not in SOURCE_KINDS:
        raise BuildError(REQUEST_INVALID, f"unknown kind of source {request.source.kind!r}")
    return request


def _build(request: BuildRequest, memory_limit: int, folder: Path, say: Sayer) -> Build:
    scratch = Scratch(root=folder)
    return Build(
        request=request,
        scratch=scratch,
        environment=scratch.environment(os.environ) | torch_environment(request.source),
        limits=Limits(memory_bytes=memory_limit or hardware.read_memory_limit()),
        deadline=Deadline.after(request.duration_seconds, time.monotonic()),
        clock=time.monotonic,
        say=say,
    )


def _report(result: BuildResult, path: Path) -> None:
    text = fitting(result)
    try:
        path.write_text(text)
    except OSError as error:
        # The operator then runs the Job again, and a published artifact is found.
        _log.error("the result cannot be written to %s: %s", path, error)
    _log.info("result: %s", text)


def _print_source_digest(uri: str, folder: Path) -> int:
    try:
        digest = fetch_source(SourceRequest(kind=PYTORCH, uri=uri), folder / "source")
    except BuildError as error:
        _log.error("%s: %s", error.reason, error.message)
        return error.exit_code
    print(digest)  # noqa: T201 - the answer of this option
    return exit_codes.OK


def _interrupt(signal_number: int, frame: FrameType | None) -> NoReturn:
    del signal_number, frame
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    stop_all()
    raise Interrupted(INTERRUPTED, "the build was told to stop; nothing was published")


def _set_up_logging() -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m modelservice_runtime.builder",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "service", nargs="?", type=Path, help="YAML file with a ModelService: build it here"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("build"),
        help="folder for the artifact and its report (default: %(default)s)",
    )
    parser.add_argument(
        "--claims",
        type=Path,
        default=Path(),
        help="folder with a folder for each claim of pvc:// addresses (default: this one)",
    )
    parser.add_argument("--open", action="store_true", help="open the report in the browser")
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="the log of every process to the terminal, not to build.log",
    )
    parser.add_argument(
        "--scratch", type=Path, help="folder for everything that is written (default: $TMPDIR)"
    )
    parser.add_argument(
        "--result-file",
        type=Path,
        default=Path(TERMINATION_MESSAGE_PATH),
        help="where a Job's result goes (default: %(default)s)",
    )
    parser.add_argument(
        "--memory-limit",
        type=int,
        default=0,
        metavar="BYTES",
        help="limit for all processes together (default: the container's own)",
    )
    parser.add_argument(
        "--source-digest",
        metavar="URI",
        help="only print the digest of the source at URI, for the field digest",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
