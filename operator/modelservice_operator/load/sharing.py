"""A fixed number of GPUs shared by services: who gets the next one, who gives one up. Pure.

Minima come first, by priority. What is left goes to wishes, a higher priority before a lower one;
within a priority a GPU goes to where it brings most, and moves only where that is clearly more
than what its donor loses: a replica that starts serves nothing until it is ready. Who has got one
gives none to equals before that has paid for its start, or it would go back and forth.

A rollout's new pod takes a place beside the replicas, in the turn of its service's priority and
before what equals wish for: a free one; one that others give as they would for a replica that is
worth as much as the service's own last one; else that of this last one itself, which is lent until
the rollout has ended. A service's only replica is not lent: then the new pod waits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

#: Gains below this are not worth a GPU.
LEAST_GAIN = 0.001
#: A move must bring so much more than it costs.
SWITCHING = 0.05
#: A start is paid off over so many of its own times.
HORIZON_STARTS = 4.0
#: Looked at together: a single replica may bring nothing where three bring all.
MOST_TOGETHER = 4

Name = TypeVar("Name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bid(Generic[Name]):
    """One service. ``gpus``: of a replica. ``now``: replicas that it has been given so far.

    ``least``, ``wish``: replicas that it must have, and would have. ``utility``: what as many
    replicas are worth, 0 … 1 times its weight; never falls. ``surge``: new pods of a rollout beside
    the replicas, 0 or 1, and ``placed`` of these have a place. ``lends``: the place of one of its
    replicas may be lent to it. ``homeless``: the scheduler has looked for a place too long, so what
    is free is in the wrong places. ``settled``: its youngest replica has paid for its start, so one
    may be given to equals.
    """

    name: Name
    gpus: int
    now: int
    least: int
    wish: int
    priority: int
    utility: Callable[[int], float]
    surge: int = 0
    placed: int = 0
    lends: bool = False
    homeless: bool = False
    settled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Move(Generic[Name]):
    """``gpus`` go from one service to another; None: from those that were free."""

    donor: Name | None
    receiver: Name
    gpus: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares(Generic[Name]):
    """``replicas``: for each. ``moves``: how they came about.

    ``starved``: those whose minimum does not fit. ``lent``: those that have lent a replica's place
    to a rollout's new pod; ``waiting``: those whose new pod gets none. ``free``: GPUs left.
    """

    replicas: Mapping[Name, int]
    moves: tuple[Move[Name], ...] = ()
    starved: frozenset[Name] = frozenset()
    lent: frozenset[Name] = frozenset()
    waiting: frozenset[Name] = frozenset()
    free: int = 0


@dataclass(slots=True)
class _Table(Generic[Name]):
    """The shares while they are worked out."""

    bids: Sequence[Bid[Name]]
    gpus: int
    given: dict[Name, int] = field(default_factory=dict)
    surges: dict[Name, int] = field(default_factory=dict)
    moves: list[Move[Name]] = field(default_factory=list)
    starved: set[Name] = field(default_factory=set)
    lent: set[Name] = field(default_factory=set)
    waiting: set[Name] = field(default_factory=set)
    #: Who has given something up receives nothing in the same round: it all ends.
    donors: set[Name] = field(default_factory=set)

    @property
    def free(self) -> int:
        return self.gpus - sum(
            (self.given[bid.name] + self.surges[bid.name]) * bid.gpus for bid in self.bids
        )

    def gain(self, bid: Bid[Name]) -> float:
        """Of the next GPUs, each: the best of a few replicas together."""
        have = self.given[bid.name]
        most = min(MOST_TOGETHER, bid.wish - have)
        if most <= 0:
            return -math.inf
        paid = 1 - 1 / HORIZON_STARTS
        return max(
            paid * (bid.utility(have + more) - bid.utility(have)) / (more * bid.gpus)
            for more in range(1, most + 1)
        )

    def loss(self, bid: Bid[Name]) -> float:
        """Of the last GPU; infinite at the minimum."""
        have = self.given[bid.name]
        if have <= bid.least:
            return math.inf
        return (bid.utility(have) - bid.utility(have - 1)) / bid.gpus


def share(bids: Sequence[Bid[Name]], gpus: int) -> Shares[Name]:
    """Replicas for each bid, together no more than ``gpus``, but never less than minima that run.

    The same bids give the same shares, in whatever order they come.
    """
    ordered = sorted(bids, key=lambda bid: (-bid.priority, str(bid.name)))
    table = _Table(bids=ordered, gpus=gpus)
    for bid in ordered:
        table.given[bid.name] = min(bid.now, max(bid.wish, bid.least))
        table.surges[bid.name] = min(bid.surge, bid.placed)
    _take_back(table)
    _minima(table)
    for priority in sorted({bid.priority for bid in ordered}, reverse=True):
        _surge(table, priority)
        _fill(table, priority)
    return Shares(
        replicas=dict(table.given),
        moves=tuple(table.moves),
        starved=frozenset(table.starved),
        lent=frozenset(table.lent),
        waiting=frozenset(table.waiting),
        free=max(0, table.free),
    )


def _take_back(table: _Table[Name]) -> None:
    """The budget may have shrunk below what runs: the least important, cheapest go first.

    A rollout's new pod that does not fit either is looked at again in its turn: it may have got a
    place that the operator may not use, and then its own service is to pay for it.
    """
    for bid in reversed(table.bids):
        if table.free < 0:
            table.surges[bid.name] = 0
    while table.free < 0:
        donor = _donor(table, below=None)
        if donor is None:
            return
        table.given[donor.name] -= 1


def _minima(table: _Table[Name]) -> None:
    """Whole or not at all: a part of a minimum is no service of the size that was asked for."""
    for bid in table.bids:
        lacks = bid.least - table.given[bid.name]
        if lacks <= 0:
            continue
        if not _room(table, lacks * bid.gpus, bid, theta=-math.inf, within=True):
            table.starved.add(bid.name)
            continue
        table.given[bid.name] += lacks


def _surge(table: _Table[Name], priority: int) -> None:
    """A place for each new pod of a rollout that has none."""
    for bid in table.bids:
        runs = table.given[bid.name]
        if bid.priority != priority or runs <= 0 or table.surges[bid.name] >= bid.surge:
            continue
        lends = bid.lends and runs > 1
        worth = table.loss(bid) - SWITCHING
        if not (lends and bid.homeless) and _room(table, bid.gpus, bid, theta=worth, within=False):
            table.surges[bid.name] = bid.surge
        elif lends:
            table.given[bid.name] -= 1
            table.surges[bid.name] = bid.surge
            table.lent.add(bid.name)
            table.donors.add(bid.name)
        elif not bid.placed:
            table.waiting.add(bid.name)


def _fill(table: _Table[Name], priority: int) -> None:
    """Wishes of one priority, one replica after another, the best gain first."""
    while True:
        wanting = [
            (table.gain(bid), bid)
            for bid in table.bids
            if bid.priority == priority
            and table.given[bid.name] < bid.wish
            and bid.name not in table.starved | table.donors
        ]
        # Of equal gains the first by name: ``bids`` are in that order.
        wanting.sort(key=lambda pair: -pair[0])
        if not any(_give(table, bid, gain) for gain, bid in wanting):
            return


def _give(table: _Table[Name], bid: Bid[Name], gain: float) -> bool:
    """One replica more: from what is free in any case, from others where it brings something."""
    if gain <= LEAST_GAIN and table.free < bid.gpus:
        return False
    if not _room(table, bid.gpus, bid, theta=gain - SWITCHING, within=False):
        return False
    table.given[bid.name] += 1
    return True


def _room(
    table: _Table[Name], gpus: int, receiver: Bid[Name], *, theta: float, within: bool
) -> bool:
    """Make room for ``gpus``: from the free ones, then from lower priorities, then from equals.

    Equals give only where the loss of each GPU is below ``theta``; for a minimum (``within``) they
    give whatever they have beyond their own, and what rollouts of lower priorities hold counts as
    free: they end. Nothing is taken unless all of it can be.
    """
    before, surges = dict(table.given), dict(table.surges)
    taken: dict[Name, int] = {}
    free = table.free
    while table.free < gpus:
        donor = _donor(table, below=receiver.priority, but=receiver.name)
        if donor is None:
            donor = _equal(table, receiver, math.inf if within else theta)
        if donor is None and within and _end_a_rollout(table, below=receiver.priority):
            continue
        if donor is None:
            table.given, table.surges = before, surges
            return False
        table.given[donor.name] -= 1
        taken[donor.name] = taken.get(donor.name, 0) + donor.gpus
    if (from_free := min(free, gpus)) > 0:
        table.moves.append(Move(donor=None, receiver=receiver.name, gpus=from_free))
    table.donors |= set(taken)
    table.moves += [
        Move(donor=name, receiver=receiver.name, gpus=count) for name, count in taken.items()
    ]
    return True


def _end_a_rollout(table: _Table[Name], *, below: int) -> bool:
    """Count on the end of one of a priority below this; whether there was one."""
    for bid in reversed(table.bids):
        if bid.priority < below and table.surges[bid.name]:
            table.surges[bid.name] = 0
            return True
    return False


def _donor(table: _Table[Name], *, below: int | None, but: Name | None = None) -> Bid[Name] | None:
    """Who loses least, of the lowest priority (``below`` one) that has more than its minimum."""
    able = [
        bid
        for bid in table.bids
        if table.given[bid.name] > bid.least
        and bid.name != but
        and (below is None or bid.priority < below)
    ]
    return min(able, key=lambda bid: (bid.priority, table.loss(bid), str(bid.name)), default=None)


def _equal(table: _Table[Name], receiver: Bid[Name], most: float) -> Bid[Name] | None:
    able = [
        bid
        for bid in table.bids
        if bid.priority == receiver.priority
        and bid.name != receiver.name
        and table.given[bid.name] > bid.least
        and (bid.settled or math.isinf(most))
        and table.loss(bid) < most
    ]
    return min(able, key=lambda bid: (table.loss(bid), str(bid.name)), default=None)
