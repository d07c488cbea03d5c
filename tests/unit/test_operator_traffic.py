"""``spec.serving.traffic``: what is said goes to the tuner, what is wrong is named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import operator_samples as samples
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_operator.api.spec import parse_spec
from modelservice_runtime.contract.codec import dumps, loads
from modelservice_runtime.contract.fields import SpecError
from modelservice_runtime.contract.traffic import ARRIVALS, LengthShare, RowsShare, Traffic


def parsed(traffic: Any, **serving: Any) -> Traffic:
    """What a service with this traffic means."""
    serving = {"latencyObjective": {"milliseconds": 100}, "traffic": traffic, **serving}
    return parse_spec({**samples.MINIMAL_SPEC, "serving": serving}).serving.traffic


def shares(*pairs: tuple[int, str]) -> list[dict[str, Any]]:
    """``rowsPerRequest`` of (rows, percent)."""
    return [{"rows": rows, "percent": percent} for rows, percent in pairs]


def lengths(*pairs: tuple[int, str]) -> list[dict[str, Any]]:
    """``lengths`` of (length, percent)."""
    return [{"length": length, "percent": percent} for length, percent in pairs]


def test_with_nothing_said_clients_are_independent_and_send_single_rows() -> None:
    assert parse_spec(samples.MINIMAL_SPEC).serving.traffic == Traffic()
    assert parsed({}) == Traffic()


def test_everything_that_is_said_is_kept() -> None:
    given_ = {
        "arrivals": "Poisson",
        "rowsPerSecond": "250.5",
        "rowsPerRequest": shares((16, "25"), (1, "75")),
        "repeatedPercent": "12.5",
        "lengths": lengths((128, "40"), (16, "60")),
    }
    assert parsed(given_) == Traffic(
        rows_per_second=250.5,
        rows_per_request=(RowsShare(rows=1, percent=75.0), RowsShare(rows=16, percent=25.0)),
        repeated_percent=12.5,
        lengths=(LengthShare(length=16, percent=60.0), LengthShare(length=128, percent=40.0)),
    )
    assert parsed(given_).mean_rows == 4.75


def test_each_kind_of_arrivals_has_its_own_field() -> None:
    assert parsed({"arrivals": "ClosedLoop", "concurrency": 8}).concurrency == 8
    trace = {"arrivals": "Trace", "trace": {"uri": "pvc://traces/a.csv"}}
    assert parsed(trace).trace_uri == "pvc://traces/a.csv"


@pytest.mark.parametrize(
    ("traffic", "field", "words"),
    [
        ("Poisson", "traffic", "expected an object"),
        ({"arrivals": "Bursts"}, "traffic.arrivals", "Poisson, ClosedLoop, Trace"),
        ({"arrivals": "ClosedLoop"}, "traffic.concurrency", "arrivals ClosedLoop needs it"),
        ({"concurrency": 8}, "traffic.concurrency", "for arrivals ClosedLoop alone"),
        (
            {"arrivals": "ClosedLoop", "concurrency": 0},
            "traffic.concurrency",
            "not between 1 and 4096",
        ),
        ({"arrivals": "Trace"}, "traffic.trace", "arrivals Trace needs it"),
        ({"trace": {"uri": "s3://b/a"}}, "traffic.trace", "for arrivals Trace alone"),
        ({"arrivals": "Trace", "trace": {}}, "traffic.trace.uri", "required"),
        (
            {"arrivals": "Trace", "trace": {"uri": "file:///etc/passwd"}},
            "traffic.trace.uri",
            "must start with pvc://",
        ),
        ({"rowsPerSecond": "0"}, "traffic.rowsPerSecond", "not between 0.001"),
        ({"repeatedPercent": "101"}, "traffic.repeatedPercent", "not between 0 and 100"),
        ({"rowsPerRequest": []}, "traffic.rowsPerRequest", "1 to 8 shares"),
        (
            {"rowsPerRequest": shares(*((n, "11.11") for n in range(1, 10)))},
            "traffic.rowsPerRequest",
            "1 to 8 shares",
        ),
        (
            {"rowsPerRequest": shares((2, "50"), (2, "50"))},
            "traffic.rowsPerRequest",
            "may be there once",
        ),
        (
            {"rowsPerRequest": shares((1, "60"), (2, "39"))},
            "traffic.rowsPerRequest",
            "must add up to 100, but give 99",
        ),
        (
            {"rowsPerRequest": shares((17, "100"))},
            "traffic.rowsPerRequest[0].rows",
            "17 is more than spec.serving.maxBatchSize 16; raise that",
        ),
        ({"lengths": []}, "traffic.lengths", "1 to 8 shares"),
        (
            {"lengths": lengths((16, "50"), (16, "50"))},
            "traffic.lengths",
            "each length may be there once",
        ),
        (
            {"lengths": lengths((16, "60"), (128, "41"))},
            "traffic.lengths",
            "must add up to 100, but give 101",
        ),
        (
            {"lengths": lengths((0, "100"))},
            "traffic.lengths[0].length",
            "not between 1 and 1048576",
        ),
        (
            {"lengths": [{"length": 16}]},
            "traffic.lengths[0].percent",
            "required",
        ),
        ({"lengths": "long"}, "traffic.lengths", "expected a list"),
        ({"rowsPerRequest": [3]}, "traffic.rowsPerRequest[0]", "expected an object"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named_and_said(traffic: Any, field: str, words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        parsed(traffic)
    assert caught.value.field == f"spec.serving.{field}"


def test_the_length_at_a_percentile_is_what_so_many_requests_do_not_exceed() -> None:
    traffic = parsed({"lengths": lengths((128, "1"), (16, "59"), (64, "40"))})
    assert [traffic.length_at(percentile) for percentile in (50, 59, 90, 99, 99.9)] == [
        16, 16, 64, 64, 128,
    ]  # fmt: skip
    assert Traffic().length_at(99) == 0


def test_requests_may_be_as_large_as_the_largest_batch() -> None:
    whole = {"rowsPerRequest": shares((64, "100"))}
    assert parsed(whole, maxBatchSize=64).mean_rows == 64


@given(st.lists(st.integers(1, 100), min_size=1, max_size=8))
def test_shares_that_add_up_are_taken_however_they_are_cut(weights: Sequence[int]) -> None:
    """Percents with three digits behind the point, as people write thirds and sevenths."""
    total = sum(weights)
    cut = [f"{100 * weight / total:.3f}" for weight in weights]
    found = parsed({"rowsPerRequest": shares(*enumerate(cut, start=1))})
    assert 1 <= found.mean_rows <= len(weights)


@given(
    st.dictionaries(
        st.sampled_from(
            ["arrivals", "rowsPerSecond", "rowsPerRequest", "repeatedPercent", "concurrency"]
        ),
        st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(ARRIVALS),
        max_size=4,
    )
)
def test_nonsense_is_traffic_or_an_error_that_names_its_field(document: dict[str, Any]) -> None:
    outcome: Traffic | SpecError
    try:
        outcome = parsed(document)
    except SpecError as error:
        outcome = error
    if isinstance(outcome, SpecError):
        assert outcome.field.startswith("spec.serving.traffic.")
    else:
        assert loads(Traffic, dumps(outcome)) == outcome
