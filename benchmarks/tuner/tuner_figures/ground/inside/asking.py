"""Requests at random times, each on a connection of its own; what came of every one of them.

Usage: asking.py HOST:PORT MODEL REQUEST.json RATE SECONDS → one JSON object, its last line.

Runs in a pod. A Service splits connections, not requests: with a connection for each, it splits
them one by one at random. It ends early once the file /tmp/stop is there.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

STOP_FILE = Path("/tmp/stop")  # noqa: S108 - the pod's own emptyDir
REQUEST_SECONDS = 10.0
ANSWERED, REFUSED, FAILED = 0, 1, 2
#: Of Triton's queue policy.
_REFUSALS = ("timeout expired", "exceeds maximum queue size")
_OK = "200"
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Who is asked what. ``words``: the whole request, as it goes over the wire."""

    host: str
    port: int
    words: bytes

    @classmethod
    def of(cls, address: str, model: str, body: bytes) -> Target:
        """``address``: HOST:PORT."""
        host, _, port = address.partition(":")
        head = (
            f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return cls(host=host, port=int(port), words=head.encode() + body)


@dataclass(slots=True, kw_only=True)
class Tally:
    """``answers``: seconds since 1970 when it was sent, ms that it took, outcome, ms too late."""

    answers: list[tuple[float, float, int, float]] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)

    def line(self) -> str:
        """As JSON."""
        rounded = [
            (round(sent, 3), round(took, 2), outcome, round(behind, 2))
            for sent, took, outcome, behind in self.answers
        ]
        return json.dumps({"answers": rounded, "failures": self.failures})


async def ask(target: Target, rate: float, seconds: float) -> Tally:
    """Poisson arrivals, ``rate`` a second; a slow loop catches up."""
    tally: Tally = Tally()
    pending: set[asyncio.Task[None]] = set()
    began = due = looked = time.monotonic()
    while (now := time.monotonic()) - began < seconds:
        if now - looked > _LOOK_SECONDS:
            looked = now
            if _told_to_stop():
                break
        due += random.expovariate(rate)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        task = asyncio.create_task(_one(target, tally, due))
        pending.add(task)
        task.add_done_callback(pending.discard)
    await asyncio.gather(*pending)
    return tally


def _told_to_stop() -> bool:
    return STOP_FILE.exists()


async def _one(target: Target, tally: Tally, due: float) -> None:
    began, sent = time.monotonic(), time.time()
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            words = await _exchange(target)
        outcome, failure = judged(words)
    except (OSError, TimeoutError) as error:
        outcome, failure = FAILED, repr(error)
    if failure:
        tally.failures[failure] = tally.failures.get(failure, 0) + 1
    took = 1e3 * (time.monotonic() - began)
    tally.answers.append((sent, took, outcome, 1e3 * (began - due)))


async def _exchange(target: Target) -> str:
    reader, writer = await asyncio.open_connection(target.host, target.port)
    try:
        writer.write(target.words)
        return (await reader.read()).decode(errors="replace")
    finally:
        writer.close()


def judged(words: str) -> tuple[int, str]:
    """Outcome, and in a few words what failed."""
    status, _, rest = words.partition("\r\n")
    if status.split(" ")[1:2] == [_OK]:
        return ANSWERED, ""
    if any(refusal in rest.lower() for refusal in _REFUSALS):
        return REFUSED, ""
    return FAILED, f"{status} {rest.rpartition(chr(10))[2]}"[:120]


def main() -> None:
    """Ask, and say what came of it."""
    address, model, file, rate, seconds = sys.argv[1:]
    STOP_FILE.unlink(missing_ok=True)
    target = Target.of(address, model, Path(file).read_bytes())
    print(asyncio.run(ask(target, float(rate), float(seconds))).line())


if __name__ == "__main__":
    main()
