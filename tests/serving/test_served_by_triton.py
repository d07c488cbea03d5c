"""A real Triton started by the start wrapper: right answers, joined requests, closed doors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tritonclient.grpc as grpcclient
from google.protobuf import text_format
from models import WIDTH, joined_badly, linear, lookup, over_an_open_axis, slow, twice_as_long
from pod import Pod, Sent, eventually, tensors
from tritonclient.grpc import model_config_pb2
from tritonclient.utils import InferenceServerException

from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.model_config import RateLimitedResource, render_pbtxt
from modelservice_runtime.serve import shared_memory

PodOf = Callable[..., Pod]


def executions(pod: Pod) -> tuple[int, int]:
    """(requests answered, calls of the model) so far."""
    with pod.client() as client:
        statistics = client.get_inference_statistics(pod.config.name).model_stats[0]
    return statistics.inference_stats.success.count, statistics.execution_count


def test_a_repeated_request_is_answered_from_the_response_cache(pod_of: PodOf) -> None:
    """With the flag and the configuration that a tuned cache gives the pods."""
    pod = pod_of(linear(), response_cache=True)
    pod.flags = ("--cache-config=local,size=8388608",)
    pod.started()
    asked = {"x": linear().inputs["x"][:1]}
    _, before = executions(pod)
    for _ in range(3):
        (got,) = Sent(pod, [asked]).answers
        np.testing.assert_allclose(got, linear().answers(asked)["y"], rtol=1e-5)
    with pod.client() as client:
        statistics = client.get_inference_statistics(pod.config.name).model_stats[0]
    assert statistics.inference_stats.cache_hit.count == 2
    assert executions(pod)[1] - before == 1


def test_the_probe_passes_when_the_answer_to_the_sample_is_right(pod_of: PodOf) -> None:
    pod = pod_of(linear())
    assert pod.probe().returncode == 1  # nothing runs yet
    pod.started()
    probed = pod.probe()
    assert (probed.returncode, probed.stderr) == (0, "")


def test_the_probe_fails_when_other_weights_are_served_than_were_published(pod_of: PodOf) -> None:
    """A model that loads is not yet the right one."""
    pod = pod_of(linear())
    pod.model_file.write_bytes(linear(seed=2).onnx)
    pod.started()
    probed = pod.probe()
    assert probed.returncode == 1
    assert "wrong answer to the artifact's first sample: output 'y' is wrong in 3" in probed.stderr


def test_the_probe_fails_when_rows_are_right_alone_and_wrong_together(pod_of: PodOf) -> None:
    """As an engine does that is wrong from the second row on."""
    pod = pod_of(joined_badly()).started()
    probed = pod.probe()
    assert probed.returncode == 1
    assert "wrong answer to the artifact's first 2 samples together: output 'y'" in probed.stderr
    alone = pod_of(joined_badly(), max_batch_size=1).started()
    assert alone.probe().returncode == 0


def test_the_probe_fails_without_the_variant_s_own_answers(pod_of: PodOf) -> None:
    pod = pod_of(linear()).started()
    pod.model_file.with_name("outputs.safetensors").unlink()
    probed = pod.probe()
    assert probed.returncode == 1
    assert "outputs.safetensors cannot be read" in probed.stderr


def test_the_probe_fails_when_the_model_cannot_be_asked(pod_of: PodOf) -> None:
    pod = pod_of(linear()).started()
    pod.config = pod_of(lookup()).config  # the name is the same, the samples are another model's
    pod.artifact = pod_of(lookup()).artifact
    probed = pod.probe()
    assert probed.returncode == 1
    assert "refuses the artifact's sample" in probed.stderr


def test_a_damaged_model_ends_the_container(pod_of: PodOf) -> None:
    pod = pod_of(linear())
    pod.model_file.write_bytes(b"no model")
    pod.start()
    eventually(lambda: pod.process.poll() is not None)
    assert pod.process.returncode != 0
    assert pod.probe().returncode == 1


def test_requests_are_joined_and_each_gets_its_own_rows(pod_of: PodOf) -> None:
    """While one call runs, the others wait; they then run as few calls."""
    pod = pod_of(slow(10, per_row=False), max_batch_size=8).started()
    before = executions(pod)
    requests = [
        {"x": np.arange(rows, dtype=np.float32).reshape(rows, 1) + 100 * number}
        for number, rows in enumerate([1, 2, 3, 1, 2, 1, 4, 1, 1, 2], start=1)
    ]
    for sent, got in zip(requests, Sent(pod, requests).answers, strict=True):
        np.testing.assert_array_equal(got, sent["x"])
    answered, calls = (now - then for now, then in zip(executions(pod), before, strict=True))
    assert answered == len(requests)
    assert calls < answered


def test_a_bad_request_harms_no_other_in_its_batch(pod_of: PodOf) -> None:
    """Four rows fill the batch, so that the four requests are joined for certain."""
    model = lookup()
    pod = pod_of(model, queue_delay_microseconds=2_000_000).started()
    _, before = executions(pod)
    requests = [{"ids": np.full((1, 3), word, dtype=np.int64)} for word in (1, 999, 2, 3)]
    answers = Sent(pod, requests).answers
    assert isinstance(answers[1], InferenceServerException)
    assert "out of data bounds" in str(answers[1])
    for number in (0, 2, 3):
        np.testing.assert_array_equal(answers[number], model.answers(requests[number])["y"])
    assert executions(pod)[1] - before == 1


def of_length(size: int) -> dict[str, np.ndarray]:
    """One row of random numbers."""
    random = np.random.default_rng(size)
    return {"x": random.standard_normal((1, size, WIDTH)).astype(np.float32)}


@pytest.mark.parametrize("output", ["y", "double"])
def test_requests_of_different_lengths_are_padded_into_one_batch(
    pod_of: PodOf, output: str
) -> None:
    """Four rows fill the batch; each answer is as long as what was asked."""
    model = over_an_open_axis("Sum")
    pod = pod_of(model, queue_delay_microseconds=2_000_000, padded=True).started()
    assert pod.probe().returncode == 0
    _, before = executions(pod)
    requests = [of_length(size) for size in (3, 1, 7, 5)]
    for sent, got in zip(requests, Sent(pod, requests, output).answers, strict=True):
        np.testing.assert_allclose(got, model.answers(sent)[output], rtol=1e-5, atol=1e-5)
    assert executions(pod)[1] - before == 1


def test_without_padding_a_batch_has_requests_of_one_length(pod_of: PodOf) -> None:
    """In whatever order they come in: two lengths are two batches or more."""
    model = over_an_open_axis("Mean")
    pod = pod_of(model, queue_delay_microseconds=2_000_000).started()
    _, before = executions(pod)
    requests = [of_length(size) for size in (3, 3, 7, 7, 7, 7)]
    for sent, got in zip(requests, Sent(pod, requests).answers, strict=True):
        np.testing.assert_allclose(got, model.answers(sent)["y"], rtol=1e-5, atol=1e-5)
    assert 2 <= executions(pod)[1] - before < len(requests)


def test_answers_that_cannot_be_cut_back_are_asked_for_one_by_one(pod_of: PodOf) -> None:
    """The open axis of the output has another size than the input's."""
    model = twice_as_long()
    pod = pod_of(model, queue_delay_microseconds=2_000_000, padded=True).started()
    requests = [of_length(size) for size in (3, 1, 7, 5)]
    for sent, got in zip(requests, Sent(pod, requests).answers, strict=True):
        np.testing.assert_array_equal(got, model.answers(sent)["y"])


def test_a_request_that_waits_too_long_is_refused_in_words(pod_of: PodOf) -> None:
    # The first is taken well within 30 ms, also on a busy machine; those behind it wait for 60.
    pod = pod_of(slow(60, per_row=False), max_batch_size=1, queue_timeout_microseconds=30_000)
    pod.started()
    answers = Sent(pod, [{"x": np.zeros((1, 1), np.float32)}] * 6).answers
    refused = [answer for answer in answers if isinstance(answer, InferenceServerException)]
    assert 1 <= len(refused) < 6
    assert {(error.status(), error.message()) for error in refused} == {
        ("StatusCode.UNAVAILABLE", "Request timeout expired")
    }


#: The number of the request that names the higher priority.
URGENT = 4


def noting(answered: list[int], number: int) -> Callable[[object, object], None]:
    """A callback that notes whose answer came."""

    def received(result: object, error: object) -> None:
        del result
        assert error is None
        answered.append(number)

    return received


def test_an_urgent_request_goes_past_those_that_wait(pod_of: PodOf) -> None:
    """Sent last, while one runs and three wait: the last of those is answered after it."""
    pod = pod_of(
        slow(400, per_row=False),
        max_batch_size=1,
        priority_levels=2,
        rate_limiter=(RateLimitedResource(name="cores", count=1),),
    ).started()
    answered: list[int] = []
    given = tensors({"x": np.zeros((1, 1), np.float32)})
    with pod.client() as client:
        for number in range(4):
            client.async_infer("tiny", given, noting(answered, number))
        eventually(lambda: pod.pending() == 3)
        client.async_infer("tiny", given, noting(answered, URGENT), priority=1)
        eventually(lambda: len(answered) == 5)
    assert answered[-1] != URGENT


def test_triton_serves_with_the_configuration_that_was_written(pod_of: PodOf) -> None:
    pod = pod_of(
        linear(),
        instances=2,
        threads=2,
        queue_delay_microseconds=100,
        queue_timeout_microseconds=500_000,
    ).started()
    written = text_format.Parse(render_pbtxt(pod.config), model_config_pb2.ModelConfig())
    with pod.client() as client:
        served = client.get_model_config("tiny").config
    assert served.max_batch_size == written.max_batch_size == 4
    assert served.instance_group[0].count == 2
    assert served.dynamic_batching.max_queue_delay_microseconds == 100
    policy = served.dynamic_batching.default_queue_policy
    assert policy == written.dynamic_batching.default_queue_policy
    assert policy.default_timeout_microseconds == 500_000
    assert list(served.input) == list(written.input)
    assert list(served.output) == list(written.output)
    assert dict(served.parameters) == dict(written.parameters)
    assert list(served.model_warmup) == list(written.model_warmup)


def test_what_changes_a_server_is_closed_without_the_key(pod_of: PodOf) -> None:
    """The key is made up at each start and told to nobody."""
    pod = pod_of(linear()).started()
    for method, path in [
        ("POST", "/v2/repository/index"),
        ("POST", "/v2/repository/models/tiny/unload"),
        ("GET", "/v2/systemsharedmemory/status"),
        ("GET", "/v2/trace/setting"),
        ("GET", "/v2/logging"),
    ]:
        status, body = pod.ask(method, path)
        assert status == 403, f"{method} {path}: {status} {body}"
    with pod.client() as client:
        for call in (
            lambda: client.unload_model("tiny"),
            lambda: client.load_model("tiny"),
            client.get_model_repository_index,
            client.get_log_settings,
            client.get_system_shared_memory_status,
        ):
            with pytest.raises(InferenceServerException, match="restricted"):
                call()
    assert pod.probe().returncode == 0


def test_a_restarted_container_serves_on_with_what_the_config_map_says_now(pod_of: PodOf) -> None:
    """Killed at its memory limit it leaves shared memory behind; the next start removes it."""
    pod = pod_of(linear()).started()
    prefix = shared_memory.region_prefix(pod.root / "repository", "tiny")
    assert list(shared_memory.FOLDER.glob(f"{prefix}*"))
    pod.kill()
    left = {path.name for path in shared_memory.FOLDER.glob(f"{prefix}*")}
    assert left
    (shared_memory.FOLDER / f"{prefix}leftover").touch()
    pod.config = pod_of(linear(), max_batch_size=2).config
    pod.started()
    assert pod.probe().returncode == 0
    assert not (shared_memory.FOLDER / f"{prefix}leftover").exists()
    with pod.client() as client:
        assert client.get_model_config("tiny").config.max_batch_size == 2
    pod.stop()
    assert pod.family() == []


def test_one_output_may_be_asked_for_by_name(pod_of: PodOf) -> None:
    model = linear()
    pod = pod_of(model).started()
    with pod.client() as client:
        wanted = [grpcclient.InferRequestedOutput("y")]
        got = client.infer("tiny", tensors({"x": model.inputs["x"][:3]}), outputs=wanted)
    want = model.answers({"x": model.inputs["x"][:3]})["y"]
    np.testing.assert_allclose(got.as_numpy("y"), want, rtol=1e-5)


def test_a_start_without_tritonserver_says_so(pod_of: PodOf) -> None:
    pod = pod_of(linear())
    (pod.root / "config.pbtxt").write_text(render_pbtxt(pod.config))
    done = pod.run_once({"PATH": "/nonexistent"})
    assert done.returncode == exit_codes.INFRASTRUCTURE
    assert "tritonserver cannot be started" in pod.message_file.read_text()
