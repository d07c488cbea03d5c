"""Requests to several services at given rates, each on a connection of its own.

Usage: sending.py FOLDER. Runs in a pod, with triton_http.py beside it. A plan that appears as
FOLDER/plan.json is carried out, and what came of every request is written to FOLDER/answers.json:

    {"begin": seconds since 1970, "seed": 1, "binSeconds": 15.0, "body": "…",
     "services": [{"name": "red", "address": "10.96.0.7:8000", "rates": [3.1, …]}]}

A Service splits connections, not requests: with a connection for each, it splits them one by one
at random. The same seed gives the same arrivals to whoever else is sent the same plan.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from triton_http import Target, asked

_LOOK_SECONDS = 0.2


def arrivals(rates: Sequence[float], bin_seconds: float, seed: str) -> list[float]:
    """Poisson arrivals, seconds since the beginning; ``rates``: a second, by bin."""
    draw = random.Random(seed)  # noqa: S311 - traffic, not a secret
    found: list[float] = []
    for number, rate in enumerate(rates):
        at, end = number * bin_seconds, (number + 1) * bin_seconds
        # Poisson arrivals have no memory: each bin may begin anew.
        while rate > 0 and (at := at + draw.expovariate(rate)) < end:
            found.append(at)
    return found


def schedule(plan: Mapping[str, Any]) -> list[tuple[float, int]]:
    """(seconds since the beginning, number of the service), in order."""
    return sorted(
        (at, number)
        for number, service in enumerate(plan["services"])
        for at in arrivals(service["rates"], plan["binSeconds"], f"{plan['seed']}-{number}")
    )


class Sender:
    """Carries out one plan.

    ``lines``: of each request its service's number, seconds since the beginning when it was due,
    ms by which it went out later, ms that it took, its outcome.
    """

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self._begin = float(plan["begin"])
        self._schedule = schedule(plan)
        body = plan["body"].encode()
        self._targets = [
            Target.of(item["address"], item["name"], body) for item in plan["services"]
        ]
        self.lines: list[tuple[int, float, float, float, int]] = []
        self.failures: dict[str, int] = {}

    async def run(self) -> None:
        """All of it; a slow loop catches up."""
        pending: set[asyncio.Task[None]] = set()
        for at, number in self._schedule:
            if (wait := self._begin + at - time.time()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self._one(number, at))
            pending.add(task)
            task.add_done_callback(pending.discard)
        await asyncio.gather(*pending)

    async def _one(self, number: int, at: float) -> None:
        began, behind = time.monotonic(), time.time() - self._begin - at
        outcome, failure = await asked(self._targets[number])
        if failure:
            words = f"{time.time() - self._begin:.0f} s: {failure}"
            self.failures[words] = self.failures.get(words, 0) + 1
        took = 1e3 * (time.monotonic() - began)
        line = (number, round(at, 4), round(1e3 * behind, 2), round(took, 2), outcome)
        self.lines.append(line)


def main() -> None:
    """Wait for a plan, carry it out, for ever."""
    folder = Path(sys.argv[1])
    plan, answers = folder / "plan.json", folder / "answers.json"
    while True:
        if not plan.exists():
            time.sleep(_LOOK_SECONDS)
            continue
        sender = Sender(json.loads(plan.read_text()))
        plan.unlink()
        asyncio.run(sender.run())
        draft = answers.with_suffix(".draft")
        draft.write_text(json.dumps({"answers": sender.lines, "failures": sender.failures}))
        draft.replace(answers)


if __name__ == "__main__":
    main()
