"""The images of the local cluster: names as a registry would have them, mapped to folders.

Tags carry the project's version, so the manifests read as in production. What differs between
two states of the sources is the map, not the names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .debian import Program

#: The user that the images run as, as in the Dockerfile.
USER = 65532
_SYSTEM_FOLDERS = ("/usr", "/bin", "/lib", "/lib64", "/etc", "/sbin")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageNames:
    """The images by what they are for. ``prefix``: a registry path ending in ``/``, or empty."""

    version: str
    prefix: str = ""

    def name(self, repository: str) -> str:
        """``modelservice-builder`` → ``<prefix>modelservice-builder:<version>``."""
        return f"{self.prefix}{repository}:{self.version}"

    @property
    def client(self) -> str:
        """The tuner's image: it has tritonclient, tar and a shell."""
        return self.name("modelservice-tuner")

    @property
    def prometheus(self) -> str:
        """Prometheus, local cluster only."""
        return "prometheus:2.42"

    @property
    def s3server(self) -> str:
        """A server that speaks S3 (moto), local cluster only, for tests."""
        return "s3server:5"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFolders:
    """What the images are made of."""

    python: Path
    project: Path
    environments: Mapping[str, Path]
    prometheus: Program


def image_map(names: ImageNames, folders: ImageFolders) -> dict[str, Any]:
    """The document for ``localcluster up --images``; absent environments give no image."""
    sources = {
        "modelservice-operator": "operator",
        "modelservice-builder": "builder",
        "modelservice-builder-keras": "builder-keras",
        "modelservice-serving": "serving",
        "modelservice-tuner": "serving",
    }
    images = {
        names.name(image): _python_image(folders, folders.environments[environment], user=USER)
        for image, environment in sources.items()
        if environment in folders.environments
    }
    if "s3server" in folders.environments:
        images[names.s3server] = _python_image(folders, folders.environments["s3server"], user=USER)
    images[names.prometheus] = _entry(
        path=[folders.prometheus.path.parent], binds=folders.prometheus.folders(), env={}, user=USER
    )
    return {"images": images}


def _python_image(folders: ImageFolders, environment: Path, *, user: int) -> dict[str, Any]:
    return _entry(
        # The programs of harness/triton, where an environment has them, before the wheel's own.
        path=[folders.project / "bin", environment / "triton" / "bin", environment / "bin"],
        binds=[environment, folders.project, folders.python],
        env={
            "PYTHONPATH": str(folders.project / "site"),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        user=user,
    )


def _entry(
    *, path: Sequence[Path], binds: Sequence[Path], env: Mapping[str, str], user: int
) -> dict[str, Any]:
    return {
        "path": [str(folder) for folder in path],
        "env": dict(env),
        "binds": sorted({str(folder) for folder in binds if not _is_system(folder)}),
        "user": user,
    }


def _is_system(folder: Path) -> bool:
    """Every container has the system's own folders already."""
    return any(folder.is_relative_to(system) for system in _SYSTEM_FOLDERS)


def write_image_map(folder: Path, cluster: str, document: Mapping[str, Any]) -> Path:
    """Keep the map of ``cluster``; its nodes read it again at every pull, so it changes whole."""
    path = folder / f"{cluster}.json"
    folder.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(document, indent=1, sort_keys=True))
    draft.replace(path)
    return path
