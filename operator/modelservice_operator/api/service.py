"""Which ModelService is meant, and one of its decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class ServiceKey(NamedTuple):
    """Namespace and name: what queues, caches and logs are keyed by."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRef:
    """One ModelService object as children refer to it."""

    namespace: str
    name: str
    uid: str
    generation: int

    @property
    def key(self) -> ServiceKey:
        """Namespace and name."""
        return ServiceKey(self.namespace, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A change of the replica count (or, in mode Recommend, the change that was not made)."""

    at: datetime
    before: int
    after: int
    reason: str
