"""The service on the local cluster: made, looked at, given another goal."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelservice_harness.access import Access, wait_for
from modelservice_harness.errors import HarnessError
from modelservice_harness.images import USER
from modelservice_harness.install import install_operator, install_prometheus, operator_values
from modelservice_harness.manifests import storage
from modelservice_harness.project import project_digest
from modelservice_harness.testing import TEST_PACE
from modelservice_harness.upload import upload
from tuner_figures.ground.cluster import Ground

from .manifests import NAME, NAMESPACE, REPLICAS, TUNING, service, with_goal

MODEL = Path(__file__).parent / "inside"
HTTP_PORT = 8000
_READY_SECONDS, _WORD_SECONDS, _ANSWER_SECONDS = 600.0, 60.0, 5.0
_COMPONENT, _SELECTOR = "app.kubernetes.io/component", f"modelservice.dev/name={NAME}"
_HELD = "modelservice.dev/serving-config"

Pods = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """It, and the operator that runs it."""

    ground: Ground
    access: Access

    def start(self) -> None:
        """Until it serves with its tuned setting.

        Raises:
            HarnessError: it does not come to that.
        """
        images, layout = self.ground.images, self.ground.workshop.layout
        url = install_prometheus(self.access, images, TEST_PACE)
        values = {**operator_values(images, url, TEST_PACE), "tuning": TUNING}
        install_operator(self.access, layout.repository, values, restart_key=project_digest(layout))
        self.access.apply(storage.claim(NAMESPACE, storage_class="", size="1Gi"))
        uri = upload(
            self.access, NAMESPACE, MODEL, f"sources/{NAME}", image=images.client, user=USER
        )
        self.access.apply(service(uri))
        self.wait(self.serves, _READY_SECONDS, "tuned")

    def set_goal(self, milliseconds: int) -> None:
        """In its spec."""
        patch = json.dumps(with_goal(milliseconds))
        self.access.kubectl("patch", "msvc", NAME, "--type=merge", "-p", patch, namespace=NAMESPACE)

    def address(self) -> str:
        """Of its Service, without the cluster's names."""
        found = self._get("service", NAME)
        return f"{found['spec']['clusterIP']}:{HTTP_PORT}"

    def serves(self) -> bool:
        """Ready, tuned, rolled out, with all its pods and no others.

        Raises:
            HarnessError: it says that it cannot.
        """
        if stalled := self.condition("Stalled"):
            raise HarnessError(f"{NAME} is stalled: {stalled.get('message')}")
        ready = self.condition("Ready").get("reason") == "Serving"
        settled = ready and not self.condition("Reconciling")
        return settled and len(self.pods()) == REPLICAS

    def condition(self, kind: str) -> Mapping[str, Any]:
        """One of its status, empty while it is not there."""
        found = self._get("msvc", NAME).get("status", {}).get("conditions", [])
        return next((item for item in found if item["type"] == kind), {})

    def is_tuned(self) -> bool:
        """Whether a tune Job runs."""
        pods = self._components("tune")
        return any(pod["status"].get("phase") in {"Pending", "Running"} for pod in pods)

    def pods(self) -> Pods:
        """Restarts of those that serve, by uid."""
        return {
            pod["metadata"]["uid"]: sum(
                item["restartCount"] for item in pod["status"].get("containerStatuses", ())
            )
            for pod in self._components("serving")
        }

    def held(self) -> str:
        """The key of the setting that its pods are to serve."""
        annotations = self._get("deployment", NAME).get("metadata", {}).get("annotations", {})
        key: str = annotations.get(_HELD, "")
        return key

    def served(self) -> set[str]:
        """The keys of the settings that its Tritons say that they serve; "" of a silent one."""
        return {self._key(pod["status"].get("podIP", "")) for pod in self._components("serving")}

    def wait(self, predicate: Any, seconds: float, what: str) -> None:  # noqa: ANN401 - any truth
        """Poll.

        Raises:
            WaitTimeout: in vain; it shows the status.
        """
        wait_for(
            predicate,
            seconds,
            f"{NAME}: {what}",
            state=lambda: json.dumps(self._get("msvc", NAME).get("status", {}), indent=1),
        )

    def _key(self, address: str) -> str:
        host, _, port = self.ground.local.forward(f"{address}:{HTTP_PORT}").partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=_ANSWER_SECONDS)
        try:
            with closing(connection):
                connection.request("GET", f"/v2/models/{NAME}/config")
                config = json.load(connection.getresponse())
            key: str = config["parameters"]["config_key"]["string_value"]
        except (OSError, http.client.HTTPException, KeyError, ValueError):
            return ""
        return key

    def _components(self, component: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self._get("pods", "-l", _SELECTOR).get("items", [])
        return [pod for pod in items if pod["metadata"]["labels"].get(_COMPONENT) == component]

    def _get(self, *what: str) -> dict[str, Any]:
        return self.access.get(*what, namespace=NAMESPACE) or {}
