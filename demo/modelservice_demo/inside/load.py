"""Open-loop load on one model, run in a pod: requests leave at the asked rate, answered or not.

Usage: load.py HOST:PORT MODEL REQUESTS.json. The rate (requests per second) is read from the
file /tmp/rate each quarter of a second; one JSON line per second goes to standard output.

Several connections, each replaced every few seconds: a Service splits connections, not
requests, so that a new replica gets its share only through new ones.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from tritonclient.grpc import service_pb2, service_pb2_grpc

RATE_FILE = Path("/tmp/rate")  # noqa: S108 - the pod's own emptyDir
CONNECTIONS = 12
CONNECTION_SECONDS = 6.0
REQUEST_SECONDS = 5.0
#: Words of Triton's queue policy; a refusal under overload is no failure.
REFUSALS = ("Request timeout expired", "Exceeds maximum queue size")
_CONTENTS = {"INT64": "<i8", "INT32": "<i4", "FP32": "<f4", "UINT8": "u1", "FP16": "<f2"}


def requests_from(
    model: str, document: list[dict[str, Any]]
) -> list[service_pb2.ModelInferRequest]:
    """The requests of a file: a list of ``{"inputs": [{name, datatype, shape, data}]}``."""
    return [_request(model, item["inputs"]) for item in document]


def _request(model: str, inputs: list[dict[str, Any]]) -> service_pb2.ModelInferRequest:
    request = service_pb2.ModelInferRequest(model_name=model)
    for item in inputs:
        array = np.asarray(item["data"], dtype=_CONTENTS[item["datatype"]]).reshape(item["shape"])
        request.inputs.add(name=item["name"], datatype=item["datatype"], shape=item["shape"])
        request.raw_input_contents.append(array.tobytes())
    return request


class Counters:
    """What happened since the last line."""

    def __init__(self) -> None:
        self.sent = self.refused = self.failed = 0
        self.latencies: list[float] = []
        self.last_error = ""

    def line(self, *, rate: float, pending: int, seconds: float) -> dict[str, Any]:
        """The JSON line; latencies in milliseconds of the requests answered."""
        ordered = sorted(self.latencies)
        return {
            "time": round(time.time(), 2),
            "rate": rate,
            "sent": round(self.sent / seconds, 1),
            "answered": round(len(ordered) / seconds, 1),
            "refused": self.refused,
            "failed": self.failed,
            "pending": pending,
            "p50": _quantile(ordered, 0.5),
            "p99": _quantile(ordered, 0.99),
            "error": self.last_error,
        }


def _quantile(ordered: list[float], share: float) -> float | None:
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 1)


class Connection:
    """A channel that is replaced while its last requests still end."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._channel = self._open()
        self.stub = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)

    def _open(self) -> grpc.aio.Channel:
        # Without a pool of its own every channel to one address would share one connection.
        options = [("grpc.use_local_subchannel_pool", 1)]
        return grpc.aio.insecure_channel(self._address, options=options)

    async def renew_forever(self, first_after: float) -> None:
        """Replace the channel every CONNECTION_SECONDS; the old one ends its requests first."""
        await asyncio.sleep(first_after)
        while True:
            channel = self._open()
            try:
                await asyncio.wait_for(channel.channel_ready(), REQUEST_SECONDS)
            except TimeoutError:
                await channel.close()
            else:
                old, self._channel = self._channel, channel
                self.stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
                await old.close(grace=REQUEST_SECONDS)
            await asyncio.sleep(CONNECTION_SECONDS)


class Load:
    """Sends at the asked rate and counts."""

    def __init__(
        self, address: str, requests: list[service_pb2.ModelInferRequest], rate_file: Path
    ) -> None:
        self._rate_file = rate_file
        self._connections = [Connection(address) for _ in range(CONNECTIONS)]
        self._requests = requests
        self._counters = Counters()
        self._pending: set[asyncio.Task[None]] = set()
        self.rate = 0.0

    async def run(self) -> None:
        """Forever."""
        step = CONNECTION_SECONDS / CONNECTIONS
        await asyncio.gather(
            self._read_rate(),
            self._send(),
            self._report(),
            *(each.renew_forever(i * step) for i, each in enumerate(self._connections)),
        )

    async def _read_rate(self) -> None:
        while True:
            self.rate = _read_number(self._rate_file)
            await asyncio.sleep(0.25)

    async def _send(self) -> None:
        """Poisson arrivals; a slow loop catches up, so that the asked rate is the sent rate."""
        due = time.monotonic()
        while True:
            if self.rate <= 0:
                await asyncio.sleep(0.1)
                due = time.monotonic()
                continue
            due += random.expovariate(self.rate)
            delay = due - time.monotonic()
            if delay > 0:
                await asyncio.sleep(delay)
            task = asyncio.create_task(self._one())
            self._pending.add(task)
            task.add_done_callback(self._pending.discard)

    async def _one(self) -> None:
        connection = random.choice(self._connections)  # noqa: S311
        request = random.choice(self._requests)  # noqa: S311
        self._counters.sent += 1
        began = time.monotonic()
        try:
            await connection.stub.ModelInfer(request, timeout=REQUEST_SECONDS)
        except grpc.aio.AioRpcError as error:
            self._count_error(error)
        else:
            self._counters.latencies.append(time.monotonic() - began)

    def _count_error(self, error: grpc.aio.AioRpcError) -> None:
        details = error.details() or ""
        if any(words in details for words in REFUSALS):
            self._counters.refused += 1
            return
        self._counters.failed += 1
        self._counters.last_error = f"{error.code().name}: {details}"[:200]

    async def _report(self) -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(1)
            counters, self._counters = self._counters, Counters()
            now = time.monotonic()
            line = counters.line(rate=self.rate, pending=len(self._pending), seconds=now - began)
            began = now
            print(json.dumps(line), flush=True)


def _read_number(path: Path) -> float:
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return 0.0


def arguments(words: list[str]) -> Iterator[str]:
    """The three words of the command line, or an exit with the usage."""
    if len(words) != 3:  # noqa: PLR2004 - see the usage
        sys.exit(__doc__)
    yield from words


def main() -> None:
    """Run until the pod is stopped."""
    address, model, file = arguments(sys.argv[1:])
    requests = requests_from(model, json.loads(Path(file).read_text()))
    asyncio.run(_main(address, requests))


async def _main(address: str, requests: list[service_pb2.ModelInferRequest]) -> None:
    await Load(address, requests, RATE_FILE).run()


if __name__ == "__main__":
    main()
