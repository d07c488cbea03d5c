"""The Kubernetes API as reconcile uses it: plain JSON in and out, server-side apply.

The typed API classes of the client are left alone: they cost 30 MiB and refuse answers that
miss a field. What is used of it: configuration, credentials that renew, connection, TLS.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client import ApiClient
from kubernetes.aio.client.exceptions import ApiException

from modelservice_operator.api import names
from modelservice_operator.api.conditions import rfc3339
from modelservice_operator.api.errors import UnavailableError
from modelservice_operator.api.service import ServiceKey
from modelservice_operator.manifests.replicas import replicas_manifest

from .api_objects import document_of, items_of, path_of
from .recent import Recent

REQUEST_SECONDS = 20.0

_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"

#: Objects of one answer.
PAGE_ITEMS = 500

#: Every look at every service of a namespace asks for its autoscalers, which hardly ever change.
AUTOSCALERS_SECONDS = 30.0

_FORBIDDEN = 403
_NOT_FOUND = 404
_CONFLICT = 409
_FIRST_ERROR = 400


class KubernetesCluster:
    """ClusterPort and ReplicasPort over the official client's asynchronous transport."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._autoscalers = Recent(self._ask_autoscalers, seconds=AUTOSCALERS_SECONDS)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def read_service(self, key: ServiceKey) -> Mapping[str, Any] | None:
        """The ModelService, or None when it is gone."""
        status, body = await self._call("GET", path_of(names.KIND, key.namespace, key.name))
        return None if status == _NOT_FOUND else document_of(body)

    async def list_services(self, namespaces: Collection[str]) -> list[ServiceKey]:
        """Every ModelService in ``namespaces``; empty means all namespaces."""
        paths = [path_of(names.KIND, space) for space in namespaces] or [path_of(names.KIND)]
        bodies = [(await self._call("GET", path))[1] for path in paths]
        metas = [item["metadata"] for body in bodies for item in items_of(body)]
        return [ServiceKey(meta["namespace"], meta["name"]) for meta in metas]

    async def read(self, path: str, query: Mapping[str, str] | None = None) -> bytes | None:
        """What is at a path, None where nothing is.

        Raises:
            UnavailableError: it could not be read; the message has the server's words.
        """
        status, body = await self._call("GET", path, query=query)
        return None if status == _NOT_FOUND else body

    async def list_all(self, path: str) -> list[Mapping[str, Any]]:
        """The items at a path of the whole cluster, page by page, as the API server has them."""
        items: list[Mapping[str, Any]] = []
        query = {"limit": str(PAGE_ITEMS), "resourceVersion": "0"}
        while True:
            _, body = await self._call("GET", path, query=query)
            page = document_of(body)
            items += page.get("items", ())
            following = page.get("metadata", {}).get("continue")
            if not following:
                return items
            query = {"limit": str(PAGE_ITEMS), "continue": following}

    async def list_children(self, key: ServiceKey, kind: str) -> list[Mapping[str, Any]]:
        """The service's children of one kind, by label."""
        query = {"labelSelector": f"{names.NAME_LABEL}={key.name}"}
        _, body = await self._call("GET", path_of(kind, key.namespace), query=query)
        items: list[Mapping[str, Any]] = document_of(body)["items"]
        return items

    async def list_autoscalers(self, namespace: str) -> list[Mapping[str, Any]]:
        """Every HorizontalPodAutoscaler there, whoever made it; of half a minute ago at most."""
        return await self._autoscalers.of(namespace)

    async def _ask_autoscalers(self, namespace: str) -> list[Mapping[str, Any]]:
        _, body = await self._call("GET", path_of("HorizontalPodAutoscaler", namespace))
        return items_of(body)

    async def apply(self, manifest: Mapping[str, Any], manager: str) -> None:
        """Server-side apply, forcing the fields that we own; that its namespace goes is fine."""
        meta = manifest["metadata"]
        path = path_of(manifest["kind"], meta["namespace"], meta["name"])
        query = {"fieldManager": manager, "force": "true"}
        await self._call("PATCH", path, query=query, body=manifest, content_type=_APPLY)

    async def create(self, manifest: Mapping[str, Any]) -> None:
        """Create; that it exists already, or that its namespace goes, is fine."""
        path = path_of(manifest["kind"], manifest["metadata"]["namespace"])
        query = {"fieldManager": names.MANAGER}
        await self._call("POST", path, query=query, body=manifest, accept=(_CONFLICT,))

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        """Delete with background propagation; that it is gone already is fine."""
        query = {"propagationPolicy": "Background"}
        await self._call("DELETE", path_of(kind, namespace, name), query=query)

    async def patch_status(self, key: ServiceKey, status: Mapping[str, Any]) -> None:
        """Write the ModelService's status (merge patch); that it is gone is fine."""
        path = path_of(names.KIND, key.namespace, key.name) + "/status"
        query = {"fieldManager": names.MANAGER}
        body = {"status": status}
        await self._call("PATCH", path, query=query, body=body, content_type=_MERGE)

    async def set_replicas(self, key: ServiceKey, replicas: int) -> None:
        """Apply ``spec.replicas`` alone, as the balancer's field manager."""
        await self.apply(replicas_manifest(key, replicas), names.BALANCER)

    async def mark(self, key: ServiceKey, pod: str, *, goes_first: bool) -> None:
        """The pod is one of the first to go, or is not any more (merge patch of an annotation)."""
        cost = names.GOES_FIRST if goes_first else None
        body = {"metadata": {"annotations": {names.DELETION_COST: cost}}}
        query = {"fieldManager": names.BALANCER}
        path = path_of("Pod", key.namespace, pod)
        await self._call("PATCH", path, query=query, body=body, content_type=_MERGE)

    async def read_secret(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """The entries of one Secret, or None where there is none."""
        status, body = await self._call("GET", path_of("Secret", namespace, name))
        if status == _NOT_FOUND:
            return None
        entries = document_of(body).get("data") or {}
        return {key: base64.b64decode(value) for key, value in entries.items()}

    async def log_tail(self, namespace: str, pod: str, container: str, lines: int) -> str:
        """The last lines of a container's log, empty when there is none to be had."""
        path = path_of("Pod", namespace, pod) + "/log"
        query = {"container": container, "tailLines": str(lines)}
        status, body = await self._call("GET", path, query=query, accept=(400, 500))
        return body.decode(errors="replace") if status < _FIRST_ERROR else ""

    async def event(
        self, service: Mapping[str, Any], type_: str, reason: str, message: str, now: datetime
    ) -> None:
        """A Kubernetes event on the ModelService."""
        manifest = event_manifest(service, type_, reason, message, now)
        await self._call("POST", path_of("Event", manifest["metadata"]["namespace"]), body=manifest)

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
        accept: tuple[int, ...] = (),
    ) -> tuple[int, bytes]:
        target = f"{path}?{urlencode(query)}" if query else path
        try:
            return await self._exchange(method, target, body, content_type, accept)
        except (TimeoutError, OSError, aiohttp.ClientError, asyncio.IncompleteReadError) as error:
            raise UnavailableError(f"API server, {method} {path}: {error!r}") from error
        except ApiException as error:
            raise UnavailableError(f"API server, {method} {path}: {error.reason}") from error

    async def _exchange(
        self, method: str, target: str, body: object, content_type: str, accept: tuple[int, ...]
    ) -> tuple[int, bytes]:
        headers = {"Content-Type": content_type, "Accept": "application/json, */*"}
        _, url, headers, payload, _ = await self._client.param_serialize(
            method=method,
            resource_path=target,
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        response = await self._client.call_api(
            method, url, headers, payload, _request_timeout=REQUEST_SECONDS
        )
        content: bytes = await response.read()
        status: int = response.status
        if status == _FORBIDDEN and _namespace_goes(content):
            status = _NOT_FOUND
        if status >= _FIRST_ERROR and status not in {_NOT_FOUND, *accept}:
            raise UnavailableError(f"API server, {method} {target}: {status} {_words(content)}")
        return status, content


def event_manifest(
    service: Mapping[str, Any], type_: str, reason: str, message: str, now: datetime
) -> dict[str, Any]:
    """An Event on the ModelService."""
    meta, stamp = service["metadata"], rfc3339(now)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": meta["namespace"], "generateName": f"{meta['name']}."},
        "involvedObject": {
            "apiVersion": f"{names.GROUP}/{names.VERSION}",
            "kind": names.KIND,
            "namespace": meta["namespace"],
            "name": meta["name"],
            "uid": meta["uid"],
        },
        "type": type_,
        "reason": reason,
        "message": message[:1024],
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
        "source": {"component": names.MANAGER},
        "reportingComponent": names.MANAGER,
    }


def _namespace_goes(content: bytes) -> bool:
    """Whether a refusal says that the namespace is being deleted: what is in it is as good as gone.

    Not a right that is missing: trying again is useless, and nobody has to do anything.
    """
    try:
        causes = json.loads(content)["details"]["causes"]
        return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _words(content: bytes) -> str:
    try:
        return str(json.loads(content).get("message", ""))
    except (ValueError, AttributeError):
        return content[:200].decode(errors="replace")
