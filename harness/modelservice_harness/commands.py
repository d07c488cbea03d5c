"""The commands behind the Makefile's targets, one function each."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from . import lint, suites
from .binary import any_localcluster
from .bootstrap import ensure_uv
from .console import Console
from .errors import HarnessError
from .layout import layout_of
from .local import LocalCluster, all_down
from .needs import inspect, require
from .processes import Runner
from .provision import Provisioned, Wanted, provision
from .pruning import prune
from .running import DEMO_CLUSTER, Size, local_cluster, start_cluster
from .workshop import Workshop, clean_environ

#: What the pods of a local cluster are made of; models of Keras have a builder of their own, which
#: the demo does without.
CLUSTER_WANTED = Wanted(environments=("serving", "operator", "builder"), cluster=True, project=True)
UP_WANTED = replace(CLUSTER_WANTED, environments=(*CLUSTER_WANTED.environments, "builder-keras"))


def open_workshop(environ: Mapping[str, str]) -> Workshop:
    """Everything that a command works with."""
    # What lies in the cache is read by pods that run as another user.
    os.umask(0o022)
    console = Console()
    return Workshop(
        layout=layout_of(environ),
        console=console,
        runner=Runner(console),
        environ=clean_environ(environ),
    )


def prepare(workshop: Workshop, wanted: Wanted) -> Provisioned:
    """Look at the machine, then get what ``wanted`` names."""
    require(inspect(workshop.layout, workshop.environ))
    provisioned = provision(workshop, wanted)
    prune(workshop.layout)
    return provisioned


def up(workshop: Workshop, name: str, size: Size) -> None:
    """Start a local cluster with this checkout's images and say how to talk to it."""
    provisioned = prepare(workshop, UP_WANTED)
    cluster = start_cluster(workshop, provisioned, name=name, size=size)
    workshop.console.say(
        f"cluster {name} runs: make kubectl ARGS='get nodes' ({cluster.home / name})"
    )


def down(workshop: Workshop) -> None:
    """Stop every cluster of this project; nothing to stop is fine and needs no program."""
    if not workshop.layout.clusters.is_dir() or not any(workshop.layout.clusters.iterdir()):
        workshop.console.say("no local cluster is there")
        return
    cluster = _handle(workshop, DEMO_CLUSTER)
    all_down(workshop.layout, cluster.binary, cluster.env)
    shutil.rmtree(workshop.layout.image_maps, ignore_errors=True)
    workshop.console.say("all local clusters are gone")


def status(workshop: Workshop, name: str) -> None:
    """Print what the local cluster and the operator in it say."""
    cluster = _handle(workshop, name)
    access = cluster.access()
    passthrough([str(cluster.binary), "status", "--name", name], cluster.env)
    for what in (
        ["get", "nodes"],
        ["get", "modelservices", "-A", "-o", "wide"],
        ["get", "pods", "-A"],
    ):
        passthrough([*access.kubectl_command, *what], access.env)


def kubectl(workshop: Workshop, name: str, args: list[str]) -> int:
    """Kubectl in the local cluster, on this terminal."""
    access = _handle(workshop, name).access()
    return passthrough([*access.kubectl_command, *args], access.env)


def helm(workshop: Workshop, name: str, args: list[str]) -> int:
    """Helm in the local cluster, on this terminal."""
    access = _handle(workshop, name).access()
    return passthrough([*access.helm_command, *args], access.env)


def test(workshop: Workshop, names: tuple[str, ...], extra: tuple[str, ...]) -> int:
    """Run test suites; 0 only if something ran and nothing failed."""
    provisioned = prepare(workshop, suites.wanted_for(names))
    totals = suites.run_suites(workshop, provisioned, names, extra)
    return 0 if totals.failed == 0 and totals.passed > 0 else 1


def lint_all(workshop: Workshop) -> int:
    """Run every linter; the number of those that complained."""
    provisioned = prepare(workshop, lint.WANTED)
    failed = lint.run_checks(workshop, lint.checks(workshop, provisioned))
    workshop.console.say(f"lint: {', '.join(failed)} failed" if failed else "lint: all clean")
    return len(failed)


def clean_cache(workshop: Workshop) -> None:
    """Stop the clusters and remove the cache folder (uv's and Go's own caches stay)."""
    down(workshop)
    shutil.rmtree(workshop.layout.cache, ignore_errors=True)
    workshop.console.say(f"removed {workshop.layout.cache}")


def passthrough(args: list[str], env: Mapping[str, str]) -> int:
    """Run a program on this terminal and give back its exit code."""
    return subprocess.run(args, env=dict(env), check=False).returncode


def _handle(workshop: Workshop, name: str) -> LocalCluster:
    """A handle on a cluster that is there already; nothing but the program is needed for it."""
    uv = ensure_uv(workshop)
    binary = any_localcluster(workshop, uv)
    return local_cluster(workshop, Provisioned(uv=uv, environments={}, localcluster=binary), name)


def guarded(action: Callable[[], int | None], console: Console) -> int:
    """Run a command; turn our own errors into one message, an interrupt into 130."""
    try:
        return action() or 0
    except HarnessError as error:
        console.raw(f"\nerror: {error}")
        return 1
    except KeyboardInterrupt:
        console.raw("\ninterrupted; run it again to go on from here")
        return 130


def cache_path(workshop: Workshop, name: str) -> Path:
    """The folder of an environment, made if needed."""
    return prepare(workshop, Wanted(environments=(name,))).environments[name]
