"""A cluster at the port's boundary: objects in a dictionary, nothing else happens by itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from modelservice_operator.api import names
from modelservice_operator.api.service import ServiceKey

Address = tuple[str, str, str]


class FakeCluster:
    """ClusterPort, ReplicasPort and ServicesPort. ``calls`` keeps what was asked, in order."""

    def __init__(self, now: datetime) -> None:
        self.objects: dict[Address, dict[str, Any]] = {}
        self.events: list[tuple[str, str, str]] = []
        self.calls: list[str] = []
        self.logs: dict[str, str] = {}
        self._stamp = now.isoformat()

    def add(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Put an object there, with what a server would add."""
        item = {**manifest, "metadata": dict(manifest["metadata"])}
        item["metadata"].setdefault("creationTimestamp", self._stamp)
        item["metadata"].setdefault("generation", 1)
        meta = item["metadata"]
        self.objects[manifest["kind"], meta["namespace"], meta["name"]] = item
        return item

    def all(self, kind: str) -> list[dict[str, Any]]:
        """The objects of one kind."""
        return [item for (k, _, _), item in self.objects.items() if k == kind]

    async def read_service(self, key: ServiceKey) -> Mapping[str, Any] | None:
        """ClusterPort."""
        return self.objects.get((names.KIND, key.namespace, key.name))

    async def list_services(self, namespaces: Collection[str]) -> list[ServiceKey]:
        """ClusterPort."""
        found = [ServiceKey(n, name) for kind, n, name in self.objects if kind == names.KIND]
        return [key for key in found if not namespaces or key.namespace in namespaces]

    async def read_services(self, namespace: str) -> list[Mapping[str, Any]]:
        """ServicesPort."""
        found = self.all(names.KIND)
        return [s for s in found if namespace in {"", s["metadata"]["namespace"]}]

    async def list_children(self, key: ServiceKey, kind: str) -> list[Mapping[str, Any]]:
        """ClusterPort."""
        return [
            item
            for item in self.all(kind)
            if item["metadata"].get("labels", {}).get(names.NAME_LABEL) == key.name
        ]

    async def list_autoscalers(self, namespace: str) -> list[Mapping[str, Any]]:
        """ClusterPort."""
        items = self.all("HorizontalPodAutoscaler")
        return [item for item in items if item["metadata"]["namespace"] == namespace]

    async def apply(self, manifest: Mapping[str, Any], manager: str) -> None:
        """ClusterPort: as a server-side apply of whole objects."""
        self.calls.append(f"apply {manifest['kind']} {manifest['metadata']['name']} {manager}")
        meta = manifest["metadata"]
        known = self.objects.get((manifest["kind"], meta["namespace"], meta["name"]))
        if known is None:
            self.add(manifest)
        elif "template" in manifest.get("spec", {"template": 1}):
            spec = {**known.get("spec", {}), **manifest.get("spec", {})}
            self.add({**known, **manifest, "spec": spec})
        else:
            known["spec"] = {**known["spec"], **manifest["spec"]}

    async def create(self, manifest: Mapping[str, Any]) -> None:
        """ClusterPort."""
        self.calls.append(f"create {manifest['kind']} {manifest['metadata']['name']}")
        meta = manifest["metadata"]
        if (manifest["kind"], meta["namespace"], meta["name"]) not in self.objects:
            self.add(manifest)

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        """ClusterPort."""
        self.calls.append(f"delete {kind} {name}")
        self.objects.pop((kind, namespace, name), None)

    async def patch_status(self, key: ServiceKey, status: Mapping[str, Any]) -> None:
        """ClusterPort: a merge patch of the top level."""
        self.calls.append("patch status")
        service = self.objects[names.KIND, key.namespace, key.name]
        merged = {**service.get("status", {}), **status}
        service["status"] = {name: value for name, value in merged.items() if value is not None}

    async def set_replicas(self, key: ServiceKey, replicas: int) -> None:
        """ReplicasPort."""
        self.objects["Deployment", key.namespace, key.name]["spec"]["replicas"] = replicas

    async def mark(self, key: ServiceKey, pod: str, *, goes_first: bool) -> None:
        """ReplicasPort."""
        self.calls.append(f"{'mark' if goes_first else 'clear'} {key.namespace}/{pod}")

    async def read_secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """ClusterPort."""
        found = self.objects.get(("Secret", namespace, name))
        if found is None:
            return None
        return {key: str(value).encode() for key, value in found["stringData"].items()}

    async def log_tail(self, namespace: str, pod: str, container: str, lines: int) -> str:
        """ClusterPort."""
        del namespace, container, lines
        return self.logs.get(pod, "")

    async def event(
        self, service: Mapping[str, Any], type_: str, reason: str, message: str, now: datetime
    ) -> None:
        """ClusterPort."""
        del service, now
        self.events.append((type_, reason, message))
