"""The most requests in time that so many GPUs allow, for rates known in advance: a linear program.

A column for each minute, service and count of replicas: whole numbers, solved by HiGHS. Starts are
free of charge, so nobody reaches it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.optimize import LinearConstraint, milp


def most_in_time(
    rates: Mapping[str, float], gpus: int, share: Callable[[float, int], float]
) -> float:
    """Requests a second in time; ``share``: of those at (rate, replicas)."""
    names = sorted(rates)
    counts = range(1, gpus - len(names) + 2)
    gains, used, chosen = [], [], []
    for place, name in enumerate(names):
        for count in counts:
            gains.append(rates[name] * share(rates[name], count))
            used.append(count)
            chosen.append(place)
    one_each = np.array([[float(place == row) for place in chosen] for row in range(len(names))])
    found = milp(
        c=-np.array(gains),
        constraints=[
            LinearConstraint(np.array(used, float), ub=gpus),
            LinearConstraint(one_each, lb=1.0, ub=1.0),
        ],
        integrality=np.ones(len(gains)),
        bounds=(0, 1),
    )
    if not found.success:
        raise ValueError(f"no optimum: {found.message}")
    return float(-found.fun)
