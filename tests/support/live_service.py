"""A ModelService on a real cluster, as the cluster tests look at it and talk to it."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelservice_harness import access as harness_access
from modelservice_harness.access import Access
from modelservice_harness.local import LocalCluster

#: Build (10 s), tuning (30 to 60 s) and a rollout with its drain, on two busy cores.
READY_SECONDS = 420.0
#: Every kind that the operator makes.
CHILDREN = "jobs,pods,deployments,configmaps,secrets,services,poddisruptionbudgets,serviceaccounts"
#: Longer than a serving pod takes to drain.
GONE_SECONDS = 120.0
#: What Triton says of a request that waited past its limit. It does so at light loads too, where
#: its batcher overlooks one (docs/tuning.md); clients ask again.
REFUSAL = "Request timeout expired"
#: How often `ask` asks before a refusal is an error.
ATTEMPTS = 5


@dataclass(slots=True, kw_only=True)
class LiveService:
    """One ModelService; nothing here changes it."""

    access: Access
    local: LocalCluster
    namespace: str
    name: str = "tiny"

    def get(self) -> dict[str, Any]:
        """The object, empty while it is not there."""
        return self.access.get("msvc", self.name, namespace=self.namespace) or {}

    def status(self) -> dict[str, Any]:
        """Its status."""
        found: dict[str, Any] = self.get().get("status", {})
        return found

    def condition(self, type_: str) -> dict[str, Any]:
        """One condition, empty while it is not there."""
        found = self.status().get("conditions", [])
        return next((item for item in found if item["type"] == type_), {})

    def serves(self) -> bool:
        """Ready, tuned, rolled out."""
        ready = self.condition("Ready").get("reason") == "Serving"
        return ready and not self.condition("Reconciling")

    def deployment(self) -> dict[str, Any]:
        """Its Deployment, empty while it is not there."""
        return self.access.get("deployment", self.name, namespace=self.namespace) or {}

    def children(self, kinds: str = CHILDREN) -> list[dict[str, Any]]:
        """What belongs to it, by label."""
        selector = f"modelservice.dev/name={self.name}"
        found = self.access.get(kinds, "-l", selector, namespace=self.namespace) or {}
        items: list[dict[str, Any]] = found.get("items", [])
        return items

    def jobs(self) -> dict[str, str]:
        """Names and uids of its Jobs."""
        return {job["metadata"]["name"]: job["metadata"]["uid"] for job in self.children("jobs")}

    def job_runs(self, kind: str) -> bool:
        """Whether a Job of this kind (build, tune) has a running pod."""
        return any(
            pod["metadata"]["labels"].get("app.kubernetes.io/component") == kind
            and pod["status"].get("phase") == "Running"
            for pod in self.children("pods")
        )

    def events(self) -> list[dict[str, Any]]:
        """The events on the object itself."""
        items = (self.access.get("events", namespace=self.namespace) or {}).get("items", [])
        return [
            item
            for item in items
            if item["involvedObject"]["kind"] == "ModelService"
            and item["involvedObject"]["name"] == self.name
        ]

    def wait(self, predicate: Callable[[], object], seconds: float, what: str) -> Any:
        """Poll, and show the status when time is up."""
        return harness_access.wait_for(
            predicate, seconds, what, state=lambda: json.dumps(self.status(), indent=1)
        )

    def wait_until_gone(self) -> None:
        """Until nothing of it is left."""
        harness_access.wait_for(
            lambda: not self.children(),
            GONE_SECONDS,
            f"the end of all children of {self.name}",
            state=lambda: ", ".join(
                f"{item['kind']} {item['metadata']['name']}" for item in self.children()
            ),
        )

    def address(self, port: int = 8000) -> str:
        """``127.0.0.1:PORT`` on this machine for a port of its Service."""
        service = harness_access.wait_for(
            lambda: self.access.get("service", self.name, namespace=self.namespace),
            60,
            f"the Service {self.name}",
        )
        return self.local.forward(f"{service['spec']['clusterIP']}:{port}")


class RefusedError(Exception):
    """Triton refused a request since it had waited too long."""


def ask(address: str, name: str = "tiny", rows: int = 1) -> list[float]:
    """One inference of the tiny model over HTTP, asked again where it is refused."""
    for _ in range(ATTEMPTS - 1):
        with suppress(RefusedError):
            return ask_once(address, name, rows)
    return ask_once(address, name, rows)


def ask_once(address: str, name: str, rows: int = 1) -> list[float]:
    """One inference of the tiny model over HTTP, on a connection of its own."""
    tensor = {
        "name": "input",
        "datatype": "FP32",
        "shape": [rows, 8],
        "data": [0.5] * (8 * rows),
    }
    request = urllib.request.Request(
        f"http://{address}/v2/models/{name}/infer",
        data=json.dumps({"inputs": [tensor]}).encode(),
        headers={"Connection": "close"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own address
            data: list[float] = json.load(answer)["outputs"][0]["data"]
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace")
        if REFUSAL in said:
            raise RefusedError(said) from error
        error.add_note(said)
        raise
    return data


@dataclass(slots=True)
class Traffic:
    """What became of steady requests; ``failures`` says when and why, refusals are none."""

    answered: int = 0
    refused: int = 0
    failures: list[str] = field(default_factory=list)


@contextmanager
def steady_traffic(address: str, name: str = "tiny") -> Iterator[Traffic]:
    """About ten requests a second while the context lasts, each on a connection of its own."""
    traffic, stop = Traffic(), threading.Event()

    def run() -> None:
        while not stop.wait(0.1):
            try:
                ask_once(address, name)
                traffic.answered += 1
            except RefusedError:
                traffic.refused += 1
            except OSError as error:
                traffic.failures.append(f"{time.strftime('%X')} {error!r}")

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield traffic
    finally:
        stop.set()
        thread.join()


def volume_folder(access: Access, namespace: str, claim: str = "models") -> Path:
    """The folder of this machine behind a claim of the local cluster."""
    found = access.get("pvc", claim, namespace=namespace) or {}
    volume = access.get("pv", found["spec"]["volumeName"]) or {}
    return Path(volume["spec"]["hostPath"]["path"])


def messages(items: Sequence[dict[str, Any]]) -> str:
    """All messages of some events, a line each."""
    return "\n".join(item["message"] for item in items)
