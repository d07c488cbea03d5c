"""Queue, fleet loop, heartbeat and logs."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import operator_samples as samples
import pytest
from fake_cluster import FakeCluster
from operator_samples import NOW

from modelservice_operator import queueing
from modelservice_operator.api.errors import UnavailableError
from modelservice_operator.api.service import ServiceKey
from modelservice_operator.api.spec import Scaling
from modelservice_operator.fleet import Fleet, ServiceView
from modelservice_operator.keeping import BalancerMemory
from modelservice_operator.load.forecast import Rates
from modelservice_operator.load.gpus import Budgets
from modelservice_operator.load.reading import Load, LoadReading, NoData
from modelservice_operator.logs import JsonFormatter, PlainFormatter
from modelservice_operator.queueing import ServiceQueue
from modelservice_operator.rebalance import Rebalancer
from modelservice_operator.settings import BalancerSettings
from modelservice_operator.telemetry import Heartbeats, OperatorTelemetry

KEY = ServiceKey("demo", "tiny")


class Looks:
    """A reconcile that counts; fails the first ``failures`` times."""

    def __init__(self, failures: int = 0, pause: float | None = None) -> None:
        self.count = 0
        self.failures = failures
        self.pause = pause
        self.seen = asyncio.Event()

    async def __call__(self, key: ServiceKey) -> float | None:
        """One look."""
        assert key == KEY
        self.count += 1
        if self.count <= self.failures:
            raise UnavailableError("not now")
        self.seen.set()
        return self.pause


def test_many_marks_are_one_look() -> None:
    async def run() -> int:
        looks = Looks()
        queue = ServiceQueue(looks)
        for _ in range(100):
            queue.mark_dirty(KEY)
        await asyncio.wait_for(looks.seen.wait(), 5)
        await queue.close()
        return looks.count

    assert asyncio.run(run()) == 1


def test_a_failed_look_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queueing, "FIRST_RETRY_SECONDS", 0.01)

    async def run() -> int:
        looks = Looks(failures=2)
        queue = ServiceQueue(looks)
        queue.mark_dirty(KEY)
        await asyncio.wait_for(looks.seen.wait(), 5)
        await queue.close()
        return looks.count

    assert asyncio.run(run()) == 3


def test_the_worker_of_a_gone_service_ends() -> None:
    async def run() -> int:
        looks = Looks()
        queue = ServiceQueue(looks)
        queue.mark_dirty(KEY)
        await asyncio.wait_for(looks.seen.wait(), 5)
        async with asyncio.timeout(5):
            while len(queue):  # noqa: ASYNC110 - the queue has no event for an ending
                await asyncio.sleep(0)
        return len(queue)

    assert asyncio.run(run()) == 0


class ScriptedLoad:
    """LoadPort: what it is told."""

    def __init__(self, reading: LoadReading) -> None:
        self.reading = reading

    async def read(
        self, views: Mapping[ServiceKey, ServiceView], now: float
    ) -> Mapping[ServiceKey, LoadReading]:
        """The scripted reading for every service."""
        assert now == NOW.timestamp()
        return dict.fromkeys(views, self.reading)


class NoGpus:
    """GpusPort of a cluster that has none."""

    async def read(self, views: Mapping[ServiceKey, ServiceView], now: float) -> Budgets:
        """No pool is asked for."""
        assert now == NOW.timestamp()
        assert not any(view.pool for view in views.values())
        return Budgets()


class Replicas:
    """ReplicasPort that keeps what was set; refuses while ``broken``."""

    def __init__(self) -> None:
        self.counts: dict[ServiceKey, int] = {}
        self.broken: set[ServiceKey] = set()
        self.marked: list[str] = []
        self.unmarkable = False

    async def set_replicas(self, key: ServiceKey, replicas: int) -> None:
        """Keep the count."""
        if key in self.broken:
            raise UnavailableError("not now")
        self.counts[key] = replicas

    async def mark(self, key: ServiceKey, pod: str, *, goes_first: bool) -> None:
        """Keep who goes first."""
        assert key not in self.counts, "before the count is set"
        if self.unmarkable:
            raise UnavailableError("not allowed")
        if goes_first:
            self.marked.append(pod)
        else:
            self.marked.remove(pod)


class FixedClock:
    """It is always noon."""

    def now(self) -> datetime:
        """Noon."""
        return NOW


class Round:
    """A fleet of one service and everything around it."""

    def __init__(self, reading: LoadReading) -> None:
        self.fleet = Fleet()
        self.fleet.publish(samples.view())
        self.load = ScriptedLoad(reading)
        self.replicas = Replicas()
        self.cluster = FakeCluster(NOW)
        self.dirty: list[ServiceKey] = []
        self.telemetry = OperatorTelemetry(limit_seconds=60)
        self.rebalancer = Rebalancer(
            fleet=self.fleet,
            load=self.load,
            gpus=NoGpus(),
            replicas=self.replicas,
            clock=FixedClock(),
            settings=BalancerSettings(),
            mark_dirty=self.dirty.append,
            telemetry=self.telemetry,
            memory=BalancerMemory(self.cluster, soon_seconds=45),
        )

    def run(self) -> None:
        """One round."""
        asyncio.run(self.rebalancer.round())


LOADED = Load(
    rates=Rates(short=150.0, long=150.0, before=150.0),
    pending=0.0,
    requests=9000.0,
    violations=0.0,
    age_seconds=1.0,
    complete=True,
)


def test_a_round_sets_the_replicas_and_tells_the_service() -> None:
    fleet = Round(LOADED)
    fleet.run()
    assert fleet.replicas.counts == {KEY: 4}
    assert fleet.fleet.verdicts[KEY].desired == 4
    assert fleet.dirty == [KEY]


def test_the_same_verdict_disturbs_nobody() -> None:
    fleet = Round(NoData(reason="NoSeries", message="nothing"))
    fleet.run()
    fleet.run()
    assert fleet.dirty == [KEY]
    assert fleet.replicas.counts == {}


def test_one_failing_service_does_not_stop_the_others() -> None:
    fleet = Round(LOADED)
    other = ServiceKey("demo", "other")
    fleet.fleet.publish(samples.view(key=other))
    fleet.replicas.broken = {KEY}
    fleet.run()
    assert fleet.replicas.counts == {other: 4}
    assert KEY not in fleet.fleet.verdicts


def by_hand(replicas: int) -> Scaling:
    """A count that needs no load."""
    return Scaling(min_replicas=1, max_replicas=8, mode="Auto", replicas=replicas)


def test_who_goes_first_is_marked_before_the_count_is_set() -> None:
    fleet = Round(LOADED)
    fleet.fleet.publish(samples.view(replicas=3, scaling=by_hand(2)))
    fleet.run()
    assert fleet.replicas.marked == ["tiny-0"]
    assert fleet.replicas.counts == {KEY: 2}


def test_an_old_mark_is_taken_away() -> None:
    fleet = Round(LOADED)
    pods = (replace(samples.replicas_seen(1)[0], marked=True),)
    fleet.fleet.publish(samples.view(replicas=1, pods=pods, scaling=by_hand(1)))
    fleet.replicas.marked = ["tiny-0"]
    fleet.run()
    assert fleet.replicas.marked == []


def test_fewer_replicas_do_not_wait_for_a_mark() -> None:
    fleet = Round(LOADED)
    fleet.fleet.publish(samples.view(replicas=3, scaling=by_hand(2)))
    fleet.replicas.unmarkable = True
    fleet.run()
    assert fleet.replicas.counts == {KEY: 2}


def test_a_gone_service_leaves_no_series_behind() -> None:
    fleet = Round(LOADED)
    fleet.run()
    labels = {"namespace": "demo", "name": "tiny"}
    registry = fleet.telemetry.registry
    assert registry.get_sample_value("modelservice_replicas_desired", labels) == 4
    fleet.fleet.forget(KEY)
    fleet.run()
    assert registry.get_sample_value("modelservice_replicas_desired", labels) is None


def test_a_service_that_nothing_could_be_done_about_leaves_no_series_either() -> None:
    fleet = Round(LOADED)
    fleet.replicas.broken = {KEY}
    fleet.run()
    labels = {"namespace": "demo", "name": "tiny"}
    registry = fleet.telemetry.registry
    assert registry.get_sample_value("modelservice_planned_rows_per_second", labels) is not None
    fleet.fleet.forget(KEY)
    fleet.run()
    assert registry.get_sample_value("modelservice_planned_rows_per_second", labels) is None


def test_a_loop_that_stops_turning_is_late() -> None:
    moment = 0.0
    beats = Heartbeats(60, clock=lambda: moment)
    moment = 50.0
    beats.beat("fleet")
    assert beats.late() == {}
    moment = 90.0
    assert beats.late() == {"resync": 90.0}


def record(**extra: str) -> logging.LogRecord:
    """A record about an object."""
    entry = logging.LogRecord("x", logging.INFO, "f", 1, "Created %s", ("Job",), None)
    entry.__dict__.update(extra)
    return entry


def test_json_logs_name_the_object() -> None:
    line = json.loads(JsonFormatter().format(record(namespace="demo", service="tiny")))
    assert line["message"] == "Created Job"
    assert (line["namespace"], line["service"], line["level"]) == ("demo", "tiny", "info")


def test_plain_logs_name_the_object() -> None:
    assert "demo/tiny: Created Job" in PlainFormatter().format(
        record(namespace="demo", service="tiny")
    )
