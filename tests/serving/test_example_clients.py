"""Clients of the examples, against a server that refuses as a busy service does."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import grpc
import numpy as np
import pytest
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

CLIENT = Path(__file__).parents[2] / "examples" / "recommender" / "client.py"
LARGEST, REFUSED = 64, 2


class Busy(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc] # no types
    """Rates a book by its number; refuses the first requests as Triton's queue policy does."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.refused = 0

    def ModelConfig(  # noqa: N802 - the protocol's name
        self, request: service_pb2.ModelConfigRequest, context: grpc.ServicerContext
    ) -> service_pb2.ModelConfigResponse:
        """As large a batch as was tuned."""
        del request, context
        config = model_config_pb2.ModelConfig(max_batch_size=LARGEST)
        return service_pb2.ModelConfigResponse(config=config)

    def ModelInfer(  # noqa: N802 - the protocol's name
        self, request: service_pb2.ModelInferRequest, context: grpc.ServicerContext
    ) -> service_pb2.ModelInferResponse:
        """The books' numbers, once it is no longer busy."""
        if self.refused < REFUSED:
            self.refused += 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "Request timeout expired")
        (position,) = (i for i, each in enumerate(request.inputs) if each.name == "book")
        books = np.frombuffer(request.raw_input_contents[position], np.int64)
        self.rows.append(len(books))
        output = service_pb2.ModelInferResponse.InferOutputTensor(
            name="rating", datatype="FP32", shape=[len(books), 1]
        )
        answer = service_pb2.ModelInferResponse(outputs=[output])
        answer.raw_output_contents.append(books.astype(np.float32).tobytes())
        return answer


@pytest.fixture
def busy() -> Iterator[tuple[Busy, str]]:
    """The server and its address."""
    servicer, server = Busy(), grpc.server(ThreadPoolExecutor(1))
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield servicer, f"127.0.0.1:{port}"
    server.stop(None).wait()


def client() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recommender_client", CLIENT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_recommender_asks_again_and_never_for_more_rows_than_were_tuned(
    busy: tuple[Busy, str],
) -> None:
    servicer, address = busy
    ratings = client().rate(address, "recommender", [12, 70, 155])
    assert ratings.tolist() == list(range(300))
    assert servicer.refused == REFUSED
    assert servicer.rows == [64, 64, 64, 64, 44]
