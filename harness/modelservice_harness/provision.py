"""Gets everything that a purpose needs, the slow things side by side.

Two lanes keep two cores and the network busy at once: the Go build (CPU), and the Python
environments (downloads). Each item is done once per digest, see ``workshop``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .binary import ensure_localcluster
from .bootstrap import ensure_uv
from .debian import Program, ensure_program
from .environments import ENVIRONMENTS, ensure_environment
from .golang import ensure_go
from .lanes import Lanes
from .project import ensure_project
from .workshop import Workshop


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a purpose needs. ``cluster``: localcluster, nft, Prometheus; ``project``: the wheel."""

    environments: tuple[str, ...] = ()
    cluster: bool = False
    project: bool = False
    go: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """Where everything is. What was not asked for is not in it (None or an absent key)."""

    uv: Path
    environments: Mapping[str, Path]
    project: Path | None = None
    localcluster: Path | None = None
    prometheus: Program | None = None
    nft: Program | None = None
    go: Path | None = None


def provision(workshop: Workshop, wanted: Wanted) -> Provisioned:
    """Get it all; returns at once what is there already.

    Raises:
        HarnessError: the first thing that failed; everything else was stopped.
    """
    uv = ensure_uv(workshop)
    with Lanes(workshop.runner.cancel) as lanes:
        python = lanes.start(lambda: _python_lane(workshop, uv, wanted))
        programs = lanes.start(lambda: _programs_lane(workshop, wanted))
        binary = lanes.start(lambda: ensure_localcluster(workshop, uv) if wanted.cluster else None)
        go = lanes.start(lambda: ensure_go(workshop, uv) if wanted.go else None)
    environments, project = python.result()
    nft, prometheus = programs.result()
    return Provisioned(
        uv=uv,
        environments=environments,
        project=project,
        localcluster=binary.result(),
        prometheus=prometheus,
        nft=nft,
        go=go.result(),
    )


def _python_lane(
    workshop: Workshop, uv: Path, wanted: Wanted
) -> tuple[dict[str, Path], Path | None]:
    project = ensure_project(workshop, uv) if wanted.project else None
    folders = {
        name: ensure_environment(workshop, uv, ENVIRONMENTS[name]) for name in wanted.environments
    }
    return folders, project


def _programs_lane(workshop: Workshop, wanted: Wanted) -> tuple[Program | None, Program | None]:
    if not wanted.cluster:
        return None, None
    nft = ensure_program(workshop, "nft", "nftables")
    return nft, ensure_program(workshop, "prometheus", "prometheus")
