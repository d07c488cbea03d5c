"""perf_analyzer's profile export becomes times and latencies, or an error in words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.tuner.export import parse_export
from modelservice_runtime.tuner.parsing import OutputUnreadableError


def export(*pairs: tuple[int, int]) -> str:
    """As perf_analyzer 2.51 writes it: a request and when its answer came."""
    requests = [
        {"timestamp": at, "sequence_id": 0, "response_timestamps": [answered]}
        for at, answered in pairs
    ]
    return json.dumps({"experiments": [{"experiment": {}, "requests": requests}], "version": "2"})


def test_requests_are_read_in_the_order_in_which_they_were_sent() -> None:
    sent = parse_export(export((3_000_000, 4_500_000), (1_000_000, 9_000_000)))
    assert sent.at_ns.tolist() == [1_000_000, 3_000_000]
    assert sent.latency_ms.tolist() == [8.0, 1.5]


def test_a_request_without_an_answer_is_left_out() -> None:
    document = json.loads(export((1, 1_000_001), (2, 3)))
    document["experiments"][0]["requests"][1]["response_timestamps"] = []
    assert parse_export(json.dumps(document)).latency_ms.tolist() == [1.0]


def test_all_experiments_count() -> None:
    document = json.loads(export((1, 2)))
    document["experiments"] *= 3
    assert len(parse_export(json.dumps(document)).at_ns) == 3


BAD: dict[str, tuple[Any, str]] = {
    "nothing": ("", "cannot be read"),
    "bytes": (b"\xff\xfe\x00", "cannot be read"),
    "a list": ("[]", "cannot be read"),
    "no experiments": ("{}", "cannot be read"),
    "no request": (export(), "no answered request"),
    "cut short": (export((1, 2))[:-20], "cannot be read"),
    "a word for a time": (export((1, 2)).replace('"timestamp": 1', '"timestamp": "x"'), "read"),
}


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD.keys())
def test_a_bad_export_is_named(text: str | bytes, words: str) -> None:
    with pytest.raises(OutputUnreadableError, match=words):
        parse_export(text)


TEXT = export((1, 1_000_001), (5, 2_000_005))


@given(st.integers(0, len(TEXT)), st.integers(0, len(TEXT)), st.text(max_size=5))
def test_a_damaged_export_is_figures_or_the_error(start: int, end: int, patch: str) -> None:
    try:
        sent = parse_export(TEXT[:start] + patch + TEXT[end:])
    except OutputUnreadableError:
        return
    assert len(sent.at_ns) == len(sent.latency_ms) > 0
