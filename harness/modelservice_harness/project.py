"""The project itself as pods see it: its wheel, unpacked under the digest of its sources."""

from __future__ import annotations

import configparser
import zipfile
from pathlib import Path

from .digests import digest_of_files
from .errors import CommandFailed
from .interpreter import base_python
from .layout import Layout
from .workshop import Workshop

_SOURCES = ("operator", "runtime", "pyproject.toml")
_SCRIPT = """#!/bin/sh
exec python -c 'import sys; from {module} import {function}; sys.exit({function}())' "$@"
"""


def ensure_project(workshop: Workshop, uv: Path) -> Path:
    """Folder with ``site/`` (for PYTHONPATH) and ``bin/`` (the entry points, for PATH)."""
    place = workshop.layout.projects / project_digest(workshop.layout)

    def build(folder: Path, lock: int) -> None:
        command = [str(uv), "build", "--wheel", "--quiet", "--out-dir", str(folder / "dist")]
        extra = {"UV_PYTHON": str(base_python()), "UV_PYTHON_DOWNLOADS": "never"}
        workshop.run("wheel of the project", command, keep=lock, extra=extra)
        unpack_wheel(next((folder / "dist").glob("*.whl")), folder)
        # Pods see the folder read-only and could not write their bytecode.
        compiled = [str(base_python()), "-m", "compileall", "-q", str(folder / "site")]
        workshop.run("bytecode of the project", compiled, keep=lock)

    return workshop.ensure(place, "wheel of the project", build)


def project_digest(layout: Layout) -> str:
    """Digest of everything that the wheel is made of."""
    return digest_of_files(layout.repository, [layout.repository / name for name in _SOURCES])


def unpack_wheel(wheel: Path, folder: Path) -> None:
    """Write ``site/`` and ``bin/`` from a pure-Python wheel.

    Raises:
        CommandFailed: it is no wheel.
    """
    site = folder / "site"
    try:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
    except zipfile.BadZipFile as error:
        raise CommandFailed(f"{wheel} is not a wheel: {error}") from error
    (folder / "bin").mkdir(exist_ok=True)
    for listing in site.glob("*.dist-info/entry_points.txt"):
        _write_scripts(listing.read_text(), folder / "bin")


def _write_scripts(entry_points: str, folder: Path) -> None:
    parser = configparser.ConfigParser(delimiters=("=",))
    parser.read_string(entry_points)
    if not parser.has_section("console_scripts"):
        return
    for name, target in parser.items("console_scripts"):
        module, _, function = target.partition(":")
        script = folder / name
        script.write_text(_SCRIPT.format(module=module.strip(), function=function.strip()))
        script.chmod(0o755)
