"""Clients that go on asking whatever happens: what was answered, refused, failed, and how late.

    python -m tuner_figures.retune.clients '{"address": …}' → one JSON object at the end

Runs in the serving environment. perf_analyzer ends at the first error, so these are ours: some that
wait for each answer before they ask again, and one that asks at random times. They stop at SIGTERM.
"""

from __future__ import annotations

import json
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tritonclient.grpc as grpcclient
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

#: What Triton says of a request that waited too long or found the queue full.
_REFUSALS = ("timeout expired", "exceeds maximum queue size")
_REQUEST_SECONDS = 30.0
_PAUSE_SECONDS = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is asked. ``rate``: of the one that asks at random times, requests a second."""

    address: str
    model: str
    inputs: str
    clients: int
    rate: float


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of all requests; ``latencies_ms``: of those that were answered."""

    answered: int = 0
    refused: int = 0
    failed: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, began: float, error: Exception | None) -> None:
        """One request that ended just now."""
        late = (time.monotonic() - began) * 1e3
        with self._lock:
            if error is None:
                self.answered += 1
                self.latencies_ms.append(late)
            elif any(words in str(error) for words in _REFUSALS):
                self.refused += 1
            else:
                self.failed += 1
                words = str(error)[:80]
                self.failures[words] = self.failures.get(words, 0) + 1

    def summary(self) -> dict[str, Any]:
        """As JSON has it."""
        ordered = sorted(self.latencies_ms) or [0.0]
        return {
            "answered": self.answered,
            "refused": self.refused,
            "failed": self.failed,
            "p50_ms": ordered[len(ordered) // 2],
            "p99_ms": ordered[int(len(ordered) * 0.99)],
            "worst_ms": ordered[-1],
            "failures": self.failures,
        }


def main() -> int:
    """Ask until told to stop."""
    work, tally, stop = Work(**json.loads(sys.argv[1])), Tally(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    rows = _rows(work)
    threads = [
        threading.Thread(target=_closed, args=(work, rows, tally, stop))
        for _ in range(work.clients)
    ]
    if work.rate:
        threads.append(threading.Thread(target=_open, args=(work, rows, tally, stop)))
    for thread in threads:
        thread.start()
    print(json.dumps({"started": True}), flush=True)
    while not stop.wait(1.0):
        pass
    for thread in threads:
        thread.join()
    print(json.dumps(tally.summary()), flush=True)
    return 0


def _rows(work: Work) -> list[list[grpcclient.InferInput]]:
    with grpcclient.InferenceServerClient(work.address) as client:
        metadata = client.get_model_metadata(work.model)
        datatypes = {tensor.name: tensor.datatype for tensor in metadata.inputs}
    with open(work.inputs, encoding="utf-8") as stream:  # noqa: PTH123 - a word of the command line
        entries = json.load(stream)["data"]
    return [[_tensor(name, datatypes[name], value) for name, value in e.items()] for e in entries]


def _tensor(name: str, datatype: str, value: dict[str, Any]) -> grpcclient.InferInput:
    array = np.array(value["content"], dtype=triton_to_np_dtype(datatype))
    shape = [1, *value["shape"]]
    tensor = grpcclient.InferInput(name, shape, datatype)
    tensor.set_data_from_numpy(array.reshape(shape))
    return tensor


def _closed(
    work: Work, rows: list[list[grpcclient.InferInput]], tally: Tally, stop: threading.Event
) -> None:
    number = 0
    with grpcclient.InferenceServerClient(work.address) as client:
        while not stop.is_set():
            began, error = time.monotonic(), None
            try:
                client.infer(work.model, rows[number % len(rows)], client_timeout=_REQUEST_SECONDS)
            except InferenceServerException as problem:
                error = problem
            tally.add(began, error)
            number += 1
            if error is not None:
                stop.wait(_PAUSE_SECONDS)  # a server that is gone answers at once


def _open(
    work: Work, rows: list[list[grpcclient.InferInput]], tally: Tally, stop: threading.Event
) -> None:
    draw, number, due = random.Random(1), 0, time.monotonic()  # noqa: S311 - traffic
    ended = threading.Semaphore(0)
    with grpcclient.InferenceServerClient(work.address) as client:
        while not stop.wait(max(0.0, due - time.monotonic())):
            began = time.monotonic()
            client.async_infer(
                work.model,
                rows[number % len(rows)],
                callback=_callback(tally, began, ended),
                client_timeout=_REQUEST_SECONDS,
            )
            number += 1
            due += draw.expovariate(work.rate)
        _wait_for(ended, number)


def _callback(
    tally: Tally, began: float, ended: threading.Semaphore
) -> Callable[[Any, Exception | None], None]:
    def told(result: Any, error: Exception | None) -> None:  # noqa: ANN401 - the client's own
        del result
        tally.add(began, error)
        ended.release()

    return told


def _wait_for(ended: threading.Semaphore, sent: int) -> None:
    """Until all that were ``sent`` have ended; what never comes has its time limit.

    A connection that is closed before fails what is under way on it. What other clients sent is
    none of it.
    """
    latest = time.monotonic() + _REQUEST_SECONDS
    for _ in range(sent):
        ended.acquire(timeout=max(0.0, latest - time.monotonic()))


if __name__ == "__main__":
    sys.exit(main())
