"""The rule that picks: Pareto front, speed first, metric among equals, a few go along."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.builder.choosing import FINALISTS, HOPE, Option, beaten_by, choose, front


def option(name: str, speedup: float, drop: float = 0.0, size_bytes: int = 100) -> Option:
    return Option(name=name, speedup=speedup, drop=drop, size_bytes=size_bytes)


OPTIONS = st.lists(
    st.builds(
        Option,
        name=st.uuids().map(str),
        speedup=st.floats(0.1, 50),
        drop=st.floats(-0.1, 0.1),
        size_bytes=st.integers(1, 10**9),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda one: one.name,
)


def test_the_fastest_is_chosen_and_slower_ones_that_lose_less_go_along() -> None:
    found = choose(
        [
            option("export", 1.4),
            option("fuse", 1.5),
            option("int8", 3.0, 0.004, 30),
            option("int8-careful", 2.5, 0.001, 40),
        ]
    )
    assert found.names == ("int8", "int8-careful")
    assert found.front == ("int8", "int8-careful", "fuse")
    assert found.why == (
        "int8: 3.00 times as fast as the source model, the fastest of 4 candidates within the goals"
    )


def test_among_equally_fast_ones_the_one_that_loses_least_is_chosen() -> None:
    found = choose([option("a", 3.0, 0.008), option("b", 2.98, 0.001), option("c", 2.8, 0.0)])
    assert found.names[0] == "b"
    assert found.why.endswith("as fast as a and the least loss of 3 candidates within the goals")


def test_a_lone_candidate_is_chosen_and_says_so() -> None:
    found = choose([option("export", 1.1)])
    assert found.names == ("export",)
    assert found.why.endswith("the only candidate within the goals")


def test_what_is_beaten_in_everything_is_told_by_whom() -> None:
    options = [option("slow", 1.0, 0.01, 200), option("good", 2.0, 0.005, 100)]
    assert beaten_by(options[0], options) == "good"
    assert beaten_by(options[1], options) == ""


@given(OPTIONS)
def test_nothing_on_the_front_is_beaten_and_everything_else_is(options: list[Option]) -> None:
    best = front(options)
    assert best
    for one in options:
        beaten = any(
            other.speedup >= one.speedup
            and other.drop <= one.drop
            and other.size_bytes <= one.size_bytes
            and (other.speedup, -other.drop, -other.size_bytes)
            != (one.speedup, -one.drop, -one.size_bytes)
            for other in options
        )
        assert beaten == (one not in best)


@given(OPTIONS)
def test_the_choice_is_on_the_front_nearly_the_fastest_and_the_others_have_hope(
    options: list[Option],
) -> None:
    found = choose(options)
    speeds = {one.name: one.speedup for one in options}
    assert 1 <= len(found.names) <= FINALISTS
    assert set(found.names) <= set(found.front)
    assert len(set(found.names)) == len(found.names)
    assert speeds[found.names[0]] >= 0.97 * max(speeds.values())
    for name in found.names[1:]:
        assert speeds[name] >= HOPE * speeds[found.names[0]]


@given(OPTIONS, st.randoms(use_true_random=False))
def test_the_order_in_which_they_are_given_does_not_matter(
    options: list[Option], random: object
) -> None:
    shuffled = list(options)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert choose(shuffled).names[0] == choose(options).names[0]
