"""Composition of the build Job: environment → build → termination message and exit code.

``MODELSERVICE_JOB`` holds the request (contract ``BuildRequest``) as JSON. Progress goes to
standard output as JSON lines, everything else to standard error.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.codec import ContractError, loads
from modelservice_runtime.contract.requests import JOB_VARIABLE, BuildRequest, SourceRequest
from modelservice_runtime.contract.results import TERMINATION_MESSAGE_PATH, BuildResult

from . import building, hardware, results
from .deadline import Deadline
from .errors import INTERNAL_ERROR, INTERRUPTED, REQUEST_INVALID, BuildError, Interrupted
from .scratch import Scratch
from .source import ONNX, PYTORCH, fetch_source
from .stages import Build
from .worker import Limits

_log = logging.getLogger("modelservice_runtime.builder")
_CHATTY = ("aiobotocore", "botocore", "fsspec", "s3fs", "asyncio")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the Job; the exit code (contract ``exit_codes``)."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, _interrupt)
    with tempfile.TemporaryDirectory(
        prefix="build-", dir=options.scratch, ignore_cleanup_errors=True
    ) as folder:
        if options.source_digest:
            return _print_source_digest(options.source_digest, Path(folder))
        result, code = _attempt(os.environ, Path(folder), options.memory_limit)
    _report(result, options.result_file)
    return code


def _attempt(
    environment: Mapping[str, str], folder: Path, memory_limit: int
) -> tuple[BuildResult, int]:
    """The end of the build as a result and an exit code, whatever happens."""
    key, attempt = "", 0
    try:
        request = read_request(environment)
        key, attempt = request.build_key, request.attempt
        return building.run(_build(request, environment, folder, memory_limit)), exit_codes.OK
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
    if request.source.kind not in {PYTORCH, ONNX}:
        raise BuildError(REQUEST_INVALID, f"unknown kind of source {request.source.kind!r}")
    return request


def _build(
    request: BuildRequest, environment: Mapping[str, str], folder: Path, memory_limit: int
) -> Build:
    scratch = Scratch(root=folder)
    return Build(
        request=request,
        scratch=scratch,
        environment=scratch.environment(environment),
        limits=Limits(memory_bytes=memory_limit or hardware.read_memory_limit()),
        deadline=Deadline.after(request.duration_seconds, time.monotonic()),
        clock=time.monotonic,
    )


def _report(result: BuildResult, path: Path) -> None:
    text = results.to_text(result)
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
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Interrupted(INTERRUPTED, "the build was told to stop (SIGTERM); nothing was published")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m modelservice_runtime.builder", description=__doc__
    )
    parser.add_argument(
        "--scratch", type=Path, help="folder for everything that is written (default: $TMPDIR)"
    )
    parser.add_argument(
        "--result-file",
        type=Path,
        default=Path(TERMINATION_MESSAGE_PATH),
        help="where the result goes (default: %(default)s)",
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
