"""Another autoscaler for a Deployment of ours: noticed, named, refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import operator_samples as samples
import pytest

from modelservice_operator.plan.rivals import conflict, rival_of


def autoscaler(kind: str = "Deployment", name: str = "tiny", **meta: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "keda-hpa-tiny", "namespace": "demo", **meta},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind, "name": name}},
    }


def test_one_that_names_the_deployment_is_a_rival() -> None:
    others = [autoscaler(name="other"), autoscaler(kind="ModelService")]
    assert rival_of(others, "tiny") == ""
    assert rival_of([*others, autoscaler()], "tiny") == "HorizontalPodAutoscaler keda-hpa-tiny"


def test_people_know_the_object_that_it_was_made_for() -> None:
    owner = {"kind": "ScaledObject", "name": "tiny-by-queue"}
    assert rival_of([autoscaler(ownerReferences=[owner])], "tiny") == "ScaledObject tiny-by-queue"


@pytest.mark.parametrize("spec", [None, {}, {"scaleTargetRef": None}])
def test_an_object_that_names_nothing_is_none(spec: Any) -> None:
    assert rival_of([{**autoscaler(), "spec": spec}], "tiny") == ""


def test_a_conflict_is_one_where_we_would_set_the_replicas() -> None:
    children = samples.children(rival="HorizontalPodAutoscaler x", deployment=samples.deployment())
    spec = samples.spec()
    assert "HorizontalPodAutoscaler x sets the replicas" in conflict(spec, children, "tiny")
    advising = dataclasses.replace(spec.scaling, mode="Recommend")
    assert conflict(dataclasses.replace(spec, scaling=advising), children, "tiny") == ""
    assert conflict(dataclasses.replace(spec, suspend=True), children, "tiny") == ""
    assert conflict(spec, dataclasses.replace(children, deployment=None), "tiny") == ""
