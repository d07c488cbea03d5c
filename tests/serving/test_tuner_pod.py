"""The whole tuner as its pod runs it: every end has its words, its exit code and no leftovers.

Nothing here depends on how fast this machine is at the moment.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from artifacts import EXPORT, OPENVINO_FP32, Kind, Published, onnx_file, publish
from models import Model, at_most, linear, over_an_open_axis, same, slow
from pod import eventually
from tune_pod import TunePod, name_of, words_of

from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.profile import CAPACITY_REPLICAS, ServedSetting
from modelservice_runtime.contract.traffic import (
    CLOSED_LOOP,
    TRACE,
    LengthShare,
    RowsShare,
    Traffic,
)
from modelservice_runtime.serve import shared_memory
from modelservice_runtime.tuner import errors

PodFor = Callable[..., TunePod]

pytestmark = pytest.mark.timeout(180)


def regions(prefix: str) -> list[str]:
    """The Python backend's shared memory with this prefix."""
    return [path.name for path in shared_memory.FOLDER.glob(f"{prefix}*")]


@pytest.fixture
def pod_for(tmp_path: Path) -> Iterator[PodFor]:
    """Makes the pod of a tune Job for a model."""
    made: list[TunePod] = []

    def make(model: Model, kinds: Sequence[Kind] = (EXPORT,), **options: Any) -> TunePod:
        artifact = publish(model, tmp_path, kinds)
        made.append(TunePod(root=tmp_path, uri=artifact.uri, digest=artifact.digest, **options))
        return made[-1]

    yield make
    for pod in made:
        pod.kill()


def test_a_tuning_gives_a_profile_and_tells_its_progress(tune_pod: TunePod) -> None:
    result, profile = tune_pod.tuned()
    assert (result.outcome, result.reason) == ("Succeeded", errors.MEASURED)
    assert (result.key, result.attempt) == ("0123456789", 1)
    assert profile.objective_met
    assert profile.artifact_digest == tune_pod.digest
    assert profile.variant == "export"
    assert profile.max_batch_size in {1, 2}
    assert profile.instances in {1, 2}
    assert profile.threads == 1
    times = [point.milliseconds for point in profile.service]
    assert [point.batch for point in profile.service][-1] == profile.max_batch_size
    assert times == sorted(times)
    assert times[0] > 0
    assert 0 < profile.capacity_rows_per_second <= profile.throughput_rows_per_second
    assert 0 < profile.latency_at_capacity_ms <= 500
    assert 0 < profile.queue_timeout_microseconds < 500_000
    assert len(profile.capacity_table) == len(CAPACITY_REPLICAS)
    assert len(base64.b64decode(profile.answered_share)) == 256
    assert profile.reasons
    # A Python with numpy and ONNX Runtime in it, beside Triton itself.
    assert 50 << 20 < profile.peak_memory_bytes < 4 << 30
    assert profile.load_seconds > 0
    assert profile.hardware
    fractions = [line["fraction"] for line in tune_pod.progress]
    assert fractions == sorted(fractions)
    assert {"fetching", "loading", "latency by batch", "simulating", "settings under load"} <= {
        line["stage"] for line in tune_pod.progress
    }
    report = json.loads((tune_pod.report / "report.json").read_text())
    assert any(setting["outcome"] == "chosen" for setting in report["settings"])
    assert "<svg" in (tune_pod.report / "report.html").read_text()


def test_an_objective_out_of_reach_is_a_profile_that_says_so(pod_for: PodFor) -> None:
    pod = pod_for(slow(3), goal_ms=1.0)
    result, profile = pod.tuned()
    assert result.reason == errors.OBJECTIVE_MISSED
    assert "p99 ≤ 1 ms cannot be kept: a lone request takes" in result.message
    assert not profile.objective_met
    assert (profile.max_batch_size, profile.instances) == (1, 1)
    assert profile.queue_timeout_microseconds == 0
    assert profile.capacity_rows_per_second > 0


def test_a_slow_model_gets_a_profile_within_its_time(pod_for: PodFor) -> None:
    """Seconds for a row: windows follow the latency, and what there is no time for is left out."""
    pod = pod_for(slow(150), goal_ms=60_000.0, max_batch_size=16, duration_seconds=30)
    _, profile = pod.tuned()
    assert profile.service[0].milliseconds > 100
    assert profile.capacity_rows_per_second > 0


def test_the_variant_that_does_best_in_triton_serves(pod_for: PodFor) -> None:
    """Not the one that was best alone: the builder's order is where the search begins."""
    fast = Kind(name="fast", write=lambda _, folder: onnx_file(same(), folder))
    result, profile = pod_for(slow(1), (EXPORT, fast)).tuned()
    assert profile.variant == "fast"
    assert "fast, batch " in result.message
    assert "variants within p99 ≤ 500 ms: fast " in result.message
    assert ", export " in result.message


def test_variants_that_cannot_be_served_are_left_out_and_said(pod_for: PodFor) -> None:
    broken = Kind(name="broken", write=lambda _, folder: garbage(folder))
    elsewhere = Kind(name="elsewhere", write=onnx_file, cpu_class="another CPU's")
    pod = pod_for(linear(), (broken, elsewhere, OPENVINO_FP32), max_batch_size=1)
    result, profile = pod.tuned()
    assert profile.variant == "openvino"
    assert "broken was given up: Triton does not load the model" in result.message
    assert "elsewhere was left out: variant 'elsewhere' was judged on CPU" in result.message


def garbage(folder: Path) -> str:
    (folder / "model.onnx").write_bytes(b"no model")
    return "model.onnx"


def test_an_artifact_judged_on_other_cpus_alone_is_not_tuned(pod_for: PodFor) -> None:
    elsewhere = Kind(name="elsewhere", write=onnx_file, cpu_class="another CPU's")
    code, result = pod_for(linear(), (elsewhere,)).tune()
    assert (code, result.reason) == (exit_codes.USER_ERROR, errors.NO_USABLE_VARIANT)
    assert 'was judged on CPU class "another CPU\'s"' in result.message


def test_time_that_is_up_before_anything_is_known_is_said(pod_for: PodFor) -> None:
    pod = pod_for(slow(1500), duration_seconds=8)
    code, result = pod.tune()
    assert code == exit_codes.DEADLINE
    assert result.reason == errors.DEADLINE_EXCEEDED
    assert result.message


def test_a_damaged_artifact_is_the_artifact_s_fault(
    published: Published, tune_pod: TunePod
) -> None:
    published.model_file.write_bytes(b"other bytes")
    code, result = tune_pod.tune()
    assert (code, result.reason) == (exit_codes.USER_ERROR, errors.ARTIFACT_DAMAGED)
    assert "model.onnx: 11 bytes, the manifest says" in result.message


def test_a_store_that_is_gone_is_said_with_its_address(
    published: Published, tune_pod: TunePod
) -> None:
    shutil.rmtree(published.folder)
    code, result = tune_pod.tune()
    assert (code, result.reason) == (exit_codes.USER_ERROR, errors.ARTIFACT_DAMAGED)
    assert published.uri in result.message


def test_a_volume_that_is_not_mounted_is_worth_another_try(tune_pod: TunePod) -> None:
    tune_pod.uri = "pvc://models/team/tiny/0/1"
    code, result = tune_pod.tune()
    assert (code, result.reason) == (exit_codes.INFRASTRUCTURE, errors.STORE_UNAVAILABLE)
    assert "the volume of claim 'models' is not mounted" in result.message


def test_a_model_that_triton_cannot_load_is_said_with_triton_s_words(pod_for: PodFor) -> None:
    """Published with right digests, and yet no model."""
    code, result = pod_for(replace(linear(), onnx=b"no model", outputs=linear().inputs)).tune()
    assert (code, result.reason) == (exit_codes.USER_ERROR, errors.MODEL_NOT_SERVABLE)
    assert "ONNX" in result.message


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("perf_analyzer", errors.LOAD_GENERATOR_MISSING),
        ("tritonserver", errors.TRITON_CRASHED),
    ],
)
def test_a_program_that_is_not_in_the_image_is_named(
    tune_pod: TunePod, tmp_path: Path, missing: str, reason: str
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in {"perf_analyzer", "tritonserver"} - {missing}:
        (programs / name).symlink_to(str(shutil.which(name)))
    tune_pod.variables = {"PATH": f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin"}
    code, result = tune_pod.tune()
    assert (code, result.reason) == (exit_codes.INFRASTRUCTURE, reason)
    assert f"{missing} cannot be started" in result.message


def test_sigterm_ends_it_and_leaves_no_process_behind(tune_pod: TunePod) -> None:
    tune_pod.start()
    tune_pod.until(lambda line: line["stage"] == "latency by batch")
    eventually(lambda: any("perf_analyzer" in words_of(p) for p in tune_pod.family()))
    family = tune_pod.family()
    prefix = tune_pod.prefix()
    assert regions(prefix)
    tune_pod.process.send_signal(signal.SIGTERM)
    code, result = tune_pod.finish()
    assert (code, result.reason) == (errors.TERMINATED, errors.INTERRUPTED)
    assert [process for process in family if process.is_running()] == []
    assert regions(prefix) == []


def test_a_setting_that_kills_triton_is_given_up_and_the_rest_is_used(tune_pod: TunePod) -> None:
    """As the kernel does at the memory limit, while the first of the finalists is measured."""
    tune_pod.start()
    tune_pod.until(lambda line: line["stage"] == "simulating")
    prefix = tune_pod.prefix()
    assert regions(prefix)
    tune_pod.server().kill()
    code, result = tune_pod.finish()
    assert code == 0, tune_pod.log()
    assert result.profile is not None
    assert result.profile.capacity_rows_per_second > 0
    assert "was given up: Triton ended with" in result.message
    assert regions(prefix) == []


def test_a_model_process_that_is_killed_costs_no_more_than_a_run(tune_pod: TunePod) -> None:
    """The kernel may take the largest process alone, and that is not Triton itself."""
    tune_pod.start()
    tune_pod.until(lambda line: line["stage"] == "simulating")
    stubs = [p for p in tune_pod.family() if name_of(p).startswith("triton_python")]
    assert stubs  # more, while the former configuration is still being unloaded
    for stub in stubs:
        with suppress(psutil.NoSuchProcess):
            stub.kill()
    code, result = tune_pod.finish()
    assert code == 0, tune_pod.log()
    assert result.profile is not None
    assert result.profile.capacity_rows_per_second > 0


def test_triton_killed_before_anything_is_known_is_a_question_of_memory(tune_pod: TunePod) -> None:
    tune_pod.start()
    tune_pod.until(lambda line: line["stage"] == "loading")
    eventually(lambda: any(name_of(p) == "tritonserver" for p in tune_pod.family()))
    tune_pod.server().kill()
    code, result = tune_pod.finish()
    assert (code, result.reason) == (exit_codes.USER_ERROR, errors.OUT_OF_MEMORY)
    assert "raise spec.serving.resources.limits.memory" in result.message


def test_requests_of_several_sizes_are_measured_as_such(tune_pod: TunePod) -> None:
    shares = (RowsShare(rows=1, percent=50.0), RowsShare(rows=2, percent=50.0))
    tune_pod.traffic = Traffic(rows_per_request=shares)
    _, profile = tune_pod.tuned()
    assert profile.max_batch_size == 2  # a smaller one would refuse every second request
    assert profile.traffic.rows_per_request == shares


LENGTHS = (
    LengthShare(length=4, percent=40.0),
    LengthShare(length=16, percent=30.0),
    LengthShare(length=64, percent=30.0),
)


@pytest.mark.parametrize("kind", ["Sum", "Mean"])
def test_requests_of_several_lengths_are_padded_where_the_model_s_answers_allow_it(
    pod_for: PodFor, kind: str
) -> None:
    """A machine that is slow for a moment may still make equal lengths look better than padding."""
    pod = pod_for(over_an_open_axis(kind), max_batch_size=8, traffic=Traffic(lengths=LENGTHS))
    _, profile = pod.tuned()
    (reason,) = [text for text in profile.reasons if "requests of different lengths" in text]
    how, _, why = reason.removeprefix("requests of different lengths ").partition(": ")
    assert how == ("padded into one batch" if profile.padded else "equal lengths alone")
    if kind == "Mean":
        assert not profile.padded
        assert "a row of length 4 padded with zeros to 64 is answered otherwise than alone" in why
    else:
        right = "rows padded with zeros to length 64 are answered as they are alone"
        assert why == right if profile.padded else why.startswith("padding would be right, but")
    assert profile.traffic.lengths == LENGTHS
    report = json.loads((pod.report / "report.json").read_text())
    assert [row["length"] for row in report["lengths"]] == [4, 16, 64]
    assert [row["batches"][-1] for row in report["lengths"]] == 3 * [profile.max_batch_size]
    assert "Latency by batch and length" in (pod.report / "report.html").read_text()


def test_lengths_of_a_model_without_an_open_axis_are_the_user_s_fault(tune_pod: TunePod) -> None:
    tune_pod.traffic = Traffic(lengths=LENGTHS)
    code, result = tune_pod.tune()
    assert (code, result.reason) == (exit_codes.USER_ERROR, errors.REQUEST_INVALID)
    assert "spec.serving.traffic.lengths: no input of the model has an open axis" in result.message


def test_a_length_that_the_model_does_not_take_is_named(pod_for: PodFor) -> None:
    pod = pod_for(at_most(), traffic=Traffic(lengths=LENGTHS))
    code, result = pod.tune()
    assert (code, result.reason) == (exit_codes.USER_ERROR, errors.REQUEST_INVALID)
    words = "spec.serving.traffic.lengths: the model does not answer a request of length 64: "
    assert words in result.message


def test_clients_that_wait_are_measured_with_as_many_requests_in_flight(
    tune_pod: TunePod,
) -> None:
    tune_pod.traffic = Traffic(arrivals=CLOSED_LOOP, concurrency=4)
    result, profile = tune_pod.tuned()
    assert profile.objective_met
    assert "with 4 requests in flight" in result.message
    report = json.loads((tune_pod.report / "report.json").read_text())
    loops = [run for run in report["runs"] if not run["discarded"]]
    assert {(run["rate"], run["concurrency"]) for run in loops} <= {(0, 4)}
    own = [run for run in loops if run["label"] == chosen(report)["label"]]
    if own:
        rates = sorted(run["measuredRowsPerSecond"] for run in own)
        assert rates[0] * 0.99 <= profile.capacity_rows_per_second <= rates[-1] * 1.01


def chosen(report: dict[str, Any]) -> dict[str, Any]:
    """The setting that serves, as the report has it."""
    (found,) = [setting for setting in report["settings"] if setting["outcome"] == "chosen"]
    return dict(found)


def test_more_clients_than_can_be_answered_in_time_is_a_missed_objective_with_figures(
    pod_for: PodFor,
) -> None:
    pod = pod_for(slow(5), goal_ms=500.0, duration_seconds=60)
    pod.traffic = Traffic(arrivals=CLOSED_LOOP, concurrency=64)
    result, profile = pod.tuned()
    assert result.reason == errors.OBJECTIVE_MISSED
    assert "p99 ≤ 500 ms is missed with 64 requests in flight" in result.message
    assert not profile.objective_met
    assert profile.queue_timeout_microseconds == 0
    assert profile.capacity_rows_per_second > 0


def test_a_recorded_trace_is_what_is_tuned_for(tune_pod: TunePod) -> None:
    trace = tune_pod.root / "trace.csv"
    trace.write_text("seconds,requests\n" + "".join(f"{s},{s % 7}\n" for s in range(60)))
    tune_pod.traffic = Traffic(arrivals=TRACE, trace_uri=f"file://{trace}")
    _, profile = tune_pod.tuned()
    assert profile.capacity_rows_per_second > 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,requests\n0,1\n", "the trace has no column seconds"),
        ("seconds,requests\n0,1\n1,many\n", "line 3 of the trace: requests 'many' is no number"),
        (None, "trace.csv"),
    ],
)
def test_a_trace_that_is_none_is_the_user_s_fault(
    tune_pod: TunePod, text: str | None, said: str
) -> None:
    trace = tune_pod.root / "trace.csv"
    if text is not None:
        trace.write_text(text)
    tune_pod.traffic = Traffic(arrivals=TRACE, trace_uri=f"file://{trace}")
    code, result = tune_pod.tune()
    assert (code, result.reason) == (exit_codes.USER_ERROR, errors.TRACE_INVALID)
    assert said in result.message


def test_a_memory_limit_below_one_instance_is_said(tune_pod: TunePod) -> None:
    tune_pod.memory_limit_bytes = 8 << 20
    code, result = tune_pod.tune()
    assert (code, result.reason) == (exit_codes.USER_ERROR, errors.OUT_OF_MEMORY)
    assert "MiB of the 8 MiB allowed; raise spec.serving.resources.limits.memory" in result.message


def test_the_gain_over_what_serves_now_is_told(tune_pod: TunePod) -> None:
    tune_pod.current = ServedSetting(variant="export", max_batch_size=1, instances=1, threads=1)
    _, profile = tune_pod.tuned()
    assert profile.gain != 0.0 or profile.max_batch_size == 1


def test_a_request_that_is_none_is_refused(tune_pod: TunePod) -> None:
    tune_pod.variables = {"MODELSERVICE_JOB": '{"namespace": "team"}'}
    tune_pod.start()
    assert tune_pod.process.wait() == errors.CRASHED
    assert "RequestInvalid: MODELSERVICE_JOB: TuneRequest.name: missing" in tune_pod.log()
    assert not tune_pod.result_file.exists()
