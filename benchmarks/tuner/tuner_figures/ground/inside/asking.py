"""Requests at random times, each on a connection of its own; what came of every one of them.

Usage: asking.py HOST:PORT MODEL REQUEST.json RATE SECONDS → one JSON object, its last line.

Runs in a pod, with triton_http.py beside it. A Service splits connections, not requests: with a
connection for each, it splits them one by one at random. It ends early once the file /tmp/stop is
there.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from triton_http import Target, asked

STOP_FILE = Path("/tmp/stop")  # noqa: S108 - the pod's own emptyDir
_LOOK_SECONDS = 0.5


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
    outcome, failure = await asked(target)
    if failure:
        tally.failures[failure] = tally.failures.get(failure, 0) + 1
    took = 1e3 * (time.monotonic() - began)
    tally.answers.append((sent, took, outcome, 1e3 * (began - due)))


def main() -> None:
    """Ask, and say what came of it."""
    address, model, file, rate, seconds = sys.argv[1:]
    STOP_FILE.unlink(missing_ok=True)
    target = Target.of(address, model, Path(file).read_bytes())
    print(asyncio.run(ask(target, float(rate), float(seconds))).line())


if __name__ == "__main__":
    main()
