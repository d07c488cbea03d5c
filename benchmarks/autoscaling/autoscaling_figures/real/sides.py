"""The two that compete: ModelServices with their operator, and copies of their pods with HPAs."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from modelservice_harness.access import Access, is_ready, wait_for
from modelservice_harness.errors import HarnessError
from modelservice_harness.images import USER
from modelservice_harness.manifests import storage
from modelservice_harness.upload import upload

from . import manifests
from .setting import HPA, HTTP_PORT, INPUT, NAMESPACES, OURS, SERVICES, SHARE
from .site import Site
from .sizing import Window

_READY_SECONDS, _SETTLED_SECONDS, _ADAPTER_SECONDS = 1200.0, 240.0, 120.0
_ANSWERS_SECONDS, _COPY_SECONDS = 120.0, 120.0
_CLAIM_SIZE = "1Gi"
_SERVING = "app.kubernetes.io/component=serving"
_TUNING_KEY = "modelservice.dev/tuning-key"
_KEY_DIGITS = 8
#: Built within seconds; what it computes does not matter.
_MODEL = Path("benchmarks/tuner/tuner_figures/operated/inside")

Profiles = Mapping[str, Mapping[str, Any]]


class Side(Protocol):
    """One of the two."""

    @property
    def place(self) -> Place:
        """Where it is."""

    def hold(self) -> None:
        """One replica of each service from now on, whatever the load."""

    def let_go(self) -> None:
        """Replicas follow the load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A namespace with the three services and the pod that asks them."""

    site: Site
    namespace: str

    @property
    def access(self) -> Access:
        """To talk to the cluster."""
        return self.site.access

    def get(self, *what: str) -> dict[str, Any]:
        """An object, or a list of them; empty where there is none."""
        return self.access.get(*what, namespace=self.namespace) or {}

    def settled(self) -> None:
        """Wait until each service has one pod, which answers, and none that leaves.

        Raises:
            WaitTimeout: it does not come to that.
        """
        wait_for(
            self._is_settled,
            _SETTLED_SECONDS,
            f"one replica of each service in {self.namespace}",
            state=lambda: self.access.describe("pods", namespace=self.namespace),
            poll_seconds=2.0,
        )

    def _is_settled(self) -> bool:
        pods = self.get("pods", "-l", _SERVING).get("items", [])
        leaving = any("deletionTimestamp" in pod["metadata"] for pod in pods)
        return len(pods) == len(SERVICES) and all(map(is_ready, pods)) and not leaving

    def start_sender(self) -> None:
        """The pod, and wait until it runs.

        Raises:
            WaitTimeout: it does not.
        """
        self.access.apply(*manifests.sender(self.namespace, self.site.images.client))
        self.wait_ready(manifests.SENDER)

    def wait_ready(self, pod: str) -> None:
        """Wait until a pod is ready.

        Raises:
            WaitTimeout: it is not.
        """
        wait_for(
            lambda: is_ready(self.get("pod", pod)),
            _ADAPTER_SECONDS,
            f"pod {self.namespace}/{pod}",
            state=lambda: self.access.describe("pod", pod, namespace=self.namespace),
        )

    def send(self, window: Window, begin: float, seed: int) -> None:
        """Requests from ``begin`` (seconds since 1970) on."""
        plan = {
            "begin": begin,
            "seed": seed,
            "binSeconds": window.bin_seconds,
            "body": INPUT,
            "services": [
                {"name": name, "address": self._address(name), "rates": window.rates[name]}
                for name in SERVICES
            ],
        }
        write = "rm -f /tmp/answers.json; cat > /tmp/plan.draft; mv /tmp/plan.draft /tmp/plan.json"
        self.access.kubectl(
            "exec", "-i", manifests.SENDER, "--", "sh", "-c", write,
            stdin=json.dumps(plan), namespace=self.namespace,
        )  # fmt: skip

    def answers(self) -> dict[str, Any]:
        """What came of them, once all is answered.

        Raises:
            WaitTimeout: the sender does not end.
        """
        read = "cat /tmp/answers.json 2>/dev/null || true"
        text = wait_for(
            lambda: self.access.kubectl(
                "exec", manifests.SENDER, "--", "sh", "-c", read,
                namespace=self.namespace, timeout=_COPY_SECONDS,
            ).stdout,
            _ANSWERS_SECONDS,
            f"answers in {self.namespace}",
            poll_seconds=2.0,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(text)
        return found

    def _address(self, name: str) -> str:
        """Without the cluster's names: it needs none."""
        return f"{self.get('service', name)['spec']['clusterIP']}:{HTTP_PORT}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Balanced:
    """Ours."""

    place: Place

    @classmethod
    def started(cls, site: Site) -> Balanced:
        """Built, tuned, and serving.

        Raises:
            HarnessError: a service does not come to that.
        """
        access, namespace = site.access, NAMESPACES[OURS]
        access.apply(storage.namespace(namespace))
        access.apply(storage.claim(namespace, storage_class="", size=_CLAIM_SIZE))
        folder = site.workshop.layout.repository / _MODEL
        uri = upload(access, namespace, folder, "sources/tiny", image=site.images.client, user=USER)
        access.apply(*(manifests.service(name, uri) for name in SERVICES))
        self = cls(place=Place(site=site, namespace=namespace))
        for name in SERVICES:
            self._wait(name)
        return self

    def hold(self) -> None:
        """One replica of each service from now on, whatever the load."""
        self._patch(manifests.held_at_one())

    def let_go(self) -> None:
        """The balancer decides."""
        self._patch(manifests.let_go())

    def profiles(self) -> Profiles:
        """By service, what its tune Job answered.

        Raises:
            HarnessError: a service has none.
        """
        found = {}
        for name in SERVICES:
            annotations = self.place.get("deployment", name)["metadata"].get("annotations", {})
            key = annotations.get(_TUNING_KEY, "")[:_KEY_DIGITS]
            result = self.place.get("configmap", f"{name}-tune-{key}")
            if not result:
                raise HarnessError(f"{name} has no profile")
            found[name] = json.loads(result["data"]["result.json"])["profile"]
        return found

    def _wait(self, name: str) -> None:
        wait_for(
            lambda: self._serves(name),
            _READY_SECONDS,
            f"{name}: built, tuned and rolled out",
            state=lambda: json.dumps(self._status(name), indent=1),
            poll_seconds=3.0,
        )

    def _patch(self, document: Mapping[str, Any]) -> None:
        for name in SERVICES:
            self.place.access.kubectl(
                "patch", "msvc", name, "--type=merge", "-p", json.dumps(document),
                namespace=self.place.namespace,
            )  # fmt: skip

    def _status(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.place.get("msvc", name).get("status", {})
        return found

    def _serves(self, name: str) -> bool:
        conditions = {item["type"]: item for item in self._status(name).get("conditions", ())}
        if "Stalled" in conditions:
            raise HarnessError(f"{name} is stalled: {conditions['Stalled'].get('message')}")
        ready = conditions.get("Ready", {}).get("reason") == "Serving"
        tuned = conditions.get("Tuned", {}).get("status") == "True"
        return ready and tuned and "Reconciling" not in conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """The same pods under HPAs. ``targets``: rows a second of a replica, by service."""

    place: Place
    targets: Mapping[str, float]

    @classmethod
    def started(cls, site: Site, ours: Balanced, profiles: Profiles) -> Copied:
        """Copied, and answering.

        Raises:
            WaitTimeout: a pod does not come up.
        """
        access, namespace = site.access, NAMESPACES[HPA]
        access.apply(storage.namespace(namespace))
        claim = ours.place.get("pvc", storage.CLAIM)
        volume = access.get("pv", claim["spec"]["volumeName"]) or {}
        access.apply(*manifests.shared_claim(volume["spec"]["hostPath"]["path"], _CLAIM_SIZE))
        access.apply(*(manifests.copied(item) for item in _children(ours.place)))
        targets = {
            name: SHARE * profile["capacityRowsPerSecond"] for name, profile in profiles.items()
        }
        self = cls(place=Place(site=site, namespace=namespace), targets=targets)
        access.apply(*manifests.adapter(site.images.client, site.prometheus, *site.certificate()))
        self.place.wait_ready(manifests.ADAPTER)
        self.place.settled()
        return self

    def hold(self) -> None:
        """One replica of each service from now on, whatever the load; the HPAs are gone."""
        access, namespace = self.place.access, self.place.namespace
        access.kubectl("delete", "hpa", "--all", namespace=namespace)
        for name in SERVICES:
            access.kubectl("scale", "deployment", name, "--replicas=1", namespace=namespace)

    def let_go(self) -> None:
        """New HPAs decide, which remember nothing."""
        self.place.access.apply(
            *(manifests.autoscaler(name, target) for name, target in self.targets.items())
        )


def _children(place: Place) -> Sequence[Mapping[str, Any]]:
    """What the pods of the services are made of, and what makes them."""
    found = []
    for name in SERVICES:
        deployment = place.get("deployment", name)
        found += [place.get("serviceaccount", name), place.get("service", name)]
        for volume in deployment["spec"]["template"]["spec"]["volumes"]:
            if "configMap" in volume:
                found.append(place.get("configmap", volume["configMap"]["name"]))
            if "secret" in volume:
                found.append(place.get("secret", volume["secret"]["secretName"]))
        found.append(deployment)
    return found


def until(at: float) -> None:
    """Wait until a time, seconds since 1970."""
    time.sleep(max(0.0, at - time.time()))
