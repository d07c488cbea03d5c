"""F3, the operator at rest, and F4, from ``kubectl apply`` to a service that serves."""

from __future__ import annotations

import itertools
import os
import time
from datetime import UTC, datetime

from bench_figures.rows import Figures, row, target

from modelservice_harness.access import wait_for
from modelservice_harness.controls import Operator
from modelservice_harness.errors import HarnessError

from . import procfs, waiting
from .site import NAME, Site

MEMORY_MIB = 150.0
CPU_PERCENT = 1.0
BEYOND_SECONDS = 120.0

_READY_DEADLINE = 900.0
_QUIET_DEADLINE = 180.0
#: After the last change, before the operator counts as being at rest.
_REST_SECONDS = 15.0
_LOOKS, _LOOK_SECONDS = 3, 20.0


def until_serving(site: Site) -> Figures:
    """Apply it and wait: F4.

    Raises:
        WaitTimeout: it did not come to serve.
        HarnessError: it is stalled.
    """
    began = datetime.now(UTC)
    site.apply()
    site.workshop.console.say(f"applied {NAME}; waiting for its build, its tuning, its rollout")
    wait_for(
        lambda: _serves(site),
        _READY_DEADLINE,
        f"{NAME} Ready with its tuned setting",
        state=lambda: str(site.service().get("status", {}).get("conditions")),
        poll_seconds=1.0,
    )
    found = _waited(site, began, datetime.now(UTC))
    site.workshop.console.say(f"  {waiting.condition(site.service(), 'Tuned').get('message')}")
    return found


def _serves(site: Site) -> bool:
    service = site.service()
    if why := waiting.stalled(service):
        raise HarnessError(f"{NAME} is stalled: {why}")
    return waiting.serves(service)


def _waited(site: Site, began: datetime, ended: datetime) -> Figures:
    pods = site.pods()
    jobs = {name: waiting.job_intervals(pods, name) for name in waiting.JOB_CONTAINERS}
    intervals = [item for found in jobs.values() for item in found]
    if not all(jobs.values()):
        raise HarnessError(f"the pods of the Jobs are not there any more: {sorted(jobs)}")
    beyond = waiting.beyond_seconds(intervals, began, ended)
    times = {
        "apply to serving as tuned": (ended - began).total_seconds(),
        **{
            f"the {name} Job's own time": waiting.covered_seconds(found, began, ended)
            for name, found in jobs.items()
        },
        "apply to serving, beyond its Jobs": beyond,
    }
    return Figures(
        rows=tuple(row("F4", what, "s", [seconds]) for what, seconds in times.items()),
        targets=(
            target("F4", "apply to serving, beyond its Jobs, s", "<=", BEYOND_SECONDS, beyond),
        ),
    )


def at_rest(site: Site) -> Figures:
    """Wait until nothing changes any more, then watch the operator's pod for a minute: F3."""
    say = site.workshop.console.say
    say("waiting for the end of the rollout")
    wait_for(lambda: _is_quiet(site), _QUIET_DEADLINE, "one serving pod, and none that leaves")
    time.sleep(_REST_SECONDS)
    say(f"watching the operator at rest for {_LOOKS * _LOOK_SECONDS:.0f} s")
    pod = Operator(access=site.access)
    name = pod.pod()
    samples = [_look(site, pod.namespace, name)]
    for _ in range(_LOOKS):
        time.sleep(_LOOK_SECONDS)
        samples.append(_look(site, pod.namespace, name))
    return operator_figures(samples, os.sysconf("SC_CLK_TCK"))


def _is_quiet(site: Site) -> bool:
    serving = [pod for pod in site.pods() if pod["status"].get("phase") != "Succeeded"]
    return len(serving) == 1 and "deletionTimestamp" not in serving[0]["metadata"]


def _look(site: Site, namespace: str, pod: str) -> procfs.Sample:
    done = site.access.kubectl("exec", pod, "--", "sh", "-c", procfs.SCRIPT, namespace=namespace)
    return procfs.parse(done.stdout)


def operator_figures(samples: list[procfs.Sample], ticks_per_second: int) -> Figures:
    """F3 from looks at even distances: the whole time counts, its parts give the spread."""
    whole = procfs.usage(samples[0], samples[-1], ticks_per_second)
    parts = [
        procfs.usage(before, after, ticks_per_second)
        for before, after in itertools.pairwise(samples)
    ]
    memory = [part.rss_mib for part in parts]
    return Figures(
        rows=(
            row("F3", "operator, resident memory", "MiB", memory),
            row("F3", "operator, most memory since its start", "MiB", [whole.peak_mib]),
            row("F3", "operator at rest, of one core", "%", [part.cpu_percent for part in parts]),
            row("F3", "watched for", "s", [whole.seconds]),
        ),
        targets=(
            target("F3.memory", "operator, resident memory, MiB", "<=", MEMORY_MIB, max(memory)),
            target("F3.cpu", "operator at rest, % of a core", "<=", CPU_PERCENT, whole.cpu_percent),
        ),
    )
