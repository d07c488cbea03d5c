"""What a process of ours must not import, report or print."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

#: Reports each conversion and quantization to its maker, unless somebody opted out before.
#: OpenVINO and NNCF both do without it where it cannot be imported.
TELEMETRY = "openvino_telemetry"


def forbid_telemetry() -> None:
    """No library in this process can report anything: the package that does is not importable.

    First thing in a process. An opt-out file would have to lie in a home that may not exist.
    """
    leave_out(TELEMETRY)


def leave_out(package: str) -> None:
    """Make ``import package`` fail here, as if it were not installed.

    NNCF imports torch and TensorFlow only to ask whether a model is one of theirs, which costs
    half a gigabyte. Without effect if it was imported before.
    """
    sys.modules.setdefault(package, None)  # type: ignore[arg-type]  # Python's own "no"


@contextmanager
def nothing_printed() -> Iterator[None]:
    """Progress bars and tables of libraries do not go into the Job's log."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # noqa: PTH123 - a device
        yield


def no_advice() -> None:
    """Warnings that libraries give to their caller, on the root logger, stay unsaid."""
    logging.getLogger().setLevel(logging.ERROR)
