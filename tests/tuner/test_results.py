"""A tuning's result: says what was found, and always fits into a termination message."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.contract.codec import loads
from modelservice_runtime.contract.requests import LatencyObjective, TuneRequest
from modelservice_runtime.contract.results import MAX_RESULT_BYTES, TuneResult
from modelservice_runtime.tuner.capacity import Capacity
from modelservice_runtime.tuner.choice import Choice, LatencyPoint, Setting, batch_sizes
from modelservice_runtime.tuner.errors import OUT_OF_MEMORY, UserError
from modelservice_runtime.tuner.results import Measured, failed, shortened, succeeded

DIGEST = "sha256:" + "a" * 64
REQUEST = TuneRequest(
    namespace="team",
    name="tiny",
    tuning_key="0123456789",
    attempt=1,
    artifact_uri="file:///store",
    artifact_digest=DIGEST,
    backend="python",
    objective=LatencyObjective(percentile=99.0, milliseconds=20.0),
    max_batch_size=4096,
    cpu=1.0,
    memory_limit_bytes=0,
    duration_seconds=60,
)


def measured(notes: tuple[str, ...] = (), *, met: bool = True, batch: int = 4) -> Measured:
    setting = Setting(variant="a", max_batch_size=batch, instances=1, threads=1)
    curve = tuple(
        LatencyPoint(batch=size, p50_ms=1.23456789 * size, p99_ms=2.3456789 * size)
        for size in batch_sizes(REQUEST.max_batch_size)
    )
    return Measured(
        curve=curve,
        choice=Choice(setting=setting, rows_per_second=812.3456, met=met, why="it is best"),
        capacity=Capacity(rows_per_second=601.2345, latency_ms=19.0),
        peak_memory_bytes=200 << 20,
        load_seconds=1.5,
        hardware="AMD EPYC",
        notes=notes,
    )


@given(st.lists(st.text(max_size=3000), max_size=20))
def test_a_result_always_fits_and_is_read_back(notes: list[str]) -> None:
    result = succeeded(REQUEST, measured(tuple(notes)))
    text = shortened(result)
    assert len(text) <= MAX_RESULT_BYTES
    back = loads(TuneResult, text)
    assert back.profile == result.profile
    assert result.message.startswith(back.message)


@given(st.text())
def test_a_failure_always_fits_too(words: str) -> None:
    text = shortened(failed(REQUEST, UserError(OUT_OF_MEMORY, words * 50)))
    assert len(text) <= MAX_RESULT_BYTES


def test_no_more_is_cut_than_must_be() -> None:
    text = shortened(succeeded(REQUEST, measured(("word " * 2000,))))
    assert len(text) > MAX_RESULT_BYTES - 100


def test_the_profile_says_what_is_to_be_served() -> None:
    result = succeeded(REQUEST, measured(("batch 8 was given up: Triton died",)))
    profile = result.profile
    assert profile is not None
    assert (result.outcome, result.reason) == ("Succeeded", "Measured")
    assert (profile.max_batch_size, profile.artifact_digest) == (4, DIGEST)
    # The goal less what a full batch of the chosen size takes.
    assert profile.queue_timeout_microseconds == int((20 - 1.23456789 * 4) * 1000)
    assert result.message == (
        "it is best; 812 rows/s under full load, capacity 601 rows/s per replica, 200 MiB at most;"
        " batch 8 was given up: Triton died"
    )


def test_a_missed_objective_has_no_queue_timeout_and_its_own_reason() -> None:
    result = succeeded(REQUEST, measured(met=False))
    assert result.reason == "ObjectiveMissed"
    assert result.profile is not None
    assert not result.profile.objective_met
    assert result.profile.queue_timeout_microseconds == 0
