"""GPUs shared by services: the rules hold whatever the bids are."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from modelservice_operator.load.sharing import Bid, Move, Shares, share


def rising(worth: float, half: int) -> Callable[[int], float]:
    """Worth that grows with replicas and flattens: ``half`` of them give half of it."""
    return lambda replicas: worth * replicas / (replicas + half)


def bid(name: str, **changes: int | Callable[[int], float]) -> Bid[str]:
    values = {"gpus": 1, "now": 1, "least": 1, "wish": 1, "priority": 0}
    utility = changes.pop("utility", rising(1.0, 1))
    return Bid(name=name, utility=utility, **(values | changes))  # type: ignore[arg-type]


@st.composite
def markets(draw: st.DrawFn) -> tuple[list[Bid[str]], int]:
    bids = []
    for number in range(draw(st.integers(0, 7))):
        least, surge = draw(st.integers(1, 3)), draw(st.sampled_from([0, 0, 1]))
        bids.append(
            bid(
                f"s{number}",
                gpus=draw(st.sampled_from([1, 1, 2, 4])),
                now=draw(st.integers(0, 6)),
                least=least,
                wish=draw(st.integers(least, 9)),
                priority=draw(st.sampled_from([0, 0, 5])),
                utility=rising(draw(st.floats(0, 1)), draw(st.integers(1, 5))),
                surge=surge,
                placed=draw(st.integers(0, surge)),
                lends=draw(st.booleans()),
                homeless=draw(st.booleans()),
                settled=draw(st.booleans()),
            )
        )
    return bids, draw(st.integers(0, 30))


def test_who_has_just_got_one_gives_none_to_equals_but_to_higher_ones_and_for_minima() -> None:
    rich = bid("rich", now=4, wish=4, utility=rising(0.1, 1))
    poor = bid("poor", now=1, wish=4)
    for settled, given_up in ((True, 2), (False, 0)):
        bids = [replace(rich, settled=settled), poor]
        assert share(bids, 5).replicas == {"rich": 4 - given_up, "poor": 1 + given_up}
    new = replace(rich, settled=False)
    assert share([new, replace(poor, priority=1)], 5).replicas == {"rich": 1, "poor": 4}
    assert share([new, replace(poor, least=3)], 5).replicas == {"rich": 2, "poor": 3}


def used(bids: list[Bid[str]], replicas: Shares[str]) -> int:
    return sum(replicas.replicas[bid.name] * bid.gpus for bid in bids)


@given(markets())
def test_never_above_the_budget_but_for_minima_that_run(market: tuple[list[Bid[str]], int]) -> None:
    bids, gpus = market
    running = sum(min(bid.now, bid.least) * bid.gpus for bid in bids)
    assert used(bids, share(bids, gpus)) <= max(gpus, running)


@given(markets())
def test_never_below_the_minimum_nor_above_the_wish(market: tuple[list[Bid[str]], int]) -> None:
    bids, gpus = market
    found = share(bids, gpus)
    for each in bids:
        lent = int(each.name in found.lent)
        assert min(each.now, each.least) - lent <= found.replicas[each.name] <= each.wish
        if each.name not in found.starved:
            assert found.replicas[each.name] >= each.least - lent
        if lent:
            assert each.surge
            assert each.lends
            assert found.replicas[each.name] >= 1


@given(markets())
def test_a_new_pod_waits_only_where_nothing_is_free(market: tuple[list[Bid[str]], int]) -> None:
    bids, gpus = market
    found = share(bids, gpus)
    for each in bids:
        if each.name in found.waiting:
            assert each.surge > each.placed
            assert found.free < each.gpus or not found.replicas[each.name]
            assert found.replicas[each.name] == 1 or not each.lends


@given(markets(), st.randoms(use_true_random=False))
def test_the_order_of_the_bids_does_not_matter(
    market: tuple[list[Bid[str]], int], chance: random.Random
) -> None:
    bids, gpus = market
    mixed = list(bids)
    chance.shuffle(mixed)
    assert share(mixed, gpus) == share(bids, gpus)


@given(markets())
def test_a_share_that_was_taken_up_stays(market: tuple[list[Bid[str]], int]) -> None:
    """Nothing goes to and fro: what is decided is not decided otherwise at once."""
    bids, gpus = market
    found = share(bids, gpus)
    settled = [
        replace(
            each,
            now=found.replicas[each.name],
            least=max(1, each.least - (each.name in found.lent)),
            placed=each.placed if each.name in found.waiting else each.surge,
            lends=each.lends and each.name not in found.lent,
        )
        for each in bids
    ]
    again = share(settled, gpus)
    assert used(settled, again) >= used(bids, share(bids, gpus)) - max(
        (each.gpus for each in bids), default=0
    )


def test_enough_gpus_give_every_wish() -> None:
    found = share([bid("a", wish=5), bid("b", wish=3, now=2)], 8)
    assert found.replicas == {"a": 5, "b": 3}
    assert {move.donor for move in found.moves} == {None}


def test_a_higher_priority_takes_from_a_lower_one_down_to_its_minimum() -> None:
    tagger = bid("tagger", now=4, wish=4)
    chat = bid("chat", now=2, wish=7, priority=10, utility=rising(1.0, 4))
    found = share([tagger, chat], 6)
    assert found.replicas == {"tagger": 1, "chat": 5}
    assert Move(donor="tagger", receiver="chat", gpus=1) in found.moves


def test_equals_give_only_what_brings_clearly_more_elsewhere() -> None:
    idle = bid("idle", now=3, wish=3, utility=lambda n: min(n, 1) * 1.0)
    busy = bid("busy", now=1, wish=4, utility=lambda n: min(1.0, n / 4))
    found = share([idle, busy], 4)
    assert found.replicas == {"idle": 1, "busy": 3}
    alike = [bid("a", now=2, wish=4), bid("b", now=2, wish=4)]
    assert share(alike, 4).replicas == {"a": 2, "b": 2}


def test_a_minimum_that_does_not_fit_is_not_half_applied() -> None:
    found = share([bid("a", now=2, least=2, wish=2), bid("b", now=0, least=3, wish=3)], 4)
    assert found.replicas == {"a": 2, "b": 0}
    assert found.starved == {"b"}


def test_a_budget_that_shrinks_takes_from_the_least_important_and_spares_minima() -> None:
    low = bid("low", now=3, least=1, wish=3)
    high = bid("high", now=3, least=1, wish=3, priority=1)
    assert share([low, high], 4).replicas == {"low": 1, "high": 3}
    assert share([low, high], 1).replicas == {"low": 1, "high": 1}


def test_fifty_that_all_want_everything_get_all_there_is() -> None:
    bids = [bid(f"s{n:02}", wish=64, utility=rising(1.0, 8)) for n in range(50)]
    found = share(bids, 64)
    assert sum(found.replicas.values()) == 64
    assert max(found.replicas.values()) - min(found.replicas.values()) <= 1
