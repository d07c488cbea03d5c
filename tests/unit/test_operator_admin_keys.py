"""The key of a service's Triton: always the same, everyone's own, kept nowhere but in the pods."""

from __future__ import annotations

import asyncio
import dataclasses

import operator_samples as samples
import pytest
from fake_cluster import FakeCluster
from operator_samples import NOW

from modelservice_operator.adapters.admin_keys import AdminKeys
from modelservice_operator.api.errors import UnavailableError
from modelservice_operator.plan.admin_key import key_name
from modelservice_operator.settings import MasterKey

PLACE = MasterKey(namespace="ops", secret_name="master")  # noqa: S106 - a name
REF = samples.ref()


def key_of(cluster: FakeCluster, **changes: str) -> str:
    """As an operator that has just started."""
    ref = dataclasses.replace(REF, **changes)  # type: ignore[arg-type]
    return asyncio.run(AdminKeys(cluster, PLACE).admin_key(ref))


def test_the_master_key_is_made_once_and_gives_the_same_keys_after_a_restart() -> None:
    cluster = FakeCluster(NOW)
    assert key_of(cluster) == key_of(cluster)
    (secret,) = cluster.all("Secret")
    assert (secret["metadata"]["namespace"], secret["metadata"]["name"]) == ("ops", "master")
    assert secret["immutable"]
    assert len(secret["stringData"]["key"]) >= 32


def test_every_service_has_a_key_of_its_own() -> None:
    cluster = FakeCluster(NOW)
    keys = {
        key_of(cluster),
        key_of(cluster, name="other"),
        key_of(cluster, namespace="other"),
        key_of(cluster, uid="made-again"),
    }
    assert len(keys) == 4
    assert len({key_name(key) for key in keys}) == 4
    master = cluster.all("Secret")[0]["stringData"]["key"]
    assert not any(master in key for key in keys)


def test_another_master_key_gives_other_keys() -> None:
    assert key_of(FakeCluster(NOW)) != key_of(FakeCluster(NOW))


def test_the_master_key_is_read_once() -> None:
    cluster = FakeCluster(NOW)
    keys = AdminKeys(cluster, PLACE)

    async def twice() -> tuple[str, str]:
        return await keys.admin_key(REF), await keys.admin_key(REF)

    first, second = asyncio.run(twice())
    assert first == second
    assert cluster.calls == ["create Secret master"]


def test_an_empty_secret_is_said_by_name() -> None:
    cluster = FakeCluster(NOW)
    cluster.add(
        {
            "kind": "Secret",
            "metadata": {"namespace": "ops", "name": "master"},
            "stringData": {"other": "x"},
        }
    )
    with pytest.raises(UnavailableError, match="Secret ops/master has no key"):
        key_of(cluster)
