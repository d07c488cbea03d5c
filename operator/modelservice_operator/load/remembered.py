"""What the balancer has learned of a service, as text that outlives the operator. Pure.

============================================  =================================================
what was kept                                 what the next process begins with
============================================  =================================================
nothing, garbage, another version,            nothing: the count is held until a whole hold
another ModelService, a future time           window of readings agrees
when the operator ended, soon enough,         everything: as if there had been no restart
and the replicas are as it left them
anything else (a crash, a long break,         what was learned of starts, shortfalls,
somebody scaled meanwhile)                    violations and counts of the last day; the hold
                                              begins anew with the present
============================================  =================================================

What was wished for after the last text was written nobody knows, so only a text that was written at
the end has a hold window to go on with.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

from modelservice_operator.api.service import Decision
from modelservice_operator.fleet import ServiceView
from modelservice_runtime.contract.codec import ContractError, dumps, loads

from .cold_start import LONGEST_SECONDS, REMEMBERED, ColdStart
from .condensing import (
    Row,
    age_of,
    levels_of,
    ranks,
    repeats,
    rounded,
    rows_of,
    thinned_forecasts,
    thinned_wishes,
    values_of,
)
from .error_budget import LEAST, MOST, ErrorBudget
from .forecast import Shortfalls
from .hold import HoldWindow
from .replicas import FRESH_READINGS, BalancerState
from .season import BIN_SECONDS, KEPT, Season

VERSION = 1
#: Clocks of two nodes may differ by as much.
SKEW_SECONDS = 5.0
#: What we write is far below these; what is above was not written by us.
MOST_CHARACTERS, MOST_ENTRIES, MOST_COUNT = 1 << 16, 2048, 20_000
#: A change by these shares is worth a write.
_FACTOR_SHARE, _MARGIN_SHARE = 0.05, 0.1
_REASON_CHARACTERS = 4096
#: Of a season: rows a second, and characters.
_MOST_RATE, _MOST_LEVELS = 1e30, 4 * (KEPT // 3 + 1)


class Restored(NamedTuple):
    """``trouble``: why what was kept cannot be used, in words; empty where it can."""

    state: BalancerState
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    at: float
    before: int
    after: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeptSeason:
    """``levels``: the peaks from bin number ``first`` on, a byte each, ``top`` the largest."""

    first: int
    top: float
    levels: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """The document. Times are ages at ``at`` (POSIX seconds), so that the clock is in one place.

    ``ended``: written when the operator ended. ``replicas``: as the last round left them.
    ``shortfalls``: (age, amount), quantiles of ``shortfall_count``. ``started``: pods, without the
    name of the service before theirs.
    """

    version: int
    uid: str
    at: float
    ended: bool
    replicas: int | None = None
    hold: tuple[Row, ...] = ()
    forecasts: tuple[Row, ...] = ()
    shortfalls: tuple[Row, ...] = ()
    shortfall_count: int = 0
    factor: float = 1.0
    minutes: tuple[Row, ...] = ()
    short: bool = False
    starts: Row = ()
    started: tuple[str, ...] = ()
    fresh: int = 0
    down_age: float | None = None
    unheard_age: float | None = None
    lent: int = 0
    peak: tuple[Row, ...] = ()
    blind_age: float | None = None
    season: _KeptSeason | None = None
    decided: _Decided | None = None


def outdates(state: BalancerState, written: BalancerState) -> bool:
    """Whether a process that begins with ``written`` would soon decide something else.

    The hold is no reason: after a crash it begins anew in any case.
    """
    margin, before = (one.shortfalls.margin(0.0, one.care.factor) for one in (state, written))
    return (
        state.starts != written.starts
        or state.last_down != written.last_down
        or state.lent != written.lent
        or state.decisions[-1:] != written.decisions[-1:]
        or _far(state.care.factor, written.care.factor, _FACTOR_SHARE)
        or _far(margin, before, _MARGIN_SHARE)
    )


def _far(value: float, other: float, share: float) -> bool:
    return abs(value - other) > share * max(abs(value), abs(other))


def remembered_text(
    state: BalancerState, view: ServiceView, replicas: int | None, *, at: float, ended: bool
) -> str:
    """What to keep of ``state``, which the round at ``at`` has left with so many ``replicas``."""
    finite = (item for item in state.shortfalls.short if math.isfinite(item[1]))
    shorts = sorted(finite, key=lambda item: (item[1], item[0]))
    prefix = f"{view.key.name}-"
    return dumps(
        _Kept(
            version=VERSION,
            uid=view.uid,
            at=at,
            ended=ended,
            replicas=replicas,
            hold=rows_of(thinned_wishes(state.hold.wishes), at),
            forecasts=rows_of(thinned_forecasts(state.shortfalls.made), at),
            shortfalls=rows_of([shorts[rank - 1] for rank in ranks(len(shorts))], at),
            shortfall_count=min(len(shorts), MOST_COUNT),
            factor=rounded(state.care.factor),
            minutes=rows_of(state.care.minutes, at),
            short=state.care.short,
            starts=tuple(rounded(seconds) for seconds in state.starts.seen),
            started=tuple(sorted(pod.removeprefix(prefix) for pod in state.started)),
            fresh=state.fresh,
            down_age=age_of(state.last_down, at),
            unheard_age=age_of(state.unheard_since, at),
            lent=state.lent,
            peak=rows_of(thinned_wishes(state.peak.wishes), at),
            blind_age=age_of(state.blind_since, at),
            season=_kept_season(state.season),
            decided=_decided(state.decisions),
        )
    )


def restore(text: str, view: ServiceView, *, now: float, soon_seconds: float) -> Restored:
    """What to begin with; the table is in the module's docstring.

    ``soon_seconds``: a break no longer than this is none.
    """
    if not text:
        return Restored(BalancerState())
    try:
        if len(text) > MOST_CHARACTERS:
            raise ContractError(f"{len(text)} characters")  # noqa: TRY301 - one way out
        kept = loads(_Kept, text)
    except (ContractError, OverflowError, RecursionError) as error:
        return Restored(BalancerState(), f"it cannot be read: {error}")
    if trouble := _trouble(kept, view, now):
        return Restored(BalancerState(), trouble)
    state = _state(kept, view)
    as_left = kept.replicas == view.replicas
    if not as_left:
        state = replace(state, lent=0)
    seamless = kept.ended and as_left and now - kept.at <= soon_seconds
    if not seamless:
        made = replace(state.shortfalls, made=())
        state = replace(state, fresh=0, hold=HoldWindow(), shortfalls=made, blind_since=None)
    return Restored(state)


def _state(kept: _Kept, view: ServiceView) -> BalancerState:
    at, prefix = kept.at, f"{view.key.name}-"
    times = [at - row[0] for row in kept.shortfalls]
    counts = repeats(kept.shortfall_count)
    shorts = [
        (time, row[1])
        for time, row, count in zip(times, kept.shortfalls, counts, strict=True)
        for _ in range(count)
    ]
    return BalancerState(
        hold=HoldWindow(tuple((at - age, int(wish)) for age, wish in kept.hold)),
        shortfalls=Shortfalls(
            made=tuple((at - age, rate, forecast) for age, rate, forecast in kept.forecasts),
            short=tuple(sorted(shorts)),
        ),
        care=ErrorBudget(
            factor=kept.factor,
            minutes=tuple((at - age, asked, missed) for age, asked, missed in kept.minutes),
            short=kept.short,
        ),
        starts=ColdStart(seen=kept.starts),
        started=frozenset(prefix + pod for pod in kept.started),
        fresh=kept.fresh,
        last_down=None if kept.down_age is None else at - kept.down_age,
        unheard_since=None if kept.unheard_age is None else at - kept.unheard_age,
        lent=kept.lent,
        peak=HoldWindow(tuple((at - age, int(count)) for age, count in kept.peak)),
        blind_since=None if kept.blind_age is None else at - kept.blind_age,
        season=_season(kept.season),
        decisions=() if kept.decided is None else (_decision(kept.decided),),
    )


def _trouble(kept: _Kept, view: ServiceView, now: float) -> str:
    """What is wrong with a document that has the right form; empty for nothing."""
    if kept.version != VERSION:
        return f"version {kept.version} wrote it"
    if kept.uid != view.uid:
        return "it is of another ModelService of this name"
    if not math.isfinite(kept.at) or kept.at > now + SKEW_SECONDS:
        return "it is from the future"
    if not all(itertools.chain(_plain_ok(kept), _rows_ok(kept))):
        return "it has figures that cannot be"
    return ""


def _plain_ok(kept: _Kept) -> Iterable[bool]:
    given = (kept.down_age, kept.unheard_age, kept.blind_age)
    ages = [age for age in given if age is not None]
    yield all(_ok(age) for age in ages)
    yield kept.replicas is None or 0 <= kept.replicas <= MOST_COUNT
    yield LEAST <= kept.factor <= MOST
    yield 0 <= kept.fresh <= FRESH_READINGS
    yield 0 <= kept.lent <= 1
    if (season := kept.season) is not None:
        yield _ok(season.top) and season.top <= _MOST_RATE and season.first >= 0
        yield len(season.levels) <= _MOST_LEVELS
        yield _season(season).end <= kept.at / BIN_SECONDS + 1
    yield len(kept.starts) <= REMEMBERED and all(0 < s <= LONGEST_SECONDS for s in kept.starts)
    yield len(kept.started) <= MOST_ENTRIES
    yield 0 <= kept.shortfall_count <= MOST_COUNT
    yield len(kept.shortfalls) == len(ranks(kept.shortfall_count))
    if kept.decided is not None:
        yield _ok(kept.decided.at) and kept.decided.at <= kept.at + SKEW_SECONDS
        yield min(kept.decided.before, kept.decided.after) >= 0


def _rows_ok(kept: _Kept) -> Iterable[bool]:
    counts = ((kept.hold, 2), (kept.peak, 2))
    tables = (*counts, (kept.forecasts, 3), (kept.shortfalls, 2), (kept.minutes, 3))
    for rows, width in tables:
        yield len(rows) <= MOST_ENTRIES
        yield all(len(row) == width and all(map(_ok, row)) for row in rows)
    for rows in (kept.hold, kept.peak, kept.forecasts, kept.minutes):
        yield all(a[0] >= b[0] for a, b in itertools.pairwise(rows))
    for rows, _ in counts:
        wishes = [row[1] for row in rows if len(row) > 1]
        yield all(wish <= MOST_COUNT for wish in wishes)
        yield all(a > b for a, b in itertools.pairwise(wishes))


def _kept_season(season: Season) -> _KeptSeason | None:
    if not season.peaks:
        return None
    top, levels = levels_of(season.values())
    return _KeptSeason(first=season.first, top=rounded(top), levels=levels)


def _season(kept: _KeptSeason | None) -> Season:
    """What is of use of it is judged anew with the next reading."""
    if kept is None:
        return Season()
    try:
        peaks = values_of(kept.top, kept.levels)
    except ValueError:
        return Season()
    return Season(first=kept.first, peaks=peaks[-KEPT:].tobytes())


def _ok(value: float) -> bool:
    return math.isfinite(value) and value >= 0


def _decided(decisions: Sequence[Decision]) -> _Decided | None:
    """The last one: status has the others, and this one is not to be told again."""
    if not decisions:
        return None
    last = decisions[-1]
    return _Decided(
        # As status has it, in whole seconds.
        at=float(math.floor(last.at.timestamp())),
        before=last.before,
        after=last.after,
        reason=last.reason[:_REASON_CHARACTERS],
    )


def _decision(kept: _Decided) -> Decision:
    at = datetime.fromtimestamp(kept.at, tz=UTC)
    return Decision(at=at, before=kept.before, after=kept.after, reason=kept.reason)
