"""The load generator as a pod, steered and read through kubectl."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelservice_harness.access import Access, wait_for
from modelservice_harness.manifests.common import Object
from modelservice_harness.manifests.program_pod import program_pod

NAME = "load"
_INSIDE = Path(__file__).parent / "inside"
_START_SECONDS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Second:
    """One line of the generator: rates per second, latencies in milliseconds."""

    time: float
    sent: float
    answered: float
    refused: int
    failed: int
    p99: float | None
    error: str


def objects(
    namespace: str, *, image: str, user: int, address: str, model: str, requests: str
) -> list[Object]:
    """A ConfigMap with the program and the requests (JSON text), and the pod that runs it."""
    return program_pod(
        NAME,
        namespace,
        image=image,
        user=user,
        command=["python", "/load/load.py", address, model, "/load/requests.json"],
        programs={"load.py": (_INSIDE / "load.py").read_text(), "requests.json": requests},
        folder="/load",
        resources={
            "requests": {"cpu": "50m", "memory": "96Mi"},
            "limits": {"memory": "512Mi"},
        },
    )


def parse_seconds(log: str) -> Iterator[Second]:
    """The generator's lines; anything else in the log is skipped."""
    for line in log.splitlines():
        try:
            found: Any = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and "sent" in found:
            yield Second(
                time=float(found["time"]),
                sent=float(found["sent"]),
                answered=float(found["answered"]),
                refused=int(found["refused"]),
                failed=int(found["failed"]),
                p99=found["p99"],
                error=str(found["error"]),
            )


@dataclass(slots=True, kw_only=True)
class LoadPod:
    """A running generator. ``last`` is the time of the last line that was read."""

    access: Access
    namespace: str
    last: float = 0.0

    def start(self, manifests: list[Object]) -> None:
        """Replace an earlier one and wait until it prints.

        Raises:
            WaitTimeout: it does not.
        """
        self.stop(wait=True)
        self.access.apply(*manifests)
        wait_for(
            self.read,
            _START_SECONDS,
            f"the load generator {self.namespace}/{NAME}",
            state=lambda: self.access.kubectl(
                "describe", "pod", NAME, namespace=self.namespace, check=False
            ).stdout[-2000:],
        )

    def set_rate(self, rows_per_second: float) -> None:
        """Send at this rate from now on."""
        script = f"echo {rows_per_second:.2f} > /tmp/rate"
        self.access.kubectl("exec", NAME, "--", "sh", "-c", script, namespace=self.namespace)

    def read(self) -> list[Second]:
        """The seconds since the last call."""
        done = self.access.kubectl("logs", NAME, "--tail=30", namespace=self.namespace, check=False)
        fresh = [item for item in parse_seconds(done.stdout) if item.time > self.last]
        if fresh:
            self.last = fresh[-1].time
        return fresh

    def stop(self, *, wait: bool = False) -> None:
        """Remove it; not there is fine."""
        self.access.kubectl(
            "delete",
            "pod,configmap",
            NAME,
            "--ignore-not-found",
            f"--wait={'true' if wait else 'false'}",
            namespace=self.namespace,
        )
