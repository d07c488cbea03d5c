"""`make lint`: every linter, all of them even if one complains."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .golang import go_variables
from .provision import Provisioned, Wanted
from .workshop import Workshop

WANTED = Wanted(environments=("dev",), cluster=True, go=True)
_PYTHON_FOLDERS = ("operator", "runtime", "harness", "demo", "tests", "examples", "benchmarks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One linter. ``silent``: anything on its standard output is a complaint (gofmt)."""

    name: str
    args: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    silent: bool = False


def checks(workshop: Workshop, provisioned: Provisioned) -> list[Check]:
    """All linters of this repository."""
    if provisioned.go is None or provisioned.localcluster is None:
        raise ValueError("lint needs its own WANTED")
    root = workshop.layout.repository
    tools = provisioned.environments["dev"] / "bin"
    python_env = {
        **workshop.environ,
        "PATH": f"{tools}{os.pathsep}{workshop.environ.get('PATH', '')}",
        "PYTHONPATH": os.pathsep.join(str(folder) for folder in workshop.layout.import_paths()),
    }
    go_env = {**workshop.environ, **go_variables(provisioned.go, workshop.environ)}
    folders = [name for name in _PYTHON_FOLDERS if (root / name).is_dir()]
    python = [
        ("ruff check", ["ruff", "check", *folders]),
        ("ruff format", ["ruff", "format", "--check", *folders]),
        ("mypy", ["mypy"]),
        ("import-linter", ["lint-imports"]),
    ]
    found = [
        Check(name=name, args=[str(tools / args[0]), *args[1:]], cwd=root, env=python_env)
        for name, args in python
    ]
    module = root / "localcluster"
    go, gofmt = str(provisioned.go), str(provisioned.go.parent / "gofmt")
    found.append(Check(name="gofmt", args=[gofmt, "-l", "."], cwd=module, env=go_env, silent=True))
    found.append(Check(name="go vet", args=[go, "vet", "./..."], cwd=module, env=go_env))
    helm = [str(provisioned.localcluster), "helm", "--", "lint", "--strict"]
    chart = str(root / "charts" / "modelservice-operator")
    found.append(Check(name="helm lint", args=[*helm, chart], cwd=root, env=workshop.environ))
    return found


def run_checks(workshop: Workshop, found: Sequence[Check]) -> list[str]:
    """Run all; the names of those that complained."""
    return [check.name for check in found if not _passes(workshop, check)]


def _passes(workshop: Workshop, check: Check) -> bool:
    done = subprocess.run(
        list(check.args), cwd=check.cwd, env=dict(check.env), check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    passed = done.returncode == 0 and not (check.silent and done.stdout.strip())
    workshop.console.say(f"{check.name}: {'ok' if passed else 'FAILED'}")
    if not passed:
        workshop.console.raw(done.stdout.rstrip())
    return passed
