"""The composition root: settings → clients → loops → kopf. The only place that builds clients.

``python -m modelservice_operator run`` (or ``modelservice-operator run``).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import kopf

from modelservice_runtime.contract.fields import SpecError

from . import handlers
from .adapters.admin_keys import AdminKeys
from .adapters.clock import SystemClock
from .adapters.cluster import KubernetesCluster
from .adapters.connection import connect
from .adapters.gpus import ClusterBudgets
from .adapters.prometheus import PrometheusLoad
from .adapters.scraping import LoadSources, ReplicaLoad
from .adapters.triton import TritonInference
from .api import names
from .fleet import Fleet
from .logs import configure_logging
from .queueing import ServiceQueue
from .rebalance import Rebalancer
from .reconcile import Reconciler
from .resync import resync_forever
from .running.tuning import RunningTuning
from .settings import Settings
from .telemetry import OperatorTelemetry

SETTINGS_VARIABLE = "MODELSERVICE_SETTINGS_FILE"
DEFAULT_SETTINGS = "/etc/modelservice-operator/settings.json"

#: A loop that has not turned for so long makes the health endpoint fail.
HEARTBEAT_LIMIT_SECONDS = 120.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and run. Returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        settings = Settings.from_json(Path(options.settings).read_text(encoding="utf-8"))
    except (OSError, SpecError) as error:
        print(f"modelservice-operator: {options.settings}: {error}", file=sys.stderr)  # noqa: T201 - before there is a log
        return 2
    configure_logging(settings.log_format, verbose=options.verbose)
    asyncio.run(_run(settings, options))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="modelservice-operator",
        description="Turns ModelServices into tuned, self-balancing Triton deployments.",
    )
    parser.add_argument("--version", action="version", version=version("modelservice-operator"))
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run the operator until it is told to stop")
    run.add_argument(
        "--settings",
        default=os.environ.get(SETTINGS_VARIABLE, DEFAULT_SETTINGS),
        help=f"settings file, JSON (default: ${SETTINGS_VARIABLE} or {DEFAULT_SETTINGS})",
    )
    run.add_argument("--health-port", type=int, default=8080, help="port of /healthz")
    run.add_argument("--metrics-port", type=int, default=9090, help="port of /metrics")
    run.add_argument("--verbose", action="store_true", help="log more")
    return parser


async def _run(settings: Settings, options: argparse.Namespace) -> None:
    clock, fleet = SystemClock(), Fleet()
    cluster = KubernetesCluster(await connect())
    telemetry = OperatorTelemetry(limit_seconds=HEARTBEAT_LIMIT_SECONDS)
    replica_load = ReplicaLoad(settings.balancer)
    keys, inference = AdminKeys(cluster, settings.master_key), TritonInference()
    tuning = RunningTuning(
        inference=inference, keys=keys, cluster=cluster, clock=clock, settings=settings.tuning
    )
    reconciler = Reconciler(
        cluster=cluster,
        clock=clock,
        fleet=fleet,
        settings=settings,
        telemetry=telemetry,
        tuning=tuning,
        keys=keys,
    )
    queue = ServiceQueue(reconciler)
    loops = [
        resync_forever(
            cluster,
            namespaces=settings.watch_namespaces,
            interval_seconds=settings.resync_seconds,
            mark_dirty=queue.mark_dirty,
            beat=lambda: telemetry.beat("resync"),
        ),
        Rebalancer(
            fleet=fleet,
            load=LoadSources(
                PrometheusLoad(settings.prometheus_url, settings.balancer), replica_load
            ),
            gpus=ClusterBudgets(cluster, settings.balancer.gpus, settings.watch_namespaces),
            replicas=cluster,
            clock=clock,
            settings=settings.balancer,
            mark_dirty=queue.mark_dirty,
            telemetry=telemetry,
        ).run_forever(),
    ]
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(cluster.close)
        stack.push_async_callback(inference.close)
        stack.push_async_callback(replica_load.close)
        stack.push_async_callback(queue.close)
        await stack.enter_async_context(
            telemetry.serving(options.health_port, options.metrics_port)
        )
        await _kopf_with(loops, settings, queue, telemetry)


async def _kopf_with(
    loops: Sequence[Any], settings: Settings, queue: ServiceQueue, telemetry: OperatorTelemetry
) -> None:
    """Run kopf beside the loops; the end of any of them ends all (the pod is restarted)."""
    registry = kopf.OperatorRegistry()
    handlers.register(registry, queue.mark_dirty, lambda: telemetry.beat("watch"))
    kopf.on.login(id="login", registry=registry)(_login)
    kopf_settings = kopf.OperatorSettings()
    handlers.configure(kopf_settings)
    operator = kopf.operator(
        registry=registry,
        settings=kopf_settings,
        # Its own guess asks for the user's name, and a pod's user has none.
        identity=cast("Any", names.MANAGER),
        standalone=True,
        clusterwide=not settings.watch_namespaces,
        namespaces=list(settings.watch_namespaces),
    )
    tasks = [asyncio.create_task(loop) for loop in (operator, *loops)]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()


async def _login(**kwargs: Any) -> kopf.ConnectionInfo | None:  # noqa: ANN401 - kopf
    info = kopf.login_with_service_account(**kwargs)
    if info is None:
        return kopf.login_with_kubeconfig(**kwargs)
    # kopf asks for kubernetes.default.svc; the address in the environment needs no DNS.
    host, port = (os.environ.get(f"KUBERNETES_SERVICE_{name}", "") for name in ("HOST", "PORT"))
    if not host:
        return info
    host = f"[{host}]" if ":" in host else host
    return dataclasses.replace(info, server=f"https://{host}:{port or 443}")


if __name__ == "__main__":
    sys.exit(main())
