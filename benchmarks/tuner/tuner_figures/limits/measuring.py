"""T7 on a local cluster: a Triton at light loads, with a limit on waiting and without, in turns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench_figures.rows import Figures

from modelservice_harness.processes import capture
from tuner_figures.bench import SERVING, Bench
from tuner_figures.capacity.manifests import BASE_MS, MODEL, NAMESPACE, ROW_MS, Served
from tuner_figures.capacity.measuring import ROW, Site
from tuner_figures.ground.asking import AskingPod, Question

from .findings import Loaded, figures

GOAL_MS, BATCH = 100.0, 4
#: As the product sets it: the goal less a full batch.
LIMIT_MS = GOAL_MS - BASE_MS - ROW_MS * BATCH
#: Instances, and requests a second: where an instance is often, and the queue seldom, busy.
LOADS = ((1, 16.0), (1, 30.0), (2, 30.0))
REQUESTS, QUICK_REQUESTS = 2_000, 100
WARM_SECONDS = 2.0
_SIMULATING_SECONDS = 300.0


def measure(bench: Bench) -> Iterator[Figures]:
    """All of it.

    Raises:
        HarnessError: the cluster, a pod or the simulation broke off.
    """
    found: list[Loaded] = []
    with bench.ground.namespace(NAMESPACE) as access:
        asking = AskingPod(access=access, namespace=NAMESPACE, folder=bench.work / "limits")
        site = Site(bench=bench, asking=asking)
        asking.start(bench.ground.images.client, [ROW])
        for repeat in range(bench.repeats):
            for instances, rate in LOADS:
                for limited in (False, True) if repeat % 2 == 0 else (True, False):
                    served = Served(
                        batch=BATCH,
                        instances=instances,
                        timeout_us=round(1000 * LIMIT_MS) if limited else 0,
                    )
                    site.serve(served, 1)
                    found.append(_loaded(site, served, rate))
                    bench.say(f"  {found[-1].words()}")
    yield figures(_simulated(bench, found))


def _loaded(site: Site, served: Served, rate: float) -> Loaded:
    question = Question(address=site.address(), model=MODEL, rate=rate)
    seconds = (QUICK_REQUESTS if site.bench.quick else REQUESTS) / rate
    answers = site.asking.ask(question, seconds + WARM_SECONDS).after(WARM_SECONDS)
    return Loaded(
        rate=rate,
        instances=served.instances,
        limited=served.timeout_us > 0,
        requests=len(answers.all),
        late=answers.late(GOAL_MS),
        typical_ms=answers.percentile_ms(50),
        behind=answers.behind(),
    )


def _simulated(bench: Bench, found: Sequence[Loaded]) -> list[Loaded]:
    """With what should have come, where lone requests take as long as they did without a limit."""
    calm = min(item.typical_ms for item in found if not item.limited)
    work: Mapping[str, Any] = {
        "seconds": {size: (BASE_MS + ROW_MS * size) / 1000 for size in range(1, BATCH + 1)},
        "overhead": max(0.0, calm - BASE_MS - ROW_MS) / 1000,
        "goal": GOAL_MS / 1000,
        "cases": [
            {
                "rate": item.rate,
                "instances": item.instances,
                "timeout": LIMIT_MS / 1000 if item.limited else 0,
            }
            for item in found
        ],
    }
    path = bench.work / "limits" / "work.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(work), encoding="utf-8")
    words = [bench.program(SERVING, "python"), "-m", "tuner_figures.limits.simulating", str(path)]
    said = capture(words, env=bench.variables(), timeout=_SIMULATING_SECONDS)
    shares = json.loads(said.strip().splitlines()[-1])
    return [replace(item, simulated=share) for item, share in zip(found, shares, strict=True)]
