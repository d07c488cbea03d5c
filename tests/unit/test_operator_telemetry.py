"""The operator's own figures: what is known has a series, what is not has none."""

from __future__ import annotations

from dataclasses import replace

import operator_samples as samples
from prometheus_client import generate_latest

from modelservice_operator.api.service import ServiceKey
from modelservice_operator.fleet import Outlook, Pool, ServiceView, Verdict
from modelservice_operator.load.budget import Budget
from modelservice_operator.load.forecast import Rates
from modelservice_operator.load.gpus import Budgets
from modelservice_operator.load.reading import Load, NoData
from modelservice_operator.telemetry import OperatorTelemetry

KEY = ServiceKey("demo", "tiny")
LABELS = {"namespace": "demo", "name": "tiny"}
GPU, SLICE = Pool("nvidia.com/gpu"), Pool("nvidia.com/mig-1g.5gb", (("zone", "a"),))
LOAD = Load(
    rates=Rates(short=150.0, long=140.0, before=130.0),
    pending=0.0,
    requests=9000.0,
    violations=12.0,
    age_seconds=1.0,
    complete=True,
)
VERDICT = Verdict(
    desired=4,
    reason="180 rows/s expected",
    metrics_available=True,
    metrics_reason="LoadKnown",
    metrics_message="known",
    outlook=Outlook(expected=155.0, planned=180.0),
)
GONE = NoData(reason="NoSeries", message="nothing")


def on_gpu(pool: Pool = GPU) -> ServiceView:
    """Two replicas with two GPUs each."""
    return samples.view(pool=pool, gpus=2)


def told(telemetry: OperatorTelemetry, name: str, **labels: str) -> float | None:
    """The value of one series, None where there is none."""
    return telemetry.registry.get_sample_value(f"modelservice_{name}", LABELS | labels)


def usable(telemetry: OperatorTelemetry, pool: Pool) -> float | None:
    """How many GPUs of a pool there are."""
    return telemetry.registry.get_sample_value("modelservice_gpus_usable", {"pool": str(pool)})


def telemetry_after(
    *rounds: tuple[ServiceView, Load | NoData | None, Verdict],
) -> OperatorTelemetry:
    """Figures of one service after some rounds."""
    telemetry = OperatorTelemetry(limit_seconds=60)
    for view, reading, verdict in rounds:
        telemetry.observed(view, reading, verdict)
    return telemetry


def test_what_a_round_found_can_be_read() -> None:
    telemetry = telemetry_after((on_gpu(), LOAD, VERDICT))
    assert told(telemetry, "offered_rows_per_second") == 150
    assert told(telemetry, "expected_rows_per_second") == 155
    assert told(telemetry, "planned_rows_per_second") == 180
    assert told(telemetry, "capacity_rows_per_second") == 50
    assert told(telemetry, "requests_last_minute") == 9000
    assert told(telemetry, "rejected_requests_last_minute") == 12
    assert told(telemetry, "gpus_held", pool="nvidia.com/gpu") == 4


def test_what_is_no_longer_known_has_no_series() -> None:
    blind = replace(VERDICT, metrics_available=False, outlook=None)
    untuned = replace(on_gpu(), capacity=None)
    telemetry = telemetry_after((on_gpu(), LOAD, VERDICT), (untuned, GONE, blind))
    assert told(telemetry, "replicas_desired") == 4
    assert told(telemetry, "metrics_available") == 0
    for name in ("offered", "expected", "planned", "capacity"):
        assert told(telemetry, f"{name}_rows_per_second") is None
    assert told(telemetry, "requests_last_minute") is None
    assert told(telemetry, "rejected_requests_last_minute") is None


def test_where_there_is_no_load_to_know_nobody_is_alarmed() -> None:
    nothing = replace(VERDICT, metrics_available=None, metrics_reason="NoReplicas")
    telemetry = telemetry_after(
        (on_gpu(), LOAD, VERDICT), (samples.view(replicas=0), GONE, nothing)
    )
    assert told(telemetry, "metrics_available") is None


def test_the_capacity_is_the_one_that_is_sized_with() -> None:
    telemetry = telemetry_after((replace(on_gpu(), speed=7.0), LOAD, VERDICT))
    assert told(telemetry, "capacity_rows_per_second") == 75


def test_a_load_of_nothing_is_a_figure() -> None:
    idle = replace(LOAD, rates=Rates(short=0.0, long=0.0, before=0.0), requests=0.0, violations=0.0)
    verdict = replace(VERDICT, outlook=Outlook(expected=0.0, planned=0.0))
    telemetry = telemetry_after((on_gpu(), idle, verdict))
    assert told(telemetry, "offered_rows_per_second") == 0
    assert told(telemetry, "planned_rows_per_second") == 0


def test_gpus_of_another_pool_leave_none_behind_in_the_old_one() -> None:
    telemetry = telemetry_after((on_gpu(), LOAD, VERDICT), (on_gpu(SLICE), LOAD, VERDICT))
    assert told(telemetry, "gpus_held", pool=str(GPU)) is None
    assert told(telemetry, "gpus_held", pool=str(SLICE)) == 4
    telemetry.observed(samples.view(), LOAD, VERDICT)
    assert told(telemetry, "gpus_held", pool=str(SLICE)) is None


def test_a_pool_is_told_while_its_size_is_known() -> None:
    telemetry = OperatorTelemetry(limit_seconds=60)

    def shared(**pools: int | None) -> None:
        known = {"gpu": GPU, "slice": SLICE}
        budgets = {known[n]: Budget(resource="x", usable=many) for n, many in pools.items()}
        telemetry.shared(Budgets(pools=budgets))

    shared(gpu=8, slice=3)
    assert (usable(telemetry, GPU), usable(telemetry, SLICE)) == (8, 3)
    shared(gpu=None, slice=2)
    assert (usable(telemetry, GPU), usable(telemetry, SLICE)) == (None, 2)
    shared(gpu=8)
    assert (usable(telemetry, GPU), usable(telemetry, SLICE)) == (8, None)


def test_of_a_gone_service_nothing_is_left() -> None:
    telemetry = telemetry_after((on_gpu(), LOAD, VERDICT))
    telemetry.forget(KEY)
    telemetry.forget(KEY)
    assert b'name="tiny"' not in generate_latest(telemetry.registry)
