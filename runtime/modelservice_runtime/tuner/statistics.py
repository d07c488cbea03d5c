"""What a running Triton counts of its executions, read over HTTP at short intervals."""

from __future__ import annotations

import http.client
import itertools
import json
import math
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

INTERVAL_SECONDS = 0.1
_TIMEOUT_SECONDS = 5.0
_OK = 200
_GPU_MEMORY = re.compile(
    r"^nv_gpu_memory_(used|total)_bytes{[^}]*} (\d{1,20}(?:\.\d*)?(?:e\+?\d{1,2})?)$", re.MULTILINE
)
_PARTS = ("compute_input", "compute_infer", "compute_output")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Totals since the model was loaded, at ``at`` seconds (monotonic).

    ``executions``: batch size → (how many, their nanoseconds). ``requests``, ``request_ns``: those
    that succeeded, waiting included. ``queue_ns``: of waiting. ``rows``: answered.
    """

    at: float
    executions: Mapping[int, tuple[int, int]]
    requests: int
    request_ns: int
    queue_ns: int
    rows: int

    @property
    def count(self) -> int:
        """Executions of any size."""
        return sum(number for number, _ in self.executions.values())

    @property
    def busy_ns(self) -> int:
        """Nanoseconds of all executions."""
        return sum(spent for _, spent in self.executions.values())


def parse_counters(document: Mapping[str, Any], at: float) -> Counters:
    """From the body of ``/v2/models/<name>/stats``.

    Raises:
        ValueError: it is not what Triton says of a model.
    """
    try:
        stats = document["model_stats"][0]
        executions = {
            int(item["batch_size"]): (
                int(item["compute_infer"]["count"]),
                sum(int(item[part]["ns"]) for part in _PARTS),
            )
            for item in stats.get("batch_stats", ())
        }
        totals = stats["inference_stats"]
        return Counters(
            at=at,
            executions=executions,
            requests=int(totals["success"]["count"]),
            request_ns=int(totals["success"]["ns"]),
            queue_ns=int(totals["queue"]["ns"]),
            rows=int(stats["inference_count"]),
        )
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"Triton's statistics cannot be read: {error!r}") from error


def difference(before: Counters, after: Counters) -> Counters:
    """What happened between two readings; ``at``: the seconds between them."""
    executions = {
        size: (
            number - before.executions.get(size, (0, 0))[0],
            spent - before.executions.get(size, (0, 0))[1],
        )
        for size, (number, spent) in after.executions.items()
    }
    return Counters(
        at=after.at - before.at,
        executions={size: pair for size, pair in executions.items() if pair[0] > 0},
        requests=after.requests - before.requests,
        request_ns=after.request_ns - before.request_ns,
        queue_ns=after.queue_ns - before.queue_ns,
        rows=after.rows - before.rows,
    )


def windows(readings: Sequence[Counters]) -> tuple[Counters, ...]:
    """What happened between each two readings, those in which nothing did left out.

    So is one in which the model was loaded anew: it counts from nothing then.
    """
    pairs = itertools.pairwise(readings)
    found = (difference(before, after) for before, after in pairs if _goes_on(before, after))
    return tuple(window for window in found if window.count > 0)


def _goes_on(before: Counters, after: Counters) -> bool:
    executions = all(
        after.executions.get(size, (0, 0))[0] >= number
        for size, (number, _) in before.executions.items()
    )
    return executions and after.requests >= before.requests and after.rows >= before.rows


def total(parts: Sequence[Counters]) -> Counters:
    """All windows together."""
    executions: dict[int, tuple[int, int]] = {}
    for part in parts:
        for size, (number, spent) in part.executions.items():
            known = executions.get(size, (0, 0))
            executions[size] = (known[0] + number, known[1] + spent)
    return Counters(
        at=math.fsum(part.at for part in parts),
        executions=executions,
        requests=sum(part.requests for part in parts),
        request_ns=sum(part.request_ns for part in parts),
        queue_ns=sum(part.queue_ns for part in parts),
        rows=sum(part.rows for part in parts),
    )


def read(address: str, model: str) -> Counters:
    """Now, from the HTTP ``address`` (host:port).

    Raises:
        OSError, ValueError: Triton does not answer, or with something else.
    """
    connection = http.client.HTTPConnection(address, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", f"/v2/models/{model}/stats")
        answer = connection.getresponse()
        body = answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"Triton at {address}: {error!r}") from error
    finally:
        connection.close()
    if answer.status != _OK:
        raise ValueError(f"Triton has no statistics of {model}: HTTP {answer.status}")
    return parse_counters(json.loads(body), time.monotonic())


def parse_gpu_memory(text: str) -> tuple[int, int]:
    """(used, total) bytes of all GPUs in the text of Triton's metrics; zeros without a GPU."""
    sums = {"used": 0.0, "total": 0.0}
    for found in _GPU_MEMORY.finditer(text):
        sums[found.group(1)] += float(found.group(2))
    return int(sums["used"]), int(sums["total"])


def read_gpu_memory(address: str) -> tuple[int, int]:
    """(used, total) bytes of all GPUs, from the metrics at ``address``; zeros where unknown."""
    connection = http.client.HTTPConnection(address, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/metrics")
        return parse_gpu_memory(connection.getresponse().read().decode(errors="replace"))
    except (OSError, http.client.HTTPException):
        return 0, 0
    finally:
        connection.close()


@dataclass(slots=True, kw_only=True)
class Watch:
    """Context manager: reads the counters at short intervals in a thread of its own.

    A reading that fails is left out: whoever started the load hears of a Triton that is gone.
    """

    counters: Callable[[], Counters]
    interval: float = INTERVAL_SECONDS
    readings: list[Counters] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def quiet_seconds(self) -> float:
        """Since when no request was answered; 0 where that is not known."""
        known = list(self.readings)
        if not known:
            return 0.0
        pairs = zip(known[1:], known, strict=False)
        rises = [after.at for after, before in pairs if after.requests > before.requests]
        return known[-1].at - (rises[-1] if rises else known[0].at)

    def __enter__(self) -> Self:
        self._take()
        self._thread = threading.Thread(target=self._run, name="statistics", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._take()

    def _run(self) -> None:
        while not self._stop.wait(self.interval):
            self._take()

    def _take(self) -> None:
        try:
            self.readings.append(self.counters())
        except (OSError, ValueError):
            return
