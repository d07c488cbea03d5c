"""The shared cluster of the tests: names, paces and clean-up of what a killed run left."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from .access import Access
from .install import OPERATOR_NAMESPACE, RELEASE, Pace
from .layout import Layout

#: Fast enough for tests, slow enough that two cores keep up.
TEST_PACE = Pace(
    scrape_seconds=2,
    interval_seconds=2,
    scale_down_hold_seconds=15,
    metrics_stale_seconds=15,
    job_backoff_seconds=5,
)
_NAME = re.compile(r"^tests-(\d+)(?:-spare)?$")
_LOG_LINES = "60"


def cluster_name(process: int) -> str:
    """The cluster of one test session."""
    return f"tests-{process}"


def abandoned(names: Iterable[str], alive: Iterable[int]) -> list[str]:
    """Clusters of test sessions whose process is gone."""
    living = set(alive)
    return [name for name in names if (match := _NAME.match(name)) and int(match[1]) not in living]


def cluster_folders(layout: Layout) -> list[str]:
    """Names of the clusters that have a state folder."""
    return sorted(path.name for path in layout.clusters.glob("*") if path.is_dir())


def living_processes() -> list[int]:
    """Process ids of this machine."""
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def namespace_name(test: str, process: int, number: int) -> str:
    """A DNS label that names the test: ``t3-120-a-broken-model``, at most 40 characters."""
    words = re.sub(r"[^a-z0-9]+", "-", test.lower().removeprefix("test_")).strip("-")
    return f"t{number}-{process % 1000}-{words}"[:40].rstrip("-")


def dump(access: Access, namespace: str) -> str:
    """Everything that explains a failed test: objects, events and the ends of the logs."""
    parts = [
        _show(
            access, namespace, "get", "modelservices,deployments,jobs,pods,configmaps", "-o", "wide"
        ),
        _show(access, namespace, "get", "modelservices", "-o", "yaml"),
        _show(access, namespace, "events"),
    ]
    parts += [_pod_log(access, namespace, pod) for pod in _pods(access, namespace)]
    parts.append(
        _show(access, OPERATOR_NAMESPACE, "logs", f"deployment/{RELEASE}", "--tail=150", "--prefix")
    )
    return "\n".join(parts)


def _pods(access: Access, namespace: str) -> list[str]:
    done = access.kubectl("get", "pods", "-o", "name", namespace=namespace, check=False)
    return done.stdout.split()


def _pod_log(access: Access, namespace: str, pod: str) -> str:
    return _show(
        access, namespace, "logs", pod, "--all-containers", "--prefix", f"--tail={_LOG_LINES}"
    )


def _show(access: Access, namespace: str, *args: str) -> str:
    done = access.kubectl(*args, namespace=namespace, check=False)
    return f"$ kubectl -n {namespace} {' '.join(args)}{os.linesep}{done.stdout}{done.stderr}"
