"""The story, step by step; every step finds what an earlier, cut-off run left and goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelservice_harness.install import install_operator, wait_for_deployment
from modelservice_harness.layout import Layout
from modelservice_harness.manifests import prometheus as prometheus_manifests
from modelservice_harness.manifests import storage
from modelservice_harness.upload import upload

from . import balance, loadpod
from .balance import Outcome
from .example import NAME, Example, uploads
from .loadpod import LoadPod
from .observe import Observer
from .portforward import port_forward
from .target import Target

NAMESPACE = "demo"
GRPC_PORT = 8001
CLAIM_SIZE = "5Gi"
#: Build and tune of the sentence encoder take 2 to 4 minutes on two cores.
READY_SECONDS = 1500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the report says besides the timeline."""

    first_answer_seconds: float
    table: str
    outcome: Outcome | None


def install(observer: Observer, target: Target, layout: Layout) -> bool:
    """Prometheus and the operator; whether there are metrics to balance by."""
    url = target.prometheus()
    observer.step(f"helm install of the operator (metrics from {url or 'nowhere'})")
    install_operator(
        target.access,
        layout.repository,
        target.helm_values(url),
        restart_key=target.restart_key,
    )
    observer.console.say("  the operator is available")
    return bool(url)


def serve(observer: Observer, target: Target, example: Example) -> None:
    """Upload the source, apply the manifest, and watch until it is Ready."""
    access = target.access
    access.apply(storage.namespace(NAMESPACE))
    access.apply(
        storage.claim(NAMESPACE, storage_class=target.storage_class, size=CLAIM_SIZE),
    )
    observer.step(f"uploading {NAME} (code, weights, data) to the claim {storage.CLAIM}")
    image, user = target.images.client, target.user
    for folder, source in uploads(access, example).items():
        upload(access, NAMESPACE, source, folder, image=image, user=user)
    observer.step(f"kubectl apply -f examples/{example.manifest.name}")
    access.kubectl("apply", "-f", str(example.manifest), namespace=NAMESPACE)
    observer.until(lambda view: view.is_ready, READY_SECONDS, f"ModelService {NAME} Ready")


def ask(
    observer: Observer, target: Target, example: Example, python: Path, environ: Mapping[str, str]
) -> str:
    """Send the sentences; print and return the table of those that are alike."""
    observer.step("asking it which of 16 sentences are alike (tritonclient, gRPC)")
    with port_forward(target.access, NAMESPACE, NAME, GRPC_PORT) as address:
        table = example.ask(python, address, environ)
    observer.console.raw("\n" + table)
    return table


def swing(
    observer: Observer, target: Target, example: Example, *, can_balance: bool
) -> Outcome | None:
    """Load up and down, with replicas following."""
    observer.step("waiting for the tuning, and for the tuned setting to serve")
    observer.until(lambda view: view.serves_tuned, READY_SECONDS, "the tuned setting to serve")
    if can_balance and target.installs_prometheus:
        wait_for_deployment(
            target.access, prometheus_manifests.NAME, prometheus_manifests.NAMESPACE
        )
    service = target.access.get("service", NAME, namespace=NAMESPACE) or {}
    address = f"{service['spec']['clusterIP']}:{GRPC_PORT}"
    load = LoadPod(access=target.access, namespace=NAMESPACE)
    observer.step("starting the load generator (a pod, open loop, connections renewed)")
    load.start(
        loadpod.objects(
            NAMESPACE,
            image=target.images.client,
            user=target.user,
            address=address,
            model=NAME,
            requests=example.requests(),
        )
    )
    observer.read_load = load.read
    try:
        return balance.run(observer, load, can_balance=can_balance)
    finally:
        load.stop()
