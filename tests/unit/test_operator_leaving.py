"""Who goes first when there are fewer replicas, and that no mark outlives its step."""

from __future__ import annotations

from dataclasses import replace

import operator_samples as samples
from hypothesis import given as over
from hypothesis import strategies as st
from operator_samples import NOW

from modelservice_operator.api import names
from modelservice_operator.fleet import ReplicaSeen, ServiceView
from modelservice_operator.load.leaving import Marks, marks
from modelservice_operator.plan.observed import parse_pod

NOW_S = NOW.timestamp()


def pod(name: str, age: float = 100.0, **changes: object) -> ReplicaSeen:
    """One that answers."""
    base = ReplicaSeen(pod=name, created_at=NOW_S - age, ready_at=NOW_S - age + 30)
    return replace(base, **changes)  # type: ignore[arg-type]


def view(*pods: ReplicaSeen, replicas: int | None = None, **changes: object) -> ServiceView:
    count = len(pods) if replicas is None else replicas
    return samples.view(pods=pods, replicas=count, **changes)


def test_the_shortest_queue_goes_first_and_of_equals_the_newest() -> None:
    seen = view(pod("old"), pod("new", 40), pod("busy", 10), pod("newest", 20))
    queues = {"old": 0.0, "new": 0.0, "busy": 7.0, "newest": 2.0}
    assert marks(seen, 3, queues).add == ("new",)
    assert marks(seen, 2, queues).add == ("new", "old")
    assert marks(seen, 1, queues).add == ("new", "old", "newest")


def test_what_was_not_heard_of_goes_last() -> None:
    seen = view(pod("silent", 10), pod("heard"))
    assert marks(seen, 1, {"heard": 3.0}).add == ("heard",)
    assert marks(seen, 1, {}).add == ("silent",)


def test_pods_that_do_not_answer_go_before_and_leave_less_to_choose() -> None:
    starting = pod("starting", 5, ready_at=None)
    seen = view(pod("a"), pod("b", 50), starting)
    assert marks(seen, 2, {}) == Marks()
    assert marks(seen, 1, {}).add == ("b",)


def test_without_a_choice_nothing_is_marked() -> None:
    seen = view(pod("a"), pod("b"))
    assert marks(seen, 0, {}) == Marks()
    assert marks(seen, 2, {}) == Marks()
    assert marks(seen, 3, {}) == Marks()
    assert marks(seen, None, {}) == Marks()
    assert marks(replace(seen, replicas=None), 1, {}) == Marks()
    assert marks(replace(seen, rolling=True), 1, {}) == Marks()


def test_a_mark_stays_while_its_step_is_under_way() -> None:
    seen = view(pod("a"), pod("b", marked=True), replicas=1)
    assert marks(seen, None, {}) == Marks()
    gone = view(pod("a"), pod("b", marked=True, leaving=True), replicas=1)
    assert marks(gone, None, {}) == Marks()


def test_a_mark_is_cleared_when_its_step_was_not_made_or_taken_back() -> None:
    seen = view(pod("a"), pod("b", marked=True))
    assert marks(seen, None, {}).clear == ("b",)
    assert marks(seen, 3, {}).clear == ("b",)
    back = view(pod("a"), pod("b", marked=True), replicas=1)
    assert marks(back, 2, {}).clear == ("b",)


def test_the_next_step_chooses_anew() -> None:
    seen = view(pod("a"), pod("b", marked=True), pod("c"))
    queues = {"a": 0.0, "b": 9.0, "c": 5.0}
    assert marks(seen, 2, queues) == Marks(add=("a",), clear=("b",))
    assert marks(seen, 1, queues) == Marks(add=("a", "c"), clear=("b",))
    assert marks(view(pod("a", marked=True), pod("b")), 1, {"a": 0.0, "b": 1.0}) == Marks()


pods = st.lists(
    st.builds(
        lambda number, age, ready, marked, leaving: pod(
            f"p{number}",
            age,
            ready_at=NOW_S if ready else None,
            marked=marked,
            leaving=leaving,
        ),
        st.integers(0, 1000),
        st.floats(0, 1e4),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    max_size=8,
    unique_by=lambda item: item.pod,
)


@over(pods, st.integers(0, 8), st.one_of(st.none(), st.integers(0, 8)))
def test_after_a_step_exactly_those_that_go_are_marked(
    there: list[ReplicaSeen], current: int, target: int | None
) -> None:
    seen = view(*there, replicas=current)
    found = marks(seen, target, {})
    before = {item.pod for item in there if item.marked and not item.leaving}
    after = (before | set(found.add)) - set(found.clear)
    ready = {item.pod for item in seen.ready}
    assert set(found.clear) <= before
    assert set(found.add) <= ready
    if target is not None and target < current:
        go = len(ready) - target
        assert len(after) == (go if 0 < go < len(ready) else 0)
    elif after:
        staying = sum(not item.leaving for item in there)
        assert staying > max(current, target or 0)
        assert after == before


def test_a_mark_is_read_back_from_the_pod() -> None:
    meta = {"name": "p", "creationTimestamp": NOW.isoformat()}
    for cost, marked in ((names.GOES_FIRST, True), ("5", False)):
        annotated = {**meta, "annotations": {names.DELETION_COST: cost}}
        assert parse_pod({"metadata": annotated}).marked == marked
    assert not parse_pod({"metadata": meta}).marked
