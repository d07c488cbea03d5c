"""uv, the one tool that makes all Python environments, got with what a bare Python has.

Three ways, the first that works: a virtual environment with its own pip; the machine's pip;
Debian's pip wheel, fetched without installing it (python3-venv is a package of its own there).
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from .errors import CommandFailed, MissingNeeds
from .processes import capture
from .workshop import Workshop

UV_VERSION = "0.13.9"
_PIP_FLAGS = ("--disable-pip-version-check", "--no-deps", "--no-input", "--quiet")


def ensure_uv(workshop: Workshop) -> Path:
    """The pinned uv program.

    Raises:
        MissingNeeds: there is no pip in any form.
        CommandFailed: the package index did not give it.
    """
    place = workshop.layout.tools / f"uv-{UV_VERSION}"
    workshop.ensure(
        place, f"uv {UV_VERSION}", lambda folder, lock: _install(workshop, folder, lock)
    )
    return place / "bin" / "uv"


def _install(workshop: Workshop, folder: Path, lock: int) -> None:
    pip = _pip_command(workshop, folder, lock)
    target = folder / "site"
    command = [*pip, "install", *_PIP_FLAGS, "--target", str(target), f"uv=={UV_VERSION}"]
    workshop.run("pip install uv", command, keep=lock)
    (folder / "bin").mkdir()
    (folder / "bin" / "uv").symlink_to(target / "bin" / "uv")


def _pip_command(workshop: Workshop, folder: Path, lock: int) -> list[str]:
    if importlib.util.find_spec("ensurepip") is not None and _has_bundled_pip():
        workshop.run(
            "python -m venv", [sys.executable, "-m", "venv", str(folder / "venv")], keep=lock
        )
        return [str(folder / "venv" / "bin" / "python"), "-m", "pip"]
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    return [sys.executable, str(_debian_pip_wheel(workshop, folder)) + "/pip"]


def _has_bundled_pip() -> bool:
    """Debian's python3 has the module ensurepip and refuses to use it without python3-venv."""
    done = subprocess.run(
        [sys.executable, "-m", "ensurepip", "--version"], capture_output=True, check=False
    )
    return done.returncode == 0


def _debian_pip_wheel(workshop: Workshop, folder: Path) -> Path:
    try:
        capture(["apt-get", "download", "python3-pip-whl"], env=workshop.environ, cwd=folder)
        for package in folder.glob("*.deb"):
            capture(["dpkg-deb", "-x", str(package), str(folder)], env=workshop.environ)
        return next((folder / "usr/share/python-wheels").glob("pip-*.whl"))
    except (CommandFailed, StopIteration) as error:
        raise MissingNeeds(
            "this Python has neither venv nor pip: sudo apt-get install python3-venv "
            "(or python3.11-venv), then run it again"
        ) from error
