"""What the balancer's unit tests read and share: loads, and GPUs."""

from __future__ import annotations

from dataclasses import replace

from modelservice_operator.fleet import Pool
from modelservice_operator.load.budget import Budget
from modelservice_operator.load.forecast import Rates
from modelservice_operator.load.gpus import Budgets
from modelservice_operator.load.reading import Load, NoData

GPU = Pool("nvidia.com/gpu")
GONE = NoData(reason="PrometheusUnreachable", message="no answer")


def load(rows: float, **changes: object) -> Load:
    """So many rows per second for a while, just read."""
    base = Load(
        rates=Rates(short=rows, long=rows, before=rows),
        pending=0.0,
        requests=60 * rows,
        violations=0.0,
        age_seconds=1.0,
        complete=True,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def given(gpus: int | None, **quotas: int) -> Budgets:
    """So many in the cluster, and so many for namespaces."""
    return Budgets(
        pools={GPU: Budget(resource=GPU.resource, usable=gpus, why="no node was read")},
        namespaces={
            (GPU, space): Budget(resource=GPU.resource, usable=many)
            for space, many in quotas.items()
        },
    )
