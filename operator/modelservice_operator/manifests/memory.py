"""The planned memory of a serving pod, as its containers and its /dev/shm take it."""

from __future__ import annotations

from collections.abc import Mapping

from modelservice_operator.api.quantities import parse_quantity
from modelservice_operator.api.spec import Resources
from modelservice_operator.plan.memory import PodMemory

_MEBIBYTE = 1 << 20


def with_memory(wanted: Resources, memory: PodMemory) -> Resources:
    """``wanted`` with the planned request and limit; what is equal stays as it was written."""
    return Resources(
        requests=_with(wanted.requests, memory.request_bytes),
        limits=_with(wanted.limits, memory.limit_bytes),
    )


def quantity(size: int) -> str:
    """``512Mi``, or plain bytes where that would not be exact."""
    return str(size) if size % _MEBIBYTE else f"{size // _MEBIBYTE}Mi"


def _with(given: Mapping[str, str], size: int) -> Mapping[str, str]:
    written = parse_quantity(given.get("memory", "0"), "spec.serving.resources")
    return given if size == int(written) else {**given, "memory": quantity(size)}
