"""This machine and the versions of what is measured on it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from modelservice_harness.layout import Layout

#: A load average above this is said, since it makes every figure worse.
BUSY = 0.7
_GIB = 1024 * 1024


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, memory, kernel, and how busy it is just now."""
    return {
        "cpu": found(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text()),
        "cores": len(os.sched_getaffinity(0)),
        "memoryGiB": round(
            int(found(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())) / _GIB, 1
        ),
        "kernel": platform.release(),
        "loadAverageBefore": round(os.getloadavg()[0], 2),
    }


def project_versions(layout: Layout) -> dict[str, str]:
    """Of the project and of this Python."""
    return {
        "modelservice-operator": layout.version(),
        "commit": _commit(layout.repository),
        "python": platform.python_version(),
    }


def environment_versions(environment: Path, packages: Sequence[str]) -> dict[str, str]:
    """Of ``packages`` (as their ``dist-info`` spells them) in an environment of the harness."""
    folders = (path.name for path in environment.glob("lib/*/site-packages/*"))
    return package_versions(folders, packages)


def package_versions(folders: Iterable[str], packages: Sequence[str]) -> dict[str, str]:
    """Of the packages that count, from the names of their ``dist-info`` folders."""
    pattern = re.compile(rf"^({'|'.join(packages)})-(.+)\.dist-info$")
    matches = [match for folder in folders if (match := pattern.match(folder))]
    return {match[1].replace("_", "-"): match[2] for match in sorted(matches, key=lambda m: m[1])}


def found(pattern: str, text: str) -> str:
    """The first group of the first match, in any line; empty without one."""
    match = re.search(pattern, text, re.MULTILINE)
    return match[1].strip() if match else ""


def _commit(repository: Path) -> str:
    commit = _git(repository, "rev-parse", "--short", "HEAD")
    return f"{commit} and changes" if _git(repository, "status", "--porcelain") else commit


def _git(repository: Path, *args: str) -> str:
    done = subprocess.run(  # noqa: S603 - git, our own words
        ["git", "-C", str(repository), *args],  # noqa: S607 - the user's git
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()
