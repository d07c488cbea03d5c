"""Looks at the service again and again, tells what changed, and keeps the timeline."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from modelservice_harness.access import Access
from modelservice_harness.console import Console
from modelservice_harness.errors import HarnessError, WaitTimeout

from .loadpod import Second
from .timeline import Sample, Timeline
from .watch import EMPTY, View, changes, new_decisions, view_of

LOOK_SECONDS = 2.0


@dataclass(slots=True, kw_only=True)
class Observer:
    """``read_load`` gives the generator's new seconds (none while there is no load)."""

    access: Access
    console: Console
    namespace: str
    name: str
    timeline: Timeline
    read_load: Callable[[], Sequence[Second]] = field(default=lambda: ())
    view: View = EMPTY
    sampling: bool = False

    def look(self) -> View:
        """One look: print the differences, note decisions and, if sampling, a sample."""
        before = self.view
        self.view = self._fetch()
        for line in changes(before, self.view):
            self.console.say(f"  {line}")
        for decision in new_decisions(before, self.view):
            if self.timeline.moment(self._now(), "decision", decision.line()):
                self.console.say(f"  decision: {decision.line()}")
        if self.sampling:
            self._sample(self.read_load())
        return self.view

    def step(self, text: str) -> None:
        """Say and note what we are about to do."""
        self.console.say(text)
        self.timeline.moment(self._now(), "step", text)

    def until(self, predicate: Callable[[View], bool], deadline_seconds: float, what: str) -> View:
        """Look until ``predicate`` holds.

        Raises:
            WaitTimeout: it did not hold in time; the message holds the last conditions.
            HarnessError: the service is stalled, so that waiting is in vain.
        """
        end = time.monotonic() + deadline_seconds
        while not predicate(self.look()):
            if self.view.stalled:
                raise HarnessError(f"{what}: it is stalled: {self.view.stalled}")
            if time.monotonic() >= end:
                raise WaitTimeout(
                    f"{what}: not within {deadline_seconds:g} s; last state: {self._words()}"
                )
            time.sleep(LOOK_SECONDS)
        return self.view

    def _fetch(self) -> View:
        service = self.access.get("modelservice", self.name, namespace=self.namespace)
        selector = f"modelservice.dev/name={self.name}"
        pods = self.access.get("pods", "-l", selector, namespace=self.namespace) or {}
        if service is None:
            # The API server did not answer just now: the last view stands.
            return self.view
        return view_of(service, pods.get("items", []))

    def _sample(self, seconds: Sequence[Second]) -> None:
        count = max(1, len(seconds))
        latencies = [item.p99 for item in seconds if item.p99 is not None]
        capacity = self.view.capacity
        sample = Sample(
            seconds=self._now(),
            offered=round(sum(item.sent for item in seconds) / count, 2),
            capacity=None if capacity is None else round(capacity * self.view.ready, 2),
            desired=self.view.desired,
            ready=self.view.ready,
            p99_ms=max(latencies) if latencies else None,
            failed=sum(item.failed for item in seconds),
            refused=sum(item.refused for item in seconds),
        )
        if seconds:
            self.timeline.samples.append(sample)
        for item in seconds:
            if item.failed and self.timeline.moment(self._now(), "failure", item.error):
                self.console.say(f"  a request failed: {item.error}")

    def _now(self) -> float:
        return round(self.console.elapsed(), 1)

    def _words(self) -> str:
        rows = [f"{kind}={value}" for kind, value in self.view.conditions.items()]
        return "; ".join(rows) or "no status yet"
