"""``external.metrics.k8s.io``: what Prometheus knows, as an adapter gives it to the HPA controller.

Usage: metrics.py PROMETHEUS-URL CERTIFICATE KEY PORT. Standard library only; runs in a pod.

One metric, ``offered_rows_per_second`` of the service that the selector's ``service`` names:
successes, failures and what the queues grow by, over the last minute. No answer of Prometheus, or
an empty one, is an error, so that the controller leaves the replicas alone.
"""

from __future__ import annotations

import json
import ssl
import sys
import urllib.parse
import urllib.request
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GROUP_VERSION = "external.metrics.k8s.io/v1beta1"
METRIC, SELECTOR = "offered_rows_per_second", "service"
WINDOW = "1m"
_TIMEOUT_SECONDS = 5
_PREFIX = f"/apis/{GROUP_VERSION}"


def question(namespace: str, service: str) -> str:
    """PromQL."""
    of = f'{{namespace="{namespace}",modelservice="{service}"}}'
    return (
        f"sum(rate(nv_inference_request_success{of}[{WINDOW}]))"
        f" + (sum(rate(nv_inference_request_failure{of}[{WINDOW}])) or vector(0))"
        f" + (sum(deriv(nv_inference_pending_request_count{of}[{WINDOW}])) or vector(0))"
    )


def asked_for(path: str) -> tuple[str, str] | None:
    """(namespace, service) of a request for the metric; None where it is none."""
    url = urllib.parse.urlsplit(path)
    words = url.path.removeprefix(_PREFIX).strip("/").split("/")
    if not url.path.startswith(f"{_PREFIX}/") or words[::2] != ["namespaces", METRIC]:
        return None
    selector = urllib.parse.parse_qs(url.query).get("labelSelector", [""])[0]
    pairs = dict(pair.split("=", 1) for pair in selector.split(",") if "=" in pair)
    return (words[1], pairs[SELECTOR]) if SELECTOR in pairs else None


def value_of(answer: Any) -> float | None:  # noqa: ANN401 - JSON
    """Of an instant query's answer; None where it has none."""
    try:
        value = float(answer["data"]["result"][0]["value"][1])
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    return max(0.0, value) if value == value else None  # noqa: PLR0124 - NaN


def values(service: str, value: float, now: datetime) -> dict[str, Any]:
    """An ``ExternalMetricValueList``."""
    item = {
        "metricName": METRIC,
        "metricLabels": {SELECTOR: service},
        "timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "value": f"{round(1000 * value)}m",
    }
    return {
        "kind": "ExternalMetricValueList", "apiVersion": GROUP_VERSION, "metadata": {},
        "items": [item],
    }  # fmt: skip


def resources() -> dict[str, Any]:
    """An ``APIResourceList``: what is served here."""
    one = {
        "name": METRIC, "singularName": "", "namespaced": True,
        "kind": "ExternalMetricValueList", "verbs": ["get"],
    }  # fmt: skip
    return {
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": GROUP_VERSION,
        "resources": [one],
    }  # fmt: skip


def failure(code: int, message: str) -> dict[str, Any]:
    """A ``Status``."""
    return {
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code,
    }  # fmt: skip


def answered(path: str, prometheus: str) -> tuple[int, dict[str, Any]]:
    """(code, document)."""
    if urllib.parse.urlsplit(path).path.rstrip("/") == _PREFIX:
        return 200, resources()
    if (wanted := asked_for(path)) is None:
        return 404, failure(404, f"{path} is not served here")
    query = urllib.parse.urlencode({"query": question(*wanted)})
    try:
        with urllib.request.urlopen(  # noqa: S310 - the cluster's own Prometheus
            f"{prometheus}/api/v1/query?{query}", timeout=_TIMEOUT_SECONDS
        ) as response:
            value = value_of(json.load(response))
    except (OSError, ValueError) as error:
        return 503, failure(503, f"Prometheus does not answer: {error}")
    if value is None:
        return 404, failure(404, f"Prometheus knows nothing of {wanted[1]}")
    return 200, values(wanted[1], value, datetime.now(UTC))


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    prometheus = ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Whatever it is."""
        code, document = answered(self.path, self.prometheus)
        body = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Not each of the many."""


def main() -> None:
    """Serve for ever."""
    Handler.prometheus, certificate, key, port = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("", int(port)), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
