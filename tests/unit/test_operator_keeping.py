"""The balancer's memory: when it is written, and what the next process makes of it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

import operator_samples as samples
import pytest
from fake_cluster import FakeCluster
from fleet_samples import load
from operator_samples import NOW
from reconcile_world import ScriptedClock, World

from modelservice_operator import keeping
from modelservice_operator.api import names
from modelservice_operator.api.errors import UnavailableError
from modelservice_operator.api.service import ServiceKey
from modelservice_operator.fleet import Fleet, ServiceView
from modelservice_operator.keeping import WRITES_A_ROUND, BalancerMemory
from modelservice_operator.load.cold_start import ColdStart
from modelservice_operator.load.gpus import Budgets
from modelservice_operator.load.reading import LoadReading
from modelservice_operator.load.replicas import BalancerState
from modelservice_operator.rebalance import Rebalancer
from modelservice_operator.settings import BalancerSettings
from modelservice_operator.telemetry import OperatorTelemetry

KEY = ServiceKey("demo", "tiny")
NOW_S = NOW.timestamp()
NAME = "tiny-balancing"


class KeptCluster(FakeCluster):
    """Refuses to apply while it is ``closed``; ``written``: how often it was done."""

    def __init__(self) -> None:
        super().__init__(NOW)
        self.closed = False
        self.written = 0

    async def apply(self, manifest: Mapping[str, Any], manager: str) -> None:
        """Replace the object."""
        if self.closed:
            raise UnavailableError("not now")
        self.written += 1
        assert manager == names.BALANCER
        self.add(manifest)

    @property
    def text(self) -> str:
        """What is kept of the service, empty for nothing."""
        found = self.objects.get(("ConfigMap", "demo", NAME), {"data": {}})
        return str(found["data"].get(names.STATE_FILE, ""))


def view(cluster: KeptCluster | None = None, **changes: Any) -> ServiceView:
    """The sample service, with what the cluster keeps of it."""
    text = cluster.text if cluster else ""
    return samples.view(**({"uid": "uid-1", "remembered": text} | changes))


def started(*seconds: float) -> BalancerState:
    """It has learned how long replicas take to start."""
    return BalancerState(starts=ColdStart(seen=seconds))


def memory_of(cluster: KeptCluster) -> BalancerMemory:
    """A process that begins."""
    return BalancerMemory(cluster, soon_seconds=45)


def keep(memory: BalancerMemory, state: BalancerState, now: float, **changes: Any) -> None:
    """One round that leaves the service with this state."""
    seen = view(**changes)
    memory.states({KEY: seen}, now)
    memory.take(seen, state, seen.replicas, now)
    asyncio.run(memory.write_due(now))


def test_it_is_written_when_it_matters_and_at_most_once_a_minute() -> None:
    cluster = KeptCluster()
    memory = memory_of(cluster)
    keep(memory, BalancerState(), NOW_S)
    assert cluster.written == 0
    keep(memory, started(30.0), NOW_S + 5)
    assert cluster.written == 1
    for second in range(6, 65):
        keep(memory, started(30.0, float(second)), NOW_S + second)
    assert cluster.written == 1
    keep(memory, started(30.0, 64.0), NOW_S + 65)
    keep(memory, started(30.0, 64.0), NOW_S + 130)
    assert cluster.written == 2


def test_what_only_grows_older_is_written_now_and_then() -> None:
    cluster = KeptCluster()
    memory = memory_of(cluster)
    keep(memory, started(30.0), NOW_S)
    for second in range(5, 1300, 5):
        passing = BalancerState(starts=ColdStart(seen=(30.0,)), fresh=second % 2)
        keep(memory, passing, NOW_S + second)
    assert cluster.written == 3


def test_the_cluster_collects_it_with_the_service() -> None:
    cluster = KeptCluster()
    keep(memory_of(cluster), started(30.0), NOW_S)
    (owner,) = cluster.objects["ConfigMap", "demo", NAME]["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("ModelService", "tiny", "uid-1")


def test_a_write_that_fails_is_said_and_tried_again_a_minute_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster = KeptCluster()
    memory = memory_of(cluster)
    cluster.closed = True
    for second in range(0, 60, 5):
        keep(memory, started(30.0), NOW_S + second)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    cluster.closed = False
    keep(memory, started(30.0), NOW_S + 60)
    assert cluster.written == 1


def test_many_services_are_not_written_in_one_round() -> None:
    cluster = KeptCluster()
    memory = memory_of(cluster)
    views = {
        key: samples.view(key.name, key=key, uid="u")
        for key in (ServiceKey("demo", f"s{number}") for number in range(50))
    }
    memory.states(views, NOW_S)
    for seen in views.values():
        memory.take(seen, started(30.0), 2, NOW_S)
    for number in range(1, 4):
        asyncio.run(memory.write_due(NOW_S + 5 * number))
        assert cluster.written == min(50, WRITES_A_ROUND * number)


def test_a_service_made_anew_under_the_same_name_begins_anew() -> None:
    cluster = KeptCluster()
    memory = memory_of(cluster)
    keep(memory, started(30.0), NOW_S)
    assert memory.states({KEY: view()}, NOW_S + 5) == {KEY: started(30.0)}
    assert memory.states({KEY: view(cluster, uid="uid-2")}, NOW_S + 10) == {KEY: BalancerState()}
    assert memory.states({}, NOW_S + 15) == {}


def test_an_end_writes_what_was_not_written_yet() -> None:
    cluster = KeptCluster()
    memory = memory_of(cluster)
    keep(memory, started(30.0), NOW_S)
    keep(memory, started(30.0, 31.0), NOW_S + 5)
    asyncio.run(memory.end())
    assert json.loads(cluster.text)["ended"] is True
    found = memory_of(cluster).states({KEY: view(cluster)}, NOW_S + 20)
    assert found == {KEY: started(30.0, 31.0)}


def test_the_text_of_an_end_is_replaced_in_the_first_round_after() -> None:
    cluster = KeptCluster()
    first = memory_of(cluster)
    keep(first, started(30.0), NOW_S)
    asyncio.run(first.end())
    keep(memory_of(cluster), started(30.0), NOW_S + 10, remembered=cluster.text)
    assert json.loads(cluster.text)["ended"] is False


def test_a_service_that_no_round_could_do_anything_about_is_not_written() -> None:
    cluster = KeptCluster()
    memory = memory_of(cluster)
    memory.states({KEY: view(remembered="{")}, NOW_S)
    asyncio.run(memory.write_due(NOW_S))
    asyncio.run(memory.end())
    assert cluster.written == 0


def test_what_cannot_be_read_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    memory = memory_of(KeptCluster())
    for second in range(3):
        found = memory.states({KEY: view(remembered="garbage")}, NOW_S + second)
        assert found == {KEY: BalancerState()}
    (record,) = caplog.records
    assert "not used: it cannot be read" in record.getMessage()
    assert record.__dict__["service"] == "tiny"


# --- the loop and the reconcile around it ---------------------------------------------------------


class Steady:
    """LoadPort: ten rows a second all the time."""

    async def read(
        self, views: Mapping[ServiceKey, ServiceView], now: float
    ) -> Mapping[ServiceKey, LoadReading]:
        """Of every service the same."""
        del now
        return dict.fromkeys(views, load(10.0))


class NoGpus:
    """GpusPort of a cluster that has none."""

    async def read(self, views: Mapping[ServiceKey, ServiceView], now: float) -> Budgets:
        """Nothing."""
        del views, now
        return Budgets()


class Operator:
    """A process of the operator: its fleet loop, over a cluster and a clock that outlive it."""

    def __init__(self, cluster: KeptCluster, clock: ScriptedClock) -> None:
        self.cluster, self.clock = cluster, clock
        self.fleet = Fleet()
        self.telemetry = OperatorTelemetry(limit_seconds=60)
        self.loop = Rebalancer(
            fleet=self.fleet,
            load=Steady(),
            gpus=NoGpus(),
            replicas=cluster,
            clock=clock,
            settings=BalancerSettings(),
            mark_dirty=lambda _: None,
            telemetry=self.telemetry,
            memory=memory_of(cluster),
        )

    def turn(self, rounds: int) -> None:
        """So many rounds, five seconds apart."""
        for _ in range(rounds):
            replicas = self.cluster.objects["Deployment", *KEY]["spec"]["replicas"]
            self.fleet.publish(view(self.cluster, replicas=replicas))
            asyncio.run(self.loop.round())
            self.clock.advance(5)

    def end(self) -> None:
        """As SIGTERM ends it."""

        async def run() -> None:
            task = asyncio.create_task(self.loop.run_forever())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(run())

    @property
    def replicas(self) -> int:
        """What the Deployment has."""
        return int(self.cluster.objects["Deployment", *KEY]["spec"]["replicas"])


def new_cluster() -> KeptCluster:
    """A cluster with a Deployment of eight replicas."""
    cluster = KeptCluster()
    meta = {"namespace": "demo", "name": "tiny"}
    cluster.add({"kind": "Deployment", "metadata": meta, "spec": {"replicas": 8}})
    return cluster


#: The hold is 150 s for starts of 30 s; rounds come every 5 s.
HOLD_ROUNDS = 30


def test_an_orderly_restart_prolongs_no_hold_and_shortens_none() -> None:
    cluster, clock = new_cluster(), ScriptedClock()
    first = Operator(cluster, clock)
    first.turn(HOLD_ROUNDS - 5)
    first.end()
    second = Operator(cluster, clock)
    second.turn(5)
    assert second.replicas == 8
    second.turn(5)
    assert second.replicas == 4


def test_an_end_waits_for_no_api_server_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(keeping, "END_SECONDS", 0.01)
    operator = Operator(new_cluster(), ScriptedClock())
    operator.turn(1)

    async def hang(manifest: Mapping[str, Any], manager: str) -> None:
        del manifest, manager
        await asyncio.Event().wait()

    monkeypatch.setattr(operator.cluster, "apply", hang)
    operator.end()
    assert "could not be written in time" in caplog.text


def test_after_a_crash_the_present_is_held_for_a_whole_window() -> None:
    cluster, clock = new_cluster(), ScriptedClock()
    Operator(cluster, clock).turn(HOLD_ROUNDS - 5)
    second = Operator(cluster, clock)
    second.turn(HOLD_ROUNDS)
    assert second.replicas == 8
    second.turn(5)
    assert second.replicas == 4


def test_the_reconcile_hands_over_what_the_cluster_keeps() -> None:
    world = World()
    world.built()
    labels = names.labels(KEY.name, names.STATE) | {names.KIND_LABEL: names.BALANCING}
    meta = {"namespace": "demo", "name": NAME, "labels": labels}
    world.cluster.add(
        {"kind": "ConfigMap", "metadata": meta, "data": {names.STATE_FILE: '{"kept": 1}'}}
    )
    world.restart_operator()
    world.fleet = Fleet()
    world.restart_operator()
    world.look()
    seen = world.fleet.views[KEY]
    assert (seen.uid, seen.remembered) == ("uid-1", '{"kept": 1}')
    assert ("ConfigMap", "demo", NAME) in world.cluster.objects


def test_a_new_text_alone_wakes_nobody() -> None:
    fleet = Fleet()
    fleet.publish(view())
    fleet.changed.clear()
    fleet.publish(view(remembered="{}"))
    assert not fleet.changed.is_set()
