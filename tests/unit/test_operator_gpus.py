"""How many GPUs there are for services, from nodes, pods, quotas and the operator's limit."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import operator_samples as samples
import pytest

from modelservice_operator.adapters.gpus import READ_SECONDS, ClusterBudgets, parse_cluster
from modelservice_operator.api import names
from modelservice_operator.api.errors import UnavailableError
from modelservice_operator.api.service import ServiceKey
from modelservice_operator.fleet import Pool
from modelservice_operator.load.gpus import budgets

GPU = "nvidia.com/gpu"
POOL = Pool(GPU)
KNOWN = ServiceKey("team", "known")
VIEWS = {KNOWN: samples.view(key=KNOWN, pool=POOL, gpus=1)}


def node(name: str, gpus: object, *, ready: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": more.pop("labels", {})},
        "spec": more,
        "status": {
            "allocatable": {"cpu": "8", GPU: gpus},
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    }


def pod(gpus: str, where: str = "a", *, serves: str = "", **more: Any) -> dict[str, Any]:
    labels = names.labels(serves, names.SERVING) if serves else {}
    container = {"resources": {"limits": {GPU: gpus}}}
    return {
        "metadata": {"name": "p", "namespace": more.pop("namespace", "team"), "labels": labels},
        "spec": {"nodeName": where, "containers": [container]},
        "status": {"phase": more.pop("phase", "Running")},
    }


def quota(namespace: str, **hard: str) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace}, "spec": {"hard": {**hard}}}


def usable(
    nodes: list[dict[str, Any]],
    pods: list[dict[str, Any]] | None = None,
    *,
    limit: int | None = None,
    pool: Pool = POOL,
) -> int | None:
    seen = parse_cluster(nodes, pods or [], [], {GPU})
    limits = {} if limit is None else {GPU: limit}
    return budgets(seen, {pool}, limits, {KNOWN}).pools[pool].usable


def test_what_nodes_have_less_what_others_hold() -> None:
    nodes = [node("a", "8"), node("b", "4")]
    pods = [pod("2"), pod("3", "b", serves="known"), pod("1", "b", phase="Succeeded")]
    assert usable(nodes, pods) == 10


def test_a_service_that_is_not_known_yet_keeps_what_it_holds() -> None:
    """As after a start of the operator, whose first rounds know of some services only."""
    nodes = [node("a", "8"), node("b", "4")]
    pods = [
        pod("3", "b", serves="known"),
        pod("5", serves="late"),
        pod("1", serves="late", phase="Failed"),
    ]
    assert usable(nodes, pods) == 7
    assert usable(nodes, pods, limit=6) == 1
    assert usable(nodes, [*pods, pod("2", serves="later")], limit=6) == 0


def test_the_operator_s_limit_is_the_most() -> None:
    assert usable([node("a", "8")], [pod("2")], limit=5) == 5
    assert usable([node("a", "8")], [pod("2")], limit=50) == 6


def test_nodes_that_are_gone_or_closed_have_none() -> None:
    nodes = [node("a", "8", ready=False), node("b", "4", unschedulable=True), node("c", "1")]
    assert usable(nodes, [pod("1", "a")]) == 1


def test_a_pool_is_on_its_own_nodes() -> None:
    pool = Pool(GPU, (("gpu", "a100"),))
    nodes = [node("a", "8", labels={"gpu": "a100"}), node("b", "4", labels={"gpu": "t4"})]
    assert usable(nodes, [pod("2", "b")], pool=pool) == 8
    assert str(pool) == "nvidia.com/gpu on nodes gpu=a100"


@pytest.mark.parametrize("nonsense", ["many", None, "-", "1e999"])
def test_a_count_that_is_none_is_none(nonsense: object) -> None:
    assert usable([node("a", nonsense), node("b", "4")]) == 4


def test_the_strictest_quota_of_a_namespace_counts_less_what_others_hold_there() -> None:
    quotas = [
        quota("team", **{f"requests.{GPU}": "6"}),
        quota("team", **{f"limits.{GPU}": "4", "pods": "10"}),
        quota("other", pods="3"),
    ]
    seen = parse_cluster([node("a", "8")], [pod("1"), pod("1", namespace="other")], quotas, {GPU})
    found = budgets(seen, {POOL}, {}, {KNOWN})
    assert {key: value.usable for key, value in found.namespaces.items()} == {(POOL, "team"): 3}


class Lists:
    """Answers as the API server, and counts how often it is asked."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.asked = 0

    async def list_all(self, path: str) -> list[Mapping[str, Any]]:
        """The scripted items."""
        self.asked += 1
        answer = self.answers[path]
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]


ANSWERS = {
    "/api/v1/nodes": [node("a", "8")],
    "/api/v1/pods": [],
    "/api/v1/resourcequotas": [],
}


def test_it_is_read_now_and_then_and_only_where_somebody_asks_for_gpus() -> None:
    lists = Lists(ANSWERS)
    reader = ClusterBudgets(lists, {})

    async def run() -> None:
        assert (await reader.read({KNOWN: samples.view()}, 0.0)).pools == {}
        assert lists.asked == 0
        for now in (0.0, 5.0, READ_SECONDS, READ_SECONDS + 1):
            assert (await reader.read(VIEWS, now)).pools[POOL].usable == 8
        assert lists.asked == 6
        assert (await reader.read(VIEWS, 1.0)).pools[POOL].usable == 8  # the clock went back

    asyncio.run(run())


@pytest.mark.parametrize(
    "answer", [UnavailableError("403"), [{"metadata": {}}], [{"spec": None}], [None]]
)
def test_what_cannot_be_read_is_not_known_and_asked_again(answer: object) -> None:
    lists = Lists(ANSWERS | {"/api/v1/nodes": answer})
    reader = ClusterBudgets(lists, {})

    async def run() -> None:
        found = (await reader.read(VIEWS, 0.0)).pools[POOL]
        assert found.usable is None
        assert "could not be read" in found.why
        lists.answers = ANSWERS
        assert (await reader.read(VIEWS, 1.0)).pools[POOL].usable == 8

    asyncio.run(run())


@pytest.mark.parametrize(("limits", "usable"), [({}, None), ({GPU: 3}, 3)])
def test_where_nodes_may_not_be_seen_the_operator_s_limit_is_what_there_is(
    limits: Mapping[str, int], usable: int | None
) -> None:
    lists = Lists(
        {
            "/api/v1/namespaces/team/pods": [pod("2")],
            "/api/v1/namespaces/team/resourcequotas": [quota("team", **{f"requests.{GPU}": "6"})],
        }
    )
    found = asyncio.run(ClusterBudgets(lists, limits, ["team"]).read(VIEWS, 0.0))
    assert found.pools[POOL].usable == usable
    assert ("balancer.gpus says nothing" in found.pools[POOL].why) == (usable is None)
    assert found.namespaces[POOL, "team"].usable == 4
