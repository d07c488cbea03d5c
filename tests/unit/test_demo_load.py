"""The load generator: it sends what it is asked to, also while nothing is answered."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import grpc  # type: ignore[import-untyped]
import numpy as np
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from modelservice_demo.inside import load
from modelservice_demo.loadpod import Second, parse_seconds

DOCUMENT = [
    {"inputs": [{"name": "x", "datatype": "INT64", "shape": [1, 2], "data": [row, row + 1]}]}
    for row in range(3)
]


class Server(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """Answers each request with its mode: right away, with a refusal, or with an error."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.peers: set[str] = set()

    async def ModelInfer(  # noqa: N802 - the protocol's name
        self, request: service_pb2.ModelInferRequest, context: grpc.aio.ServicerContext
    ) -> service_pb2.ModelInferResponse:
        """The one call that the generator makes."""
        self.peers.add(context.peer())
        if self.mode != "answer":
            await context.abort(grpc.StatusCode.UNAVAILABLE, self.mode)
        return service_pb2.ModelInferResponse(model_name=request.model_name)


async def _seconds(
    mode: str, folder: Path, capsys: pytest.CaptureFixture[str], rate: float
) -> tuple[list[Second], Server]:
    """Run the generator against a server until it has told two seconds of sending."""
    servicer, server = Server(mode), grpc.aio.server()
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    rate_file = folder / "rate"
    rate_file.write_text(str(rate))
    requests = load.requests_from("m", DOCUMENT)
    running = asyncio.create_task(load.Load(f"127.0.0.1:{port}", requests, rate_file).run())
    told = ""
    async with asyncio.timeout(30):
        while len([s for s in parse_seconds(told) if s.sent]) < 3:
            await asyncio.sleep(0.05)
            told += capsys.readouterr().out
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await server.stop(None)
    return [second for second in parse_seconds(told) if second.sent], servicer


def test_it_sends_at_the_asked_rate_over_several_connections(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds, server = asyncio.run(_seconds("answer", tmp_path, capsys, 100))
    mean = sum(second.sent for second in seconds[1:]) / len(seconds[1:])
    assert 60 < mean < 150
    assert sum(second.failed + second.refused for second in seconds) == 0
    assert len(server.peers) > load.CONNECTIONS // 2
    assert all(second.p99 is not None and second.p99 > 0 for second in seconds[1:])


def test_refusals_of_the_queue_policy_are_no_failures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds, _ = asyncio.run(_seconds("Request timeout expired", tmp_path, capsys, 50))
    assert sum(second.refused for second in seconds) > 0
    assert sum(second.failed for second in seconds) == 0


def test_anything_else_is_a_failure_with_its_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds, _ = asyncio.run(_seconds("no such model", tmp_path, capsys, 50))
    assert sum(second.failed for second in seconds) > 0
    assert "no such model" in seconds[-1].error


def test_requests_carry_the_rows_of_the_file() -> None:
    requests = load.requests_from("m", json.loads(json.dumps(DOCUMENT)))
    assert [np.frombuffer(r.raw_input_contents[0], "<i8").tolist() for r in requests] == [
        [0, 1],
        [1, 2],
        [2, 3],
    ]
    assert requests[0].inputs[0].shape == [1, 2]


@pytest.mark.parametrize("text", ["", "fast", "\0"])
def test_a_rate_that_is_none_means_no_load(tmp_path: Path, text: str) -> None:
    (tmp_path / "rate").write_text(text)
    assert load._read_number(tmp_path / "rate") == 0
    assert load._read_number(tmp_path / "missing") == 0


def test_quantiles_of_nothing_are_unknown() -> None:
    assert load.Counters().line(rate=0, pending=0, seconds=1)["p99"] is None
