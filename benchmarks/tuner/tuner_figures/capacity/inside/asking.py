"""Requests at random times through many connections, for a while; what came of them.

Usage: asking.py HOST:PORT MODEL REQUESTS.json RATE SECONDS GOAL_MS → one JSON object.

Runs in a pod, beside the demo's ``load.py``, whose connections it uses: a Service splits
connections, not requests, so there are many of them, each replaced every few seconds.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc  # type: ignore[import-untyped]
from load import REFUSALS, REQUEST_SECONDS, Connection, requests_from

CONNECTIONS = 60
_RENEWAL_SECONDS = 6.0
_WARM_SECONDS = 5.0


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of the requests that were sent after the first seconds."""

    sent: int = 0
    late: int = 0
    refused: int = 0
    failed: int = 0
    latencies_ms: list[float] = field(default_factory=list)

    def line(self) -> str:
        """As JSON; ``late``: beyond the goal, or refused, or failed."""
        ordered = sorted(self.latencies_ms) or [0.0]
        return json.dumps(
            {
                "requests": self.sent,
                "late": self.late + self.refused + self.failed,
                "refused": self.refused,
                "failed": self.failed,
                "p50_ms": ordered[len(ordered) // 2],
                "p99_ms": ordered[int(len(ordered) * 0.99)],
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """``rate``: requests a second, for ``seconds``; ``goal_ms``: later than that is late."""

    rate: float
    seconds: float
    goal_ms: float


async def ask(address: str, requests: Sequence[object], load: Load) -> str:
    """Ask for so long, after some seconds that do not count."""
    connections = [Connection(address) for _ in range(CONNECTIONS)]
    step = _RENEWAL_SECONDS / CONNECTIONS
    renewals = [
        asyncio.create_task(each.renew_forever(number * step))
        for number, each in enumerate(connections)
    ]
    tally, pending = Tally(), set()
    began = due = time.monotonic()
    while (now := time.monotonic()) - began < load.seconds + _WARM_SECONDS:
        due += random.expovariate(load.rate)
        await asyncio.sleep(max(0.0, due - now))
        counted = tally if due - began >= _WARM_SECONDS else Tally()
        connection, request = random.choice(connections), random.choice(requests)  # noqa: S311
        task = asyncio.create_task(_one(connection, request, counted, load.goal_ms))
        pending.add(task)
        task.add_done_callback(pending.discard)
    await asyncio.gather(*pending)
    for renewal in renewals:
        renewal.cancel()
    return tally.line()


async def _one(connection: Connection, request: object, tally: Tally, goal_ms: float) -> None:
    tally.sent += 1
    began = time.monotonic()
    try:
        await connection.stub.ModelInfer(request, timeout=REQUEST_SECONDS)
    except grpc.aio.AioRpcError as error:
        if any(words in (error.details() or "") for words in REFUSALS):
            tally.refused += 1
        else:
            tally.failed += 1
        return
    late = 1e3 * (time.monotonic() - began)
    tally.latencies_ms.append(late)
    tally.late += late > goal_ms


def main() -> None:
    """Ask, and say what came of it."""
    address, model, file, rate, seconds, goal = sys.argv[1:]
    requests = requests_from(model, json.loads(Path(file).read_text()))
    load = Load(rate=float(rate), seconds=float(seconds), goal_ms=float(goal))
    print(asyncio.run(ask(address, requests, load)))


if __name__ == "__main__":
    main()
