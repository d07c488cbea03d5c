"""This machine and the versions of what is measured on it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from modelservice_harness.layout import Layout

_PACKAGES = ("nvidia_pytriton", "onnxruntime", "tritonclient")
_GIB = 1024 * 1024


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, memory, kernel, and how busy it is just now."""
    return {
        "cpu": _found(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text()),
        "cores": len(os.sched_getaffinity(0)),
        "memoryGiB": round(
            int(_found(r"^MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())) / _GIB, 1
        ),
        "kernel": platform.release(),
        "loadAverageBefore": round(os.getloadavg()[0], 2),
    }


def versions(layout: Layout, serving: Path | None) -> dict[str, str]:
    """Versions of the project and of what it runs on. ``serving``: that environment, if made."""
    go_modules = (layout.repository / "localcluster" / "go.mod").read_text()
    found = {
        "modelservice-operator": layout.version(),
        "commit": _commit(layout.repository),
        "python": platform.python_version(),
        "kubernetes": _found(r"^\s*k8s\.io/kubernetes v(\S+)$", go_modules),
    }
    if serving is not None:
        found |= package_versions(path.name for path in serving.glob("lib/*/site-packages/*"))
    return found


def package_versions(folders: Iterable[str]) -> dict[str, str]:
    """Of the packages that count, from the names of their ``dist-info`` folders."""
    pattern = re.compile(rf"^({'|'.join(_PACKAGES)})-(.+)\.dist-info$")
    matches = [match for folder in folders if (match := pattern.match(folder))]
    return {match[1].replace("_", "-"): match[2] for match in sorted(matches, key=lambda m: m[1])}


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


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    return match[1].strip() if match else ""
