"""What the tuner's simulation says of a model that waits, with a limit on waiting and without.

    python -m tuner_figures.limits.simulating WORK.json → JSON: share beyond the goal of each case

``WORK.json``: ``seconds`` by batch size (JSON keys are texts), ``overhead``, ``goal`` (all in
seconds) and ``cases``: ``rate``, ``instances``, ``timeout`` (0: none). Runs in the serving
environment.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelservice_runtime.contract.traffic import SINGLE_ROWS
from modelservice_runtime.tuner.simulation.arrivals import Source
from modelservice_runtime.tuner.simulation.outcomes import Batching, open_loop
from modelservice_runtime.tuner.simulation.service_time import ServiceTime

_REQUESTS = 100_000


def main() -> int:
    """Read the work, simulate, print."""
    work: Mapping[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    times = {int(size): seconds for size, seconds in work["seconds"].items()}
    service = ServiceTime(
        batches=tuple(times), seconds=tuple(times.values()), overhead=work["overhead"]
    )
    shares = [_beyond(service, max(times), case, work["goal"]) for case in work["cases"]]
    print(json.dumps(shares))
    return 0


def _beyond(service: ServiceTime, most: int, case: Mapping[str, Any], goal: float) -> float:
    batching = Batching(instances=case["instances"], max_batch=most)
    limited = batching.limited(case["timeout"] or math.inf)
    requests = Source(rows_per_request=SINGLE_ROWS).at(case["rate"], _REQUESTS)
    return open_loop(service, limited, requests).violations(goal)


if __name__ == "__main__":
    sys.exit(main())
