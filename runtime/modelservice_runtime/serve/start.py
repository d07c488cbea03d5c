r"""The start wrapper of the Triton container: lays the repository out, then becomes Triton.

    python -m modelservice_runtime.serve.start --artifact DIR --config FILE --repository DIR \
        --model NAME [--admin-key-file FILE] [-- more tritonserver flags]

An init container does not run again when a container restarts, this does: what the ConfigMap
says now is what Triton starts with.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from modelservice_runtime.contract import exit_codes

from .flags import PROGRAM, Endpoint, ServerPlan, command
from .layout import LayoutError, lay_out
from .shared_memory import region_prefix, remove_regions
from .termination import add_message_file, say_why

#: A waiting thread that spins would eat the CPU limit of the pod.
ENVIRONMENT_DEFAULTS = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Become Triton; returns (an exit code) only if that cannot be."""
    options = _parser().parse_args(arguments)
    try:
        words = prepare(
            options.artifact,
            options.config,
            options.repository,
            options.model,
            admin_key(options.admin_key_file),
        )
    except LayoutError as error:
        say_why(str(error), options.message_file)
        return exit_codes.USER_ERROR
    except OSError as error:
        say_why(f"Triton's repository cannot be laid out: {error}", options.message_file)
        return exit_codes.INFRASTRUCTURE
    return _become(command(words, options.flags), options.message_file)


def prepare(artifact: Path, config: Path, repository: Path, model: str, key: str) -> ServerPlan:
    """Lay the repository out and say how Triton is to be started; ``key``: of the closed APIs.

    Raises:
        LayoutError: the artifact or the configuration does not fit.
        OSError: the configuration cannot be read, or the repository cannot be written.
    """
    lay_out(artifact, config.read_text(), repository, model)
    prefix = region_prefix(repository, model)
    remove_regions(prefix)
    return ServerPlan(
        repository=repository,
        model=model,
        endpoint=Endpoint(),
        admin_key=key,
        shared_memory_prefix=prefix,
    )


def admin_key(file: Path | None) -> str:
    """What ``file`` holds; without it a key that is told to nobody: the APIs are closed to all."""
    try:
        key = file.read_text().strip() if file is not None else ""
    except OSError:
        key = ""  # its Secret is gone: the pod serves all the same, and is replaced, not reloaded
    return key or secrets.token_urlsafe(24)


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Triton's environment: ours, with defaults for the thread pools of its libraries."""
    return {**ENVIRONMENT_DEFAULTS, **environment}


def _become(words: Sequence[str], message_file: Path) -> int:
    try:
        os.execvpe(PROGRAM, list(words), child_environment(os.environ))  # noqa: S606 - no shell wanted
    except OSError as error:
        say_why(f"{PROGRAM} cannot be started: {error}; is it in the image?", message_file)
    return exit_codes.INFRASTRUCTURE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m modelservice_runtime.serve.start", description=__doc__
    )
    parser.add_argument("--artifact", required=True, type=Path, help="the fetched artifact")
    parser.add_argument("--config", required=True, type=Path, help="the config.pbtxt to serve with")
    parser.add_argument("--repository", required=True, type=Path, help="folder for Triton")
    parser.add_argument("--model", required=True, help="name of the model")
    parser.add_argument(
        "--admin-key-file", type=Path, help="key of the closed APIs, if there is one"
    )
    add_message_file(parser)
    parser.add_argument("flags", nargs="*", help="after --: more flags for tritonserver")
    return parser


if __name__ == "__main__":
    sys.exit(main())
