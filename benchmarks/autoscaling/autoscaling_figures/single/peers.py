"""Who sizes one service, with which settings: defaults, and grids for hindsight. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from autoscaling_figures.capacities import capacity_of_model
from autoscaling_figures.controllers.dynamo import DynamoLike
from autoscaling_figures.controllers.hpa import Hpa, Keda, offered, queued
from autoscaling_figures.controllers.kpa import Kpa
from autoscaling_figures.controllers.product import Product
from autoscaling_figures.controllers.ray import RayServe
from autoscaling_figures.controllers.signals import queue_times
from autoscaling_figures.runs.running import Case
from autoscaling_figures.simulator.world import Controller

Made = Callable[[Case], Controller]

OURS, HPA, KEDA, KPA = "ours", "HPA 70 %", "KEDA 70 %", "KPA 0.75 B"
RAY, DYNAMO = "Ray Serve", "Dynamo-like"
DEPTH, WAITING = "KEDA on queue depth", "HPA on queue time"
#: Of the capacity within the goal, with the stabilisation of the defaults.
SHARE, STABILIZATION = 0.7, 300.0
#: Of the recipes: requests that wait at each replica; microseconds, of Triton's own sample.
DEPTH_TARGET, WAITING_TARGET = 10.0, 50.0
#: Of ours: the share of violations that is promised, the one thing that a user says.
PROMISES = (0.005, 0.01, 0.02, 0.04)
DEFAULT_PROMISE = 0.01
HPA_SHARES = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1)
HPA_WINDOWS = (60.0, 300.0)
KPA_SHARES, KPA_DELAYS = (0.25, 0.5, 0.75, 1.0), (0.0, 300.0)
RAY_TARGETS = (1.0, 2.0, 4.0, 6.0)


def ours(promise: float = DEFAULT_PROMISE) -> Made:
    """The product as it is, for a promise."""

    def make(case: Case) -> Controller:
        model = replace(case.model, allowed=promise)
        capacities = {case.trace.name: capacity_of_model(model)}
        return Product(capacities=capacities, most=case.most, allowed=promise)

    return make


def hpa(share: float = SHARE, window: float = STABILIZATION) -> Made:
    """On offered requests of each pod; ``share``: of what a replica carries."""
    return lambda case: Hpa(target=share * case.each, stabilization=window)


def kpa(share: float = 0.75, delay: float = STABILIZATION) -> Made:
    """On concurrency; ``share``: of the largest batch."""
    return lambda case: Kpa(target=share * case.model.batch, delay=delay)


#: As they are set up without hindsight.
FIXED: Mapping[str, Made] = {
    HPA: hpa(),
    KEDA: lambda case: Keda(metric=offered, target=SHARE * case.each),
    KPA: kpa(),
    RAY: lambda _: RayServe(target=2.0),
    DYNAMO: lambda case: DynamoLike(capacity=case.each),
    DEPTH: lambda _: Keda(metric=queued, target=DEPTH_TARGET),
    WAITING: lambda _: Hpa(target=WAITING_TARGET, metric=queue_times),
}
PROMISED: Mapping[str, Made] = {f"{OURS} {promise:g}": ours(promise) for promise in PROMISES}
#: By family: every point of its grid.
GRIDS: Mapping[str, Mapping[str, Made]] = {
    "HPA": {
        f"HPA {share:g} {window:g}": hpa(share, window)
        for share in HPA_SHARES
        for window in HPA_WINDOWS
    },
    "KPA": {
        f"KPA {share:g} {delay:g}": kpa(share, delay)
        for share in KPA_SHARES
        for delay in KPA_DELAYS
    },
    "Ray": {f"Ray {each:g}": (lambda _, each=each: RayServe(target=each)) for each in RAY_TARGETS},
}
#: Those that a fixed one is a point of.
SAME = {HPA: "HPA 0.7 300", KPA: "KPA 0.75 300", RAY: "Ray 2", OURS: f"{OURS} {DEFAULT_PROMISE:g}"}


def everybody() -> dict[str, Made]:
    """All that is run, each once."""
    grids = {name: make for grid in GRIDS.values() for name, make in grid.items()}
    fixed = {name: make for name, make in FIXED.items() if name not in SAME}
    return {**PROMISED, **fixed, **grids}
