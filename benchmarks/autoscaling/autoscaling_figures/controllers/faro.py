"""In the manner of Faro (EuroSys 25): utility of all jobs under a quota, solved every five minutes.

Utility ``min(1, goal / latency)``, relaxed; latency p99 of M/D/c as half of the wait in M/M/c with
the utilisation capped at 0.95; the forecast is the mean of the last minutes (the paper's N-HiTS
needs weeks of history). Between two solutions one replica more where requests wait.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from scipy.optimize import minimize

from autoscaling_figures.simulator.model import ModelOf
from autoscaling_figures.simulator.world import Seen

from .signals import total_pending, total_rate

SOLVE_SECONDS = 300.0
MOST_UTILIZATION = 0.95
#: Of utility: a replica that brings less stays free.
LEAST_GAIN = 1e-6
_LN100 = math.log(100.0)


@dataclass(slots=True, kw_only=True)
class FaroLike:
    """``fair``: the worst job's utility counts too (fair-sum), else the sum alone."""

    models: Mapping[str, ModelOf]
    fair: bool = False
    interval: float = 10.0
    solved_at: float = -math.inf
    base: dict[str, int] = field(default_factory=dict)

    def decide(self, now: float, seen: Mapping[str, Seen], gpus: int | None) -> dict[str, int]:
        """Wanted replicas by service."""
        if gpus is None:
            raise ValueError("it shares a quota")
        if now - self.solved_at >= SOLVE_SECONDS:
            rates = {name: total_rate(item, now, 120.0) for name, item in seen.items()}
            if not any(math.isnan(rate) for rate in rates.values()):
                self.solved_at = now
                self.base = self._solve(rates, gpus)
        wanted = {name: self.base.get(name, item.replicas) for name, item in seen.items()}
        free = gpus - sum(wanted.values())
        for name, item in seen.items():
            waiting = total_pending(item)
            late = waiting > item.ready * self.models[name].batch
            if free > 0 and late and item.ready >= item.replicas:
                wanted[name] += 1
                self.base[name] = wanted[name]
                free -= 1
        return wanted

    def restart(self) -> None:
        """It solves anew."""
        self.solved_at = -math.inf

    def _solve(self, rates: Mapping[str, float], gpus: int) -> dict[str, int]:
        names = sorted(rates)
        places = np.arange(len(names))
        begin = np.full(len(names), max(1.0, gpus / len(names)))
        # By service and count, one more than there can be: between two it goes straight.
        table = np.array([
            [_utility(rates[name], count, self.models[name]) for count in range(1, gpus + 3)]
            for name in names
        ])  # fmt: skip

        def lost(counts: np.ndarray) -> float:
            counts = np.clip(counts, 1.0, gpus + 1.0)
            low = np.floor(counts).astype(np.int64)
            below, above = table[places, low - 1], table[places, low]
            utilities = below + (counts - low) * (above - below)
            total = float(utilities.sum())
            return -(total + len(names) * float(utilities.min()) if self.fair else total)

        within = {"type": "ineq", "fun": lambda x: np.append(x - 1.0, gpus - x.sum())}
        found = minimize(lost, begin, method="COBYLA", constraints=within, options={"maxiter": 400})
        return _whole(dict(zip(names, found.x.tolist(), strict=True)), rates, gpus, self.models)


@lru_cache(maxsize=4096)
def _utility(rate: float, replicas: int, model: ModelOf) -> float:
    """``min(1, goal / p99)``."""
    each = 1.0 / model.full
    load = rate * each / replicas
    capped = min(load, MOST_UTILIZATION)
    wait = (
        _erlang_c(capped * replicas, replicas) * _LN100 / (2 * replicas * model.full * (1 - capped))
    )
    latency = float(model.table()[-1]) + wait
    if load > capped:
        latency *= load / capped
    return min(1.0, model.goal / latency)


def _erlang_c(offered: float, servers: int) -> float:
    blocking = 1.0
    for count in range(1, servers + 1):
        blocking = offered * blocking / (count + offered * blocking)
    load = offered / servers
    return blocking / (1 - load * (1 - blocking))


def _whole(
    counts: Mapping[str, float],
    rates: Mapping[str, float],
    gpus: int,
    models: Mapping[str, ModelOf],
) -> dict[str, int]:
    """Integer repair: rounded down, then one by one where it brings most."""
    whole = {name: max(1, math.floor(count + 1e-6)) for name, count in counts.items()}
    while sum(whole.values()) > gpus and max(whole.values()) > 1:
        most = max(whole, key=lambda name: whole[name])
        whole[most] -= 1
    while sum(whole.values()) < gpus:
        gains = {
            name: _utility(rates[name], count + 1, models[name])
            - _utility(rates[name], count, models[name])
            for name, count in whole.items()
        }
        best = max(gains, key=lambda name: gains[name])
        if gains[best] <= LEAST_GAIN:
            break
        whole[best] += 1
    return whole
