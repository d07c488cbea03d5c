"""The last words of a container: to standard error, and to where Kubernetes picks them up."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from modelservice_runtime.contract.results import MAX_RESULT_BYTES, TERMINATION_MESSAGE_PATH


def say_why(message: str, path: Path = Path(TERMINATION_MESSAGE_PATH)) -> None:
    """Say why this container ends.

    ``message``: words for the user, cut to what Kubernetes keeps (4 KiB).
    """
    sys.stderr.write(f"{message}\n")
    if path == Path(TERMINATION_MESSAGE_PATH) and not path.exists():
        return  # not in a pod
    try:
        path.write_bytes(shortened(message))
    except OSError as error:
        sys.stderr.write(f"{path} cannot be written: {error}\n")


def shortened(message: str) -> bytes:
    """UTF-8 of at most ``MAX_RESULT_BYTES`` bytes, no character cut in two."""
    return message.encode()[:MAX_RESULT_BYTES].decode(errors="ignore").encode()


def add_message_file(parser: argparse.ArgumentParser) -> None:
    """The option for where the last words go."""
    parser.add_argument(
        "--message-file",
        type=Path,
        default=Path(TERMINATION_MESSAGE_PATH),
        help="where the reason of a failure goes (default: %(default)s)",
    )
