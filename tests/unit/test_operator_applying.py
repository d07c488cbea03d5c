"""How a changed setting reaches the pods: one at a time until it is proven, whatever happens."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_operator.drift.statistics import Figures, PodStatistics, Unheard
from modelservice_operator.plan.applying import (
    BLOCKED_SECONDS,
    MAX_ATTEMPTS,
    MAX_TRIAL_SECONDS,
    Done,
    Load,
    Promote,
    RollBack,
    RollOut,
    ServingPod,
    Situation,
    Try,
    Wait,
    Watch,
    next_applying_step,
)
from modelservice_operator.plan.remembered import Trial

OLD, NEW, OTHER = "old", "new", "other"
NOW = 1_000_000.0


def stats(pod: str, key: str = OLD, requests: int = 0, **changes: Any) -> PodStatistics:
    """A pod whose requests took 10 ms each."""
    base = PodStatistics(
        pod=pod,
        config_key=key,
        successes=requests,
        failures=0,
        request_nanoseconds=requests * 10_000_000,
        rows=requests,
        p99_milliseconds=20.0 if requests else None,
    )
    return dataclasses.replace(base, **changes)


def pod(name: str, key: str = OLD, requests: int = 0, **changes: Any) -> ServingPod:
    return ServingPod(name=name, ready=True, restarts=0, seen=stats(name, key, requests, **changes))


def silent(name: str) -> ServingPod:
    return ServingPod(name=name, ready=True, restarts=0, seen=Unheard(pod=name, message="no route"))


def away(name: str, restarts: int = 0) -> ServingPod:
    return ServingPod(name=name, ready=False, restarts=restarts, seen=None)


def trial(of: str = "a", *, age: float = 60.0, **changes: Any) -> Trial:
    base = Trial(
        config_key=NEW,
        pod=of,
        since=NOW - age,
        attempt=1,
        restarts=0,
        started=(stats("a", NEW), stats("b"), stats("c")),
    )
    return dataclasses.replace(base, **changes)


def situation(*pods: ServingPod, **changes: Any) -> Situation:
    base = Situation(
        target=NEW,
        truth=OLD,
        same_pods=True,
        fits=True,
        needs_trial=True,
        forced="",
        one_template=True,
        replicas=len(pods),
        pods=pods,
        trial=None,
        blocked_since=None,
        goal_milliseconds=30.0,
        trial_seconds=60.0,
        now=NOW,
    )
    return dataclasses.replace(base, **changes)


@pytest.mark.parametrize(
    ("given_situation", "kind", "of"),
    [
        (situation(pod("a"), same_pods=False), RollOut, None),
        (situation(pod("a"), truth=NEW, same_pods=False), RollOut, None),
        (situation(pod("a"), forced=NEW), RollOut, None),
        (situation(pod("a"), fits=False), RollOut, None),
        (situation(pod("a"), one_template=False), Wait, None),
        (situation(pod("a"), needs_trial=False), Promote, None),
        (situation(away("a"), needs_trial=False), Promote, None),
        (situation(pod("a"), silent("b"), needs_trial=False), Wait, None),
        (situation(), Promote, None),
        (situation(pod("a"), pod("b")), Try, "a"),
        (situation(silent("a"), pod("b")), Wait, None),
        (situation(silent("a"), pod("b"), blocked_since=NOW - BLOCKED_SECONDS), Try, "b"),
        (situation(silent("a")), Wait, None),
        (situation(away("a")), Wait, None),
        (situation(silent("a"), blocked_since=NOW - BLOCKED_SECONDS), RollOut, None),
        (situation(pod("a"), pod("b", OTHER)), Load, "b"),
        # The operator died between the load and what it meant to write down.
        (situation(pod("a"), pod("b", NEW)), Try, "b"),
        (situation(pod("a", NEW), pod("b", NEW)), Load, "b"),
        (situation(pod("a", NEW), pod("b"), trial=trial(age=5.0)), Watch, None),
        (situation(pod("a", NEW), pod("b", NEW), trial=trial()), Load, "b"),
        (situation(pod("a"), pod("b"), trial=trial()), Try, "a"),
        (situation(pod("b"), trial=trial()), Try, "b"),
        (situation(pod("b"), trial=trial(attempt=MAX_ATTEMPTS)), RollBack, ""),
        (situation(away("a", restarts=1), trial=trial()), RollBack, ""),
        (situation(pod("a"), trial=trial(restarts=-1)), RollBack, ""),
        (situation(away("a"), trial=trial()), RollBack, "a"),
        (situation(silent("a"), trial=trial()), Watch, None),
        (situation(silent("a"), trial=trial(age=601.0)), RollBack, "a"),
        (situation(pod("a", NEW), pod("b"), truth=NEW), Load, "b"),
        (situation(pod("a", NEW), silent("b"), truth=NEW), Done, None),
        (situation(pod("a", NEW), pod("b"), truth=NEW, one_template=False), Done, None),
    ],
)
def test_the_table(given_situation: Situation, kind: type, of: str | None) -> None:
    step = next_applying_step(given_situation)
    assert isinstance(step, kind), step
    if of is not None:
        assert getattr(step, "pod", None) == of
    if not isinstance(step, Done):
        assert step.words


def judged(own: PodStatistics, *others: PodStatistics, age: float = 60.0, **changes: Any) -> object:
    """The step about a trial of pod a; its counters began at nought, and the others' too."""
    pods = [ServingPod(name=s.pod, ready=True, restarts=0, seen=s) for s in (own, *others)]
    return next_applying_step(situation(*pods, trial=trial(age=age, **changes)))


def test_one_that_does_as_well_is_proven_and_its_words_say_how() -> None:
    step = judged(stats("a", NEW, 300), stats("b", OLD, 300))
    assert isinstance(step, Promote)
    assert step.words == "its p99 is 20.0 ms over 300 requests, 20.0 ms the other replicas"


def test_a_worse_p99_beyond_the_goal_is_taken_back() -> None:
    step = judged(stats("a", NEW, 300, p99_milliseconds=31.0), stats("b", OLD, 300))
    assert isinstance(step, RollBack)
    assert step.pod == "a"
    assert "its p99 is 31.0 ms over 300 requests, 20.0 ms the other replicas" in step.words


def test_a_later_answer_within_the_goal_is_no_harm() -> None:
    assert isinstance(
        judged(stats("a", NEW, 300, p99_milliseconds=29.0), stats("b", OLD, 300)), Promote
    )


def test_a_p99_that_was_beyond_the_goal_before_is_not_worse() -> None:
    own = stats("a", NEW, 300, p99_milliseconds=44.0)
    assert isinstance(judged(own, stats("b", OLD, 300, p99_milliseconds=40.0)), Promote)
    assert isinstance(judged(own, stats("b", OLD, 300, p99_milliseconds=35.0)), RollBack)


def test_more_failures_are_taken_back_at_once() -> None:
    step = judged(stats("a", NEW, 290, failures=10), stats("b", OLD, 300), age=5.0)
    assert isinstance(step, RollBack)
    assert "3.3% of its requests failed, 0.0% the other replicas" in step.words


def test_failures_that_all_have_are_not_the_setting_s() -> None:
    assert isinstance(
        judged(stats("a", NEW, 290, failures=10), stats("b", OLD, 290, failures=10)), Promote
    )


def test_a_lone_replica_is_compared_with_itself_before() -> None:
    before = Figures(successes=900, failures=0, mean_milliseconds=10.0, p99_milliseconds=20.0)
    worse = stats("a", NEW, 300, p99_milliseconds=50.0)
    assert isinstance(judged(worse, before=before), RollBack)
    assert isinstance(judged(stats("a", NEW, 300), before=before), Promote)


def test_before_the_quantiles_are_its_own_the_mean_counts() -> None:
    """Triton's p99 is of a minute: after ten seconds most of it is the old setting's."""
    own = stats("a", NEW, 300, p99_milliseconds=99.0)
    pods = [
        ServingPod(name=s.pod, ready=True, restarts=0, seen=s) for s in (own, stats("b", OLD, 300))
    ]
    found = next_applying_step(situation(*pods, trial=trial(age=10.0), trial_seconds=10.0))
    assert isinstance(found, Promote)
    assert "its mean latency is 10.0 ms" in found.words


@pytest.mark.parametrize(
    ("requests", "age", "kind"),
    [
        (0, 60.0, Watch),
        (199, 299.0, Watch),
        (1000, 59.0, Watch),
        (200, 60.0, Promote),
        (10, MAX_TRIAL_SECONDS, Promote),
        (0, MAX_TRIAL_SECONDS, Promote),
    ],
)
def test_a_trial_is_long_enough_and_not_endless(requests: int, age: float, kind: type) -> None:
    assert isinstance(judged(stats("a", NEW, requests), stats("b", OLD, 500), age=age), kind)


def test_counters_that_began_anew_with_the_load_are_no_negative_requests() -> None:
    started = (stats("a", OLD, 10_000), stats("b", OLD, 10_000))
    step = judged(stats("a", NEW, 300), stats("b", OLD, 10_400), started=started)
    assert isinstance(step, Promote)
    assert "over 300 requests" in step.words


@dataclass(slots=True)
class Replica:
    """A pod as it is, whether or not the operator can see it."""

    key: str = OLD
    ready: bool = True
    heard: bool = True
    restarts: int = 0
    requests: int = 0
    failures: int = 0


@dataclass(slots=True)
class Simulated:
    """Pods of one template and what the operator remembers of them."""

    pods: dict[str, Replica]
    truth: str = OLD
    trial: Trial | None = None
    forced: str = ""
    blocked_since: float | None = None
    rejected: bool = False
    rolled_out: bool = False
    now: float = NOW
    steps: list[object] = field(default_factory=list)

    @property
    def target(self) -> str:
        """What is to serve: the new setting until it is rejected."""
        return OLD if self.rejected else NEW

    def situation(self) -> Situation:
        """What the operator sees."""
        pods = [
            ServingPod(name=name, ready=p.ready, restarts=p.restarts, seen=self._seen(name, p))
            for name, p in sorted(self.pods.items())
        ]
        return situation(
            *pods,
            target=self.target,
            truth=self.truth,
            trial=self.trial,
            forced=self.forced,
            blocked_since=self.blocked_since,
            now=self.now,
        )

    @staticmethod
    def _seen(name: str, replica: Replica) -> PodStatistics | Unheard | None:
        if not replica.ready:
            return None
        if not replica.heard:
            return Unheard(pod=name, message="no route")
        return stats(name, replica.key, replica.requests, failures=replica.failures)

    def step(self) -> None:
        """The operator looks once and does what follows."""
        now = self.situation()
        step = next_applying_step(now)
        assert step == next_applying_step(now), "the same facts, the same step"
        self.steps.append(step)
        blocked = isinstance(step, Wait) and step.blocked
        self.blocked_since = (self.blocked_since or self.now) if blocked else None
        if isinstance(step, Try):
            started = tuple(p.seen for p in now.pods if isinstance(p.seen, PodStatistics))
            restarts = self.pods[step.pod].restarts
            self.trial = Trial(
                config_key=NEW,
                pod=step.pod,
                since=self.now,
                attempt=step.attempt,
                restarts=restarts,
                started=started,
            )
            self.pods[step.pod].key = NEW
        elif isinstance(step, Load):
            self.pods[step.pod].key = self.truth
        elif isinstance(step, RollBack):
            if step.pod:
                self.pods[step.pod].key = self.truth
            self.rejected, self.trial = True, None
        elif isinstance(step, Promote):
            self.truth, self.trial = self.target, None
        elif isinstance(step, RollOut):
            self.truth, self.trial, self.rolled_out = self.target, None, True
            for replica in self.pods.values():
                replica.key, replica.ready = self.target, True
        elif not isinstance(step, Watch):
            self.trial = None

    def forget(self) -> None:
        """Someone deletes what is remembered, while the pod on trial can be asked."""
        replica = self.pods.get(self.trial.pod) if self.trial else None
        if replica is not None and replica.ready and replica.heard:
            self.trial = None

    def unproven(self) -> int:
        """Pods that answer with something else than what a starting pod takes."""
        if self.truth == NEW:
            return 0
        return sum(1 for p in self.pods.values() if p.key == NEW and p.ready)


EVENTS = st.tuples(
    st.sampled_from(
        ["time", "traffic", "fail", "restart", "silence", "unready", "vanish", "forget"]
    ),
    st.sampled_from(["a", "b", "c"]),
    st.floats(1, 200),
)


def happen(world: Simulated, event: tuple[str, str, float]) -> None:
    kind, name, amount = event
    world.now += 1.0
    replica = world.pods.get(name)
    if kind == "time":
        world.now += amount
    elif kind == "forget":
        world.forget()
    elif kind == "vanish" and replica is not None and len(world.pods) > 1:
        del world.pods[name]
    elif replica is None:
        world.pods[name] = Replica(key=world.truth)
    elif kind == "traffic":
        replica.requests += int(amount)
    elif kind == "fail":
        replica.failures += int(amount)
    elif kind == "restart":
        replica.key, replica.restarts, replica.requests = world.truth, replica.restarts + 1, 0
    elif kind == "silence":
        replica.heard = not replica.heard
    elif kind == "unready":
        replica.ready = not replica.ready


@given(st.lists(EVENTS, max_size=60))
def test_never_more_than_one_pod_serves_what_is_not_proven(
    events: list[tuple[str, str, float]],
) -> None:
    world = Simulated(pods={"a": Replica(), "b": Replica(), "c": Replica()})
    for event in events:
        happen(world, event)
        world.step()
        assert world.unproven() <= 1
        if world.rolled_out:
            return


@given(st.lists(EVENTS, max_size=30))
def test_it_ends_once_the_pods_are_left_alone(events: list[tuple[str, str, float]]) -> None:
    """Whatever happened: in the end all pods serve one setting, the new one or the old one."""
    world = Simulated(pods={"a": Replica(), "b": Replica()})
    for event in events:
        happen(world, event)
        world.step()
    for replica in world.pods.values():
        replica.ready = replica.heard = True
    for _ in range(60):
        world.now += 30.0
        world.step()
    assert isinstance(world.steps[-1], Done)
    assert {replica.key for replica in world.pods.values()} == {world.truth}


@given(st.lists(st.floats(1, 60), max_size=20))
def test_no_data_is_no_step(pauses: list[float]) -> None:
    """Pods that tell nothing: neither tried, nor promoted, nor rolled back; replaced at most."""
    world = Simulated(pods={"a": Replica(heard=False), "b": Replica(ready=False)})
    for pause in pauses:
        world.now += pause
        world.step()
    assert all(isinstance(step, Wait | RollOut | Done) for step in world.steps)


@given(st.lists(EVENTS, max_size=40))
def test_what_fails_is_never_promoted(events: list[tuple[str, str, float]]) -> None:
    """Half of the requests fail wherever the new setting serves."""
    world = Simulated(pods={"a": Replica(), "b": Replica()})
    for event in events:
        if event[0] != "fail":
            happen(world, event)
        for replica in world.pods.values():
            replica.requests += 100
            replica.failures += 100 if replica.key == NEW else 0
        world.step()
        if world.rolled_out:
            return
    assert not any(isinstance(step, Promote) for step in world.steps)
