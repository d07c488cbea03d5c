"""The composition root: settings → clients → loops → kopf. The only place that builds clients.

``python -m modelservice_operator run`` (or ``modelservice-operator run``); see command_line.py.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import kopf

from modelservice_runtime.contract.fields import SpecError

from . import handlers
from .adapters.admin_keys import AdminKeys
from .adapters.asking import AskedServices, ProxiedFigures, UrlFigures
from .adapters.clock import SystemClock
from .adapters.cluster import KubernetesCluster
from .adapters.connection import connect
from .adapters.gpus import ClusterBudgets
from .adapters.prometheus import PrometheusLoad
from .adapters.scraping import LoadSources, ReplicaLoad
from .adapters.triton import TritonInference
from .api import names
from .api.errors import UnavailableError
from .api.service import ServiceKey
from .command_line import make_parser
from .commands import NOT_ANSWERED, complain, explain_one, show_all
from .fleet import Fleet
from .keeping import BalancerMemory
from .logs import configure_logging
from .ports import FiguresPort
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
    """Parse the command line and do what it says. Returns the exit code."""
    parser = make_parser(
        settings=os.environ.get(SETTINGS_VARIABLE, DEFAULT_SETTINGS),
        settings_words=f"${SETTINGS_VARIABLE} or {DEFAULT_SETTINGS}",
    )
    options = parser.parse_args(arguments)
    return _run_operator(options) if options.command == "run" else _tell(options)


def _run_operator(options: argparse.Namespace) -> int:
    try:
        settings = Settings.from_json(Path(options.settings).read_text(encoding="utf-8"))
    except (OSError, SpecError) as error:
        complain(f"{options.settings}: {error}")  # there is no log yet
        return 2
    configure_logging(settings.log_format, verbose=options.verbose)
    asyncio.run(_run(settings, options))
    return 0


def _tell(options: argparse.Namespace) -> int:
    try:
        return asyncio.run(_ask(options))
    except UnavailableError as error:
        complain(str(error))
        return NOT_ANSWERED
    except KeyboardInterrupt:  # how a table that refreshes is ended
        return 0


async def _ask(options: argparse.Namespace) -> int:
    client, namespace = await connect()
    cluster = KubernetesCluster(client)
    figures: FiguresPort = ProxiedFigures(cluster, options.operator_namespace)
    if options.metrics_url:
        figures = UrlFigures(options.metrics_url)
    services = AskedServices(cluster)
    try:
        if options.command == "explain":
            key = ServiceKey(options.namespace or namespace, options.name)
            return await explain_one(services, figures, key)
        return await show_all(services, figures, options.namespace or "", options.watch)
    finally:
        await cluster.close()


async def _run(settings: Settings, options: argparse.Namespace) -> None:
    clock, fleet = SystemClock(), Fleet()
    cluster = KubernetesCluster((await connect()).client)
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
            memory=BalancerMemory(cluster, soon_seconds=settings.balancer.metrics_stale_seconds),
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
