"""Where things lie: the checkout, and the cache outside it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT = "modelservice-operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Folders of one checkout. ``cache`` is shared by all checkouts of one user."""

    repository: Path
    cache: Path

    @property
    def environments(self) -> Path:
        """Virtual environments, one folder per name and locked package list."""
        return self.cache / "environments"

    @property
    def projects(self) -> Path:
        """Unpacked wheels of the project, one folder per digest of the sources."""
        return self.cache / "projects"

    @property
    def binaries(self) -> Path:
        """Built programs, one folder per digest of their sources."""
        return self.cache / "binaries"

    @property
    def debian(self) -> Path:
        """Unpacked Debian packages."""
        return self.cache / "debian"

    @property
    def tools(self) -> Path:
        """uv, the Go toolchain and what is needed before anything else."""
        return self.cache / "tools"

    @property
    def image_maps(self) -> Path:
        """Maps of image names to environments, one per cluster."""
        return self.cache / "images"

    @property
    def clusters(self) -> Path:
        """The state of the local clusters; one folder per name."""
        return self.cache / "clusters"

    @property
    def logs(self) -> Path:
        """Output of the programs that ran in the background, one file per step."""
        return self.cache / "logs"

    def import_paths(self) -> tuple[Path, ...]:
        """The folders that hold the packages of the checkout."""
        return tuple(
            self.repository / folder for folder in ("operator", "runtime", "harness", "demo")
        )

    def version(self) -> str:
        """The project's version, from pyproject.toml."""
        document = tomllib.loads((self.repository / "pyproject.toml").read_text())
        return str(document["project"]["version"])


def layout_of(environ: Mapping[str, str], repository: Path | None = None) -> Layout:
    """The layout that ``environ`` (XDG_CACHE_HOME, HOME) asks for.

    ``repository`` defaults to the checkout that this file lies in.
    """
    home = environ.get("XDG_CACHE_HOME") or str(
        Path(environ.get("HOME", "~")).expanduser() / ".cache"
    )
    return Layout(
        repository=repository or Path(__file__).resolve().parents[2],
        cache=Path(home).resolve() / PROJECT,
    )
