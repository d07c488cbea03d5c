"""Since when pods do otherwise than the profile says, and whether that is long enough.

=============================================  ===========================================
a full window says                              what follows
=============================================  ===========================================
speed outside [1/1.3, 1.3] for the drift time   Finding SERVICE_TIME
rows per request 30 % off for the drift time    Finding TRAFFIC, with the traffic observed
either within its bounds                        its time starts anew
nothing (too few executions, no counters)       nothing; after the drift time without a full
                                                window neither counts as continuous
=============================================  ===========================================
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass

from modelservice_operator.api.capacity import trusted
from modelservice_operator.settings import TuningSettings
from modelservice_runtime.contract.profile import Profile
from modelservice_runtime.contract.traffic import RowsShare, Traffic

from .statistics import PodStatistics
from .window import Window

#: Fewer executions say little of their mean.
WINDOW_EXECUTIONS = 200
#: Measured ÷ observed, or observed ÷ measured, beyond which they differ.
TOLERANCE = 1.3

#: Share of a new window in the speed.
SMOOTHING = 0.1

SERVICE_TIME, TRAFFIC = "ServiceTime", "Traffic"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftState:
    """What the next look needs to know, in POSIX seconds; None: it is as it should be.

    ``told_at``: when the last full window ended.
    """

    speed_since: float | None = None
    rows_since: float | None = None
    told_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The setting no longer suits. ``traffic``: what to tune for; ``words``: why."""

    cause: str
    words: str
    traffic: Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """The outcome of one look. ``speed``: of a window that became full, None of another one."""

    state: DriftState
    window: Window
    finding: Finding | None = None
    speed: float | None = None


def watch(
    state: DriftState,
    window: Window,
    counted: Iterable[PodStatistics],
    profile: Profile,
    *,
    now: float,
    settings: TuningSettings,
) -> Watched:
    """Compare what pods have ``counted`` since the last look with the profile."""
    patience = settings.drift_minutes * 60.0
    if now < window.began_at or (state.told_at is not None and now < state.told_at):
        return Watched(state=DriftState(), window=Window(began_at=now))  # the clock went back
    window = window.add(counted)
    if window.executions < WINDOW_EXECUTIONS:
        return _waiting(state, window, now=now, patience=patience)
    speed, rows = window.speed(profile.service), window.rows_per_request
    speed_off = speed is not None and not 1 / TOLERANCE <= speed <= TOLERANCE
    rows_off = rows is not None and not _close(rows, profile.traffic.mean_rows)
    after = DriftState(
        speed_since=_since(state.speed_since, now, off=speed_off),
        rows_since=_since(state.rows_since, now, off=rows_off),
        told_at=now,
    )
    finding = None
    if rows is not None and _is_long(after.rows_since, now, patience):
        finding = _of_traffic(profile, rows, settings)
    elif speed is not None and _is_long(after.speed_since, now, patience):
        finding = _of_speed(profile, speed, window, settings)
    return Watched(state=after, window=Window(began_at=now), finding=finding, speed=speed)


def smoothed(before: float, speed: float) -> float:
    """The speed that capacity is corrected with, after one more full window."""
    return before + SMOOTHING * (trusted(speed) - before)


def _waiting(state: DriftState, window: Window, *, now: float, patience: float) -> Watched:
    """A window that is not full yet; one that never fills breaks what was continuous."""
    if now - (state.told_at or window.began_at) < patience:
        return Watched(state=state, window=window)
    return Watched(state=DriftState(), window=Window(began_at=now))


def _since(before: float | None, now: float, *, off: bool) -> float | None:
    if not off:
        return None
    return now if before is None else before


def _is_long(since: float | None, now: float, patience: float) -> bool:
    return since is not None and now - since >= patience


def _close(observed: float, expected: float) -> bool:
    return abs(observed - expected) <= (TOLERANCE - 1) * expected


def _of_speed(profile: Profile, speed: float, window: Window, settings: TuningSettings) -> Finding:
    sizes = [item.batch for item in window.batches]
    batches = f"batch {sizes[0]}" if len(sizes) == 1 else f"batches {sizes[0]} to {sizes[-1]}"
    words = (
        f"executions take {1 / speed:.2f} times what was measured ({batches}),"
        f" for {settings.drift_minutes} min"
    )
    return Finding(cause=SERVICE_TIME, words=words, traffic=profile.traffic)


def _of_traffic(profile: Profile, rows: float, settings: TuningSettings) -> Finding:
    words = (
        f"requests have {rows:.1f} rows on average, the setting is tuned for"
        f" {profile.traffic.mean_rows:.1f}, for {settings.drift_minutes} min"
    )
    traffic = dataclasses.replace(profile.traffic, rows_per_request=shares_of(rows))
    return Finding(cause=TRAFFIC, words=words, traffic=traffic)


def shares_of(rows: float) -> tuple[RowsShare, ...]:
    """Sizes of requests with this mean: the whole numbers next to it, in proportion.

    Triton counts rows and requests, so the mean is all that is known of them.
    """
    rows = max(1.0, rows)
    low = math.floor(rows)
    upper = round(100.0 * (rows - low), 1)
    shares = (RowsShare(rows=low, percent=100.0 - upper), RowsShare(rows=low + 1, percent=upper))
    return tuple(share for share in shares if share.percent > 0)
