"""The Python that everything is built from."""

from __future__ import annotations

import sys
from pathlib import Path

WANTED = (3, 11)


def base_python() -> Path:
    """The real interpreter behind this process: no virtual environment, no symbolic link."""
    executable = getattr(sys, "_base_executable", None) or sys.executable
    return Path(executable).resolve()


def base_folder() -> Path:
    """The folder that the interpreter and its standard library lie in (a pod needs it all)."""
    return Path(sys.base_prefix).resolve()


def version_problem(version: tuple[int, int]) -> str | None:
    """Words for the user if this Python is not the one that the lock was made for."""
    if version == WANTED:
        return None
    return (
        f"Python {version[0]}.{version[1]} runs this; the environments are locked for "
        f"{WANTED[0]}.{WANTED[1]}: install python3.11 (Debian 12 has it as python3)"
    )
