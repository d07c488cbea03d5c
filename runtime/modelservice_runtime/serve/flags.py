"""Triton's command line as a pure function of a few values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modelservice_runtime.contract.admin import ADMIN_HEADER

PROGRAM = "tritonserver"
#: Closed to everyone who does not know the key: they change, or slow down, what all clients get.
RESTRICTED_APIS = ("model-repository", "shared-memory", "trace", "logging")

#: Triton waits so long for requests in flight when it is told to stop.
EXIT_TIMEOUT_SECONDS = 15
#: Loading a large model in the Python backend takes longer than Triton's own 30 s.
STUB_TIMEOUT_SECONDS = 600
#: Models here run on CPUs; page-locked memory would only be taken away from them.
PINNED_MEMORY_BYTES = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where one Triton listens."""

    address: str = "0.0.0.0"  # noqa: S104 - a pod's own network
    http_port: int = 8000
    grpc_port: int = 8001
    metrics_port: int = 8002


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPlan:
    """One Triton with one model.

    ``admin_key``: whoever sends it may use the restricted APIs; empty restricts nothing.
    ``shared_memory_prefix``: of the Python backend's regions in /dev/shm.
    """

    repository: Path
    model: str
    endpoint: Endpoint
    admin_key: str
    shared_memory_prefix: str


def command(plan: ServerPlan, extra: Sequence[str] = ()) -> list[str]:
    """The command line; a flag in ``extra`` replaces the one of the same name."""
    replaced = {_flag(word) for word in extra}
    own = [word for word in _own(plan) if _flag(word) not in replaced]
    return [PROGRAM, *own, *extra]


def _own(plan: ServerPlan) -> list[str]:
    return [
        f"--model-repository={plan.repository}",
        "--model-control-mode=explicit",
        f"--load-model={plan.model}",
        "--exit-on-error=true",
        "--strict-readiness=true",
        "--disable-auto-complete-config",
        f"--exit-timeout-secs={EXIT_TIMEOUT_SECONDS}",
        f"--pinned-memory-pool-byte-size={PINNED_MEMORY_BYTES}",
        f"--backend-config=python,stub-timeout-seconds={STUB_TIMEOUT_SECONDS}",
        f"--backend-config=python,shm-region-prefix-name={plan.shared_memory_prefix}",
        *_listening(plan.endpoint),
        "--metrics-config=summary_latencies=true",
        "--metrics-config=summary_quantiles=0.5:0.05,0.9:0.01,0.99:0.001",
        *_restrictions(plan.admin_key),
    ]


def _listening(endpoint: Endpoint) -> list[str]:
    return [
        f"--http-address={endpoint.address}",
        f"--http-port={endpoint.http_port}",
        f"--grpc-address={endpoint.address}",
        f"--grpc-port={endpoint.grpc_port}",
        f"--metrics-address={endpoint.address}",
        f"--metrics-port={endpoint.metrics_port}",
    ]


def _restrictions(key: str) -> list[str]:
    if not key:
        return []
    rule = f"{','.join(RESTRICTED_APIS)}:{ADMIN_HEADER}={key}"
    return [f"--http-restricted-api={rule}", f"--grpc-restricted-protocol={rule}"]


def _flag(word: str) -> str:
    """What two words must share to be the same setting."""
    name, _, value = word.partition("=")
    if name in {"--metrics-config", "--backend-config"}:
        return f"{name}={value.rpartition('=')[0]}"
    return name
