"""The tune Job: ``MODELSERVICE_JOB`` in, a TuneResult as the termination message out."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType

from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.codec import ContractError, dumps, loads
from modelservice_runtime.contract.requests import JOB_VARIABLE, TuneRequest
from modelservice_runtime.contract.results import (
    FAILED,
    MAX_RESULT_BYTES,
    SUCCEEDED,
    TERMINATION_MESSAGE_PATH,
    TuneResult,
)
from modelservice_runtime.serve.layout import LayoutError
from modelservice_runtime.serve.samples import SamplesUnreadable, read_samples
from modelservice_runtime.store.errors import ArtifactDamaged, NotInStore, StoreError
from modelservice_runtime.store.fetching import fetch_artifact

from . import errors
from .cores import quiet_cores
from .deadline import Deadline
from .progress import say
from .tuning import Inputs, Tuned, tune

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Tune once; the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        request = loads(TuneRequest, os.environ.get(JOB_VARIABLE, ""))
    except ContractError as error:
        sys.stderr.write(f"{JOB_VARIABLE}: {error}\n")
        return errors.CRASHED
    result, code = _answer(request, options.scratch)
    text = shortened(result)
    sys.stderr.write(f"{result.reason}: {result.message}\n")
    try:
        options.result_file.write_bytes(text)
    except OSError as error:
        sys.stderr.write(f"{options.result_file}: {error}\n")
        return errors.CRASHED
    return code


def _answer(request: TuneRequest, scratch: Path | None) -> tuple[TuneResult, int]:
    base = TuneResult(
        key=request.tuning_key, attempt=request.attempt, outcome=FAILED, reason="", message=""
    )
    try:
        with tempfile.TemporaryDirectory(dir=scratch, prefix="tune-") as folder:
            tuned = _tune(request, Path(folder))
    except errors.TuneError as error:
        return replace(base, reason=error.reason, message=error.message), error.exit_code
    except OSError as error:
        words = f"the pod's scratch folder cannot be used: {error}"
        failed = replace(base, reason=errors.SCRATCH_UNUSABLE, message=words)
        return failed, exit_codes.INFRASTRUCTURE
    reason = errors.MEASURED if tuned.profile.objective_met else errors.OBJECTIVE_MISSED
    done = replace(
        base, outcome=SUCCEEDED, reason=reason, message=tuned.words, profile=tuned.profile
    )
    return done, exit_codes.OK


def _tune(request: TuneRequest, scratch: Path) -> Tuned:
    deadline = Deadline.after(request.duration_seconds, time.monotonic())
    say("fetching", 0.01, f"artifact {request.artifact_digest[:19]}")
    artifact = scratch / "artifact"
    try:
        manifest = fetch_artifact(request.artifact_uri, request.artifact_digest, artifact)
        samples = read_samples(artifact)
    except (ArtifactDamaged, NotInStore) as error:
        raise errors.UserError(errors.ARTIFACT_DAMAGED, str(error)) from error
    except StoreError as error:
        raise errors.Infrastructure(errors.STORE_UNAVAILABLE, str(error)) from error
    except SamplesUnreadable as error:
        raise errors.UserError(errors.SAMPLE_INPUTS_INVALID, str(error)) from error
    inputs = Inputs(
        request=request,
        manifest=manifest,
        samples=samples,
        artifact=artifact,
        scratch=scratch,
        cores=quiet_cores(request.cpu),
        deadline=deadline,
    )
    try:
        return tune(inputs)
    except LayoutError as error:
        raise errors.UserError(errors.ARTIFACT_DAMAGED, str(error)) from error


def shortened(result: TuneResult) -> bytes:
    """The result's JSON, its message cut until it fits into a termination message."""
    text = dumps(result).encode()
    while len(text) > MAX_RESULT_BYTES and result.message:
        result = replace(result, message=result.message[: len(result.message) * 3 // 4])
        text = dumps(result).encode()
    return text


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise errors.Interrupted(errors.INTERRUPTED, "the pod was told to go")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m modelservice_runtime.tuner",
        description=f"Tunes the artifact that the environment variable {JOB_VARIABLE} names.",
    )
    parser.add_argument(
        "--result-file",
        type=Path,
        default=Path(TERMINATION_MESSAGE_PATH),
        help="where the result goes (default: %(default)s)",
    )
    parser.add_argument("--scratch", type=Path, help="folder for work (default: $TMPDIR)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
