"""The operator's adapter against a real Triton: what it reads, what it may and may not load."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar

import grpc
import numpy as np
import pytest
from google.protobuf import json_format
from models import linear
from pod import Pod, Sent, eventually, free_ports, tensors
from tritonclient.grpc import model_config_pb2 as pb

from modelservice_operator.adapters.triton import TritonInference
from modelservice_operator.adapters.triton_load import config_json
from modelservice_operator.drift.statistics import PodStatistics, Refused, Unheard, since
from modelservice_operator.manifests.deployment import LOAD_SECONDS
from modelservice_operator.plan.observed import PodSeen
from modelservice_runtime.contract.model_config import ModelConfig, render_pbtxt

KEY = "of-the-operator"
#: More than Triton has threads for HTTP (8).
CONNECTIONS = 24
ROW = {"x": linear().inputs["x"][:1]}
T = TypeVar("T")


def seen(address: str = "127.0.0.1") -> PodSeen:
    return PodSeen(
        name="tiny-1",
        job="",
        component="serving",
        created_at=datetime.now(UTC),
        ready=True,
        waiting="",
        exit_code=None,
        exit_reason="",
        exit_message="",
        address=address,
    )


def ask(pod: Pod, call: Callable[[TritonInference], Coroutine[Any, Any, T]]) -> T:
    """One call of an adapter of its own."""

    async def run() -> T:
        inference = TritonInference(*pod.ports)
        try:
            return await call(inference)
        finally:
            await inference.close()

    return asyncio.run(run())


def statistics(pod: Pod) -> PodStatistics:
    found = ask(pod, lambda inference: inference.statistics(seen(), "tiny"))
    assert isinstance(found, PodStatistics), found
    return found


def load(pod: Pod, config: ModelConfig, key: str = KEY) -> Refused | Unheard | None:
    text = render_pbtxt(config)
    return ask(pod, lambda inference: inference.load(seen(), "tiny", config=text, key=key))


@pytest.fixture
def pod_with_key(pod_of: Callable[..., Pod]) -> Pod:
    """A pod, not started, with the configuration ``first`` and the operator's key."""
    pod = pod_of(linear())
    pod.config = replace(pod.config, key="first")
    (pod.root / "key").write_text(KEY)
    pod.admin_key_file = pod.root / "key"
    return pod


@pytest.fixture
def served(pod_with_key: Pod) -> Pod:
    """It serves."""
    return pod_with_key.started()


@contextmanager
def kept_connections(pod: Pod, count: int) -> Iterator[list[http.client.HTTPConnection]]:
    """So many over HTTP; each has been answered once, and stays."""
    with ExitStack() as stack:
        made = []
        for _ in range(count):
            one = http.client.HTTPConnection("127.0.0.1", pod.ports[0], timeout=1.0)
            made.append(stack.enter_context(closing(one)))
        assert [answered(one) for one in made] == [True] * count
        yield made


def answered(connection: http.client.HTTPConnection) -> bool:
    """Whether a request is, within the connection's time."""
    row = [float(value) for value in ROW["x"].ravel()]
    tensor = {"name": "x", "datatype": "FP32", "shape": list(ROW["x"].shape), "data": row}
    try:
        connection.request("POST", "/v2/models/tiny/infer", json.dumps({"inputs": [tensor]}))
        answer = connection.getresponse()
        answer.read()
    except TimeoutError:
        return False
    return answer.status == HTTPStatus.OK


@contextmanager
def clients(pod: Pod, count: int = 3) -> Iterator[list[Exception | None]]:
    """So many clients, each asking as soon as it is answered; None for each answer."""
    outcomes: list[Exception | None] = []
    stop = threading.Event()

    def run() -> None:
        with pod.client() as client:
            while not stop.is_set():
                try:
                    client.infer("tiny", tensors(ROW))
                    outcomes.append(None)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is a failed request
                    outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield outcomes
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_it_reads_what_triton_has_counted_and_which_configuration_it_serves(served: Pod) -> None:
    before = statistics(served)
    assert before.config_key == "first"
    Sent(served, [ROW] * 5)
    two = {"x": linear().inputs["x"][:2]}
    Sent(served, [two])
    counted = since(before, statistics(served))
    assert (counted.successes, counted.failures, counted.rows) == (6, 0, 7)
    assert counted.request_nanoseconds > 0
    assert sum(item.executions * item.batch for item in counted.batches) == 7
    assert all(item.nanoseconds > 0 for item in counted.batches)


def test_it_reads_the_p99_of_the_last_minute(served: Pod) -> None:
    Sent(served, [ROW] * 20)
    assert 0 < (statistics(served).p99_milliseconds or 0) < 10_000


def test_a_load_changes_every_knob_and_no_request_fails(served: Pod) -> None:
    changed = replace(
        served.config,
        key="second",
        max_batch_size=2,
        instances=2,
        threads=2,
        queue_delay_microseconds=100,
        queue_timeout_microseconds=5_000_000,
        warmup_batch_sizes=(1, 2),
    )
    with clients(served) as outcomes:
        eventually(lambda: len(outcomes) > 20)
        assert load(served, changed) is None
        assert statistics(served).config_key == "second"
        after = len(outcomes)
        eventually(lambda: len(outcomes) > after + 20)
        assert load(served, served.config) is None
        assert statistics(served).config_key == "first"
    assert [error for error in outcomes if error is not None] == []


@contextmanager
def held_loads(pod: Pod) -> Iterator[Callable[[], None]]:
    """The next load waits until what this gives is called."""
    gate = pod.root / "gate"
    os.mkfifo(gate)
    runner = pod.root / "repository" / "tiny" / "1" / "model.py"
    runner.write_text(f"{runner.read_text()}\n\nopen({str(gate)!r}).read()\n")
    with ExitStack() as stack:

        def begun() -> None:
            stack.enter_context(gate.open("w"))  # opens once the runner reads

        yield begun


def test_while_a_model_loads_no_connection_waits(served: Pod) -> None:
    changed = replace(served.config, key="second")
    with (
        kept_connections(served, CONNECTIONS) as connections,
        ThreadPoolExecutor() as pool,
        held_loads(served) as begun,
    ):
        loading = pool.submit(load, served, changed)
        begun()
        answers = [answered(connection) for connection in connections]
        assert not loading.done()
    assert loading.result() is None
    assert answers == [True] * CONNECTIONS
    assert statistics(served).config_key == "second"


def test_a_load_is_answered_after_its_connection_has_been_asked_to_end(pod_with_key: Pod) -> None:
    grace = f"--grpc-max-connection-age-grace={LOAD_SECONDS * 1000}"
    pod_with_key.flags = ("--grpc-max-connection-age=100", grace)
    served = pod_with_key.started()
    with ThreadPoolExecutor() as pool, held_loads(served) as begun:
        loading = pool.submit(load, served, replace(served.config, key="second"))
        begun()
        a_connection_ends(served)  # made after the load's
        assert not loading.done()
    assert loading.result() is None


def a_connection_ends(pod: Pod) -> None:
    """Triton has asked a connection to end, for its age."""
    seen_states: list[grpc.ChannelConnectivity] = []
    with grpc.insecure_channel(f"127.0.0.1:{pod.ports[1]}") as channel:
        channel.subscribe(seen_states.append, try_to_connect=True)
        eventually(lambda: grpc.ChannelConnectivity.READY in seen_states)
        eventually(lambda: seen_states[-1] is not grpc.ChannelConnectivity.READY)


def test_a_pod_that_dies_while_it_loads_is_a_value(served: Pod) -> None:
    with ThreadPoolExecutor() as pool, held_loads(served) as begun:
        loading = pool.submit(load, served, replace(served.config, key="second"))
        begun()
        served.kill()
    assert isinstance(loading.result(), Unheard)


def test_where_its_grpc_port_is_closed_to_the_operator_a_pod_does_not_load(served: Pod) -> None:
    """A value that makes the pods be replaced, where a lost answer would be asked for for ever."""
    http_port, _, metrics_port = served.ports
    (closed,) = free_ports(1)
    served.ports[:] = http_port, closed, metrics_port
    answer = load(served, replace(served.config, key="second"))
    assert isinstance(answer, Refused)
    assert f"no gRPC connection to 127.0.0.1:{closed}" in answer.message


def test_without_the_key_nothing_is_loaded(served: Pod) -> None:
    for key in ("", "wrong"):
        answer = load(served, replace(served.config, key="second"), key)
        assert isinstance(answer, Refused)
    assert served.ask("POST", "/v2/repository/models/tiny/unload")[0] != 200
    assert statistics(served).config_key == "first"


def test_a_setting_that_triton_refuses_leaves_what_serves(served: Pod) -> None:
    answer = load(served, replace(served.config, key="second", engine="tvm"))
    assert isinstance(answer, Refused)
    assert "tvm" in answer.message
    assert statistics(served).config_key == "first"
    with served.client() as client:
        result = client.infer("tiny", tensors(ROW)).as_numpy("y")
    np.testing.assert_allclose(result, linear().answers(ROW)["y"], rtol=1e-5)


def test_a_restarted_container_serves_what_its_file_says(served: Pod) -> None:
    """Not what was loaded into the one before: the ConfigMap is the truth."""
    assert load(served, replace(served.config, key="second")) is None
    served.stop()
    served.started()
    assert statistics(served).config_key == "first"


def test_a_pod_that_does_not_answer_is_a_value(served: Pod) -> None:
    served.kill()
    found = ask(served, lambda inference: inference.statistics(seen(), "tiny"))
    assert isinstance(found, Unheard)
    assert found.message
    assert isinstance(load(served, served.config), Unheard)


def test_the_json_means_what_the_text_says(pod_of: Callable[..., Pod]) -> None:
    config = replace(pod_of(linear()).config, key="k", queue_timeout_microseconds=9)
    parsed = json_format.Parse(config_json(render_pbtxt(config)), pb.ModelConfig())
    assert parsed.parameters["config_key"].string_value == "k"
    assert parsed.dynamic_batching.default_queue_policy.default_timeout_microseconds == 9
    assert len(parsed.model_warmup) == len(config.warmup_batch_sizes)
