"""Tritons at the port's boundary: counters that a test sets, and what was loaded."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

from modelservice_operator.api.service import ServiceRef
from modelservice_operator.drift.statistics import BatchTime, PodStatistics, Refused, Unheard
from modelservice_operator.plan.observed import PodSeen

_KEY = re.compile(r'key: "config_key" value { string_value: "([^"]+)" }')
ADMIN_KEY = "open-sesame"


def key_in(config: str) -> str:
    """The key that a configuration carries."""
    found = _KEY.search(config)
    return found.group(1) if found else ""


class FakeKeys:
    """KeysPort: one key for all."""

    async def admin_key(self, ref: ServiceRef) -> str:
        """KeysPort."""
        del ref
        return ADMIN_KEY


class FakeTritons:
    """InferencePort. ``loaded``: (pod, configuration) in order; ``asked``: how often any was."""

    def __init__(self) -> None:
        self.pods: dict[str, PodStatistics] = {}
        self.silent: set[str] = set()
        self.refusing: str = ""
        self.loaded: list[tuple[str, str]] = []
        self.asked = 0
        #: After every load: which pods serve which configuration.
        self.history: list[dict[str, str]] = []

    def start(self, pod: str, config: str) -> None:
        """A pod that has counted nothing yet."""
        self.pods[pod] = PodStatistics(
            pod=pod,
            config_key=key_in(config),
            successes=0,
            failures=0,
            request_nanoseconds=0,
            rows=0,
        )

    def serves(self) -> dict[str, str]:
        """Configuration keys by pod."""
        return {name: item.config_key for name, item in self.pods.items()}

    def answer(
        self,
        requests: int,
        milliseconds: float,
        *,
        pods: Iterable[str] = (),
        rows: int = 1,
        failures: int = 0,
    ) -> None:
        """Requests come, each an execution of ``rows`` rows that takes ``milliseconds``."""
        for name in pods or self.pods:
            old = self.pods[name]
            nanoseconds = int(requests * milliseconds * 1e6)
            self.pods[name] = dataclasses.replace(
                old,
                successes=old.successes + requests,
                failures=old.failures + failures,
                request_nanoseconds=old.request_nanoseconds + nanoseconds,
                rows=old.rows + requests * rows,
                batches=_more(old.batches, rows, requests, nanoseconds),
                p99_milliseconds=milliseconds,
            )

    async def statistics(self, pod: PodSeen, model: str) -> PodStatistics | Unheard:
        """InferencePort."""
        del model
        self.asked += 1
        if pod.name in self.silent or pod.name not in self.pods:
            return Unheard(pod=pod.name, message="no route to host")
        return self.pods[pod.name]

    async def load(
        self, pod: PodSeen, model: str, *, config: str, key: str
    ) -> Refused | Unheard | None:
        """InferencePort."""
        del model
        assert key == ADMIN_KEY
        if pod.name in self.silent or pod.name not in self.pods:
            return Unheard(pod=pod.name, message="no route to host")
        if self.refusing:
            return Refused(pod=pod.name, message=self.refusing)
        self.start(pod.name, config)
        self.loaded.append((pod.name, key_in(config)))
        self.history.append(self.serves())
        return None


def _more(
    batches: tuple[BatchTime, ...], rows: int, executions: int, nanoseconds: int
) -> tuple[BatchTime, ...]:
    known = {item.batch: item for item in batches}
    old = known.get(rows, BatchTime(batch=rows, executions=0, nanoseconds=0))
    known[rows] = BatchTime(
        batch=rows,
        executions=old.executions + executions,
        nanoseconds=old.nanoseconds + nanoseconds,
    )
    return tuple(known.values())
