"""Finds pods for a Prometheus that was built without kubernetes_sd (Debian's is).

Usage: discover.py FILE SECONDS SELECTOR... Every SECONDS it lists the pods of all namespaces
that match one of the label selectors and writes FILE for file_sd_configs, with the labels that
kubernetes_sd_configs (role pod) gives: the relabelling is the same as in production. While the
API server does not answer, the last targets stay.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_META = "__meta_kubernetes_"
_TIMEOUT_SECONDS = 10


def targets(pods: list[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """One target group for each container port of each pod that has an address."""
    for pod in pods:
        address = pod.get("status", {}).get("podIP")
        if not address:
            continue
        for container in pod["spec"]["containers"]:
            for port in container.get("ports", []):
                yield {
                    "targets": [f"{address}:{port['containerPort']}"],
                    "labels": labels(pod, container["name"], port.get("name", "")),
                }


def labels(pod: Mapping[str, Any], container: str, port: str) -> dict[str, str]:
    """The meta labels of kubernetes_sd, as far as anybody here relabels them."""
    metadata = pod["metadata"]
    found = {
        f"{_META}namespace": metadata["namespace"],
        f"{_META}pod_name": metadata["name"],
        f"{_META}pod_phase": pod.get("status", {}).get("phase", ""),
        f"{_META}pod_container_name": container,
        f"{_META}pod_container_port_name": port,
    }
    for key, value in metadata.get("labels", {}).items():
        found[f"{_META}pod_label_{re.sub('[^a-zA-Z0-9_]', '_', key)}"] = value
    return found


def list_pods(server: str, selector: str) -> list[Mapping[str, Any]]:
    """The pods of all namespaces that match ``selector``, as the pod's service account."""
    query = urllib.parse.urlencode({"labelSelector": selector, "resourceVersion": "0"})
    request = urllib.request.Request(
        f"https://{server}/api/v1/pods?{query}",
        headers={"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}"},
    )
    context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    with urllib.request.urlopen(  # noqa: S310
        request, timeout=_TIMEOUT_SECONDS, context=context
    ) as answer:
        found: list[Mapping[str, Any]] = json.load(answer)["items"]
    return found


def write(path: Path, groups: list[dict[str, Any]]) -> None:
    """Replace the file in one step, and only if something changed."""
    text = json.dumps(groups, sort_keys=True)
    if path.exists() and path.read_text() == text:
        return
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.replace(path)


def main() -> None:
    """Look, write, wait, for ever."""
    path, seconds, selectors = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    server = f"{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    while True:
        try:
            pods = [pod for selector in selectors for pod in list_pods(server, selector)]
            write(path, list(targets(pods)))
        except (OSError, ValueError) as error:
            print(f"the API server did not answer: {error}", file=sys.stderr, flush=True)
        time.sleep(seconds)


if __name__ == "__main__":
    main()
