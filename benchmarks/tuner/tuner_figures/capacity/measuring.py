"""T6 on a local cluster: tuned on one replica, then loaded on one, two and three."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_figures.rows import Figures

from modelservice_harness.access import is_ready, wait_for
from modelservice_harness.images import USER
from tuner_figures.bench import Bench
from tuner_figures.ground.asking import AskingPod, Question

from .findings import AT, BEYOND, REPLICAS, Tried, figures
from .manifests import GRPC_PORT, HTTP_PORT, MODEL, NAMESPACE, TRITON, Served, tritons

GOAL_MS, PERCENTILE = 100.0, 99.0
MOST_BATCH = 16
#: Of a window, so that those of one replica and of three are as sure; a point has one per repeat.
REQUESTS, QUICK_REQUESTS = 5_000, 1_000
WARM_SECONDS = 3.0
#: A window in which more requests than this went out late is sent again.
BEHIND_MOST = 0.02
ATTEMPTS = 3
#: What the tuner finds for one replica, before it finds it.
_FIRST = Served(batch=MOST_BATCH)
_PROGRAM = Path(__file__).parent / "inside" / "waiting_model.py"
_READY_SECONDS, _TUNING_SECONDS, _WORD_SECONDS = 180.0, 900.0, 60.0
_RESULT = "/tmp/tuned.json"  # noqa: S108 - a path in the pod
#: A request's only input.
ROW = {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1.0]}


def measure(bench: Bench) -> Iterator[Figures]:
    """All of it.

    Raises:
        HarnessError: the cluster, a pod or the tuning broke off.
    """
    with bench.ground.namespace(NAMESPACE) as access:
        asking = AskingPod(access=access, namespace=NAMESPACE, folder=bench.work / "capacity")
        site = Site(bench=bench, asking=asking)
        site.serve(_FIRST, 1)
        asking.start(bench.ground.images.client, [ROW])
        served, capacity = site.tuned()
        bench.say(f"  {served}: {capacity:.1f} rows/s for one replica, says the tuner")
        tried = []
        for replicas in REPLICAS:
            site.serve(served, replicas)
            for repeat in range(bench.repeats):
                for factor in (AT, BEYOND) if repeat % 2 == 0 else (BEYOND, AT):
                    tried.append(site.tried(replicas, factor, replicas * capacity))
                    bench.say(f"  {tried[-1].words()}")
        yield figures(tried)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The Tritons, and the pod that asks them."""

    bench: Bench
    asking: AskingPod

    def serve(self, served: Served, replicas: int) -> None:
        """So many replicas with this setting, and none with another.

        Raises:
            WaitTimeout: they do not come up.
        """
        program, access = _PROGRAM.read_text(encoding="utf-8"), self.asking.access
        image = self.bench.ground.images.name("modelservice-serving")
        access.apply(*tritons(image, USER, program, served, replicas))
        wait_for(
            lambda: len(self._pods()) == replicas and all(map(is_ready, self._pods())),
            _READY_SECONDS,
            f"{replicas} Tritons",
            state=lambda: self.asking.access.describe(
                "pods", "-l", f"app.kubernetes.io/name={TRITON}", namespace=NAMESPACE
            ),
        )

    def tuned(self) -> tuple[Served, float]:
        """What our tuner chooses for one replica, and what it says that it carries."""
        (pod,) = self._pods()
        words = ["--url", f"{pod['status']['podIP']}:{GRPC_PORT}", "--model", MODEL]
        words += ["--goal-ms", f"{GOAL_MS:g}", "--percentile", f"{PERCENTILE:g}"]
        words += ["--max-batch", str(MOST_BATCH), "--max-instances", "1", "--max-threads", "1"]
        words += ["--json", _RESULT, "--scratch", "/tmp"]  # noqa: S108 - a path in the pod
        command = ["python", "-m", "modelservice_runtime.tuner", *words]
        self.asking.run(*command, seconds=_TUNING_SECONDS)
        text = self.asking.run("cat", _RESULT, seconds=_WORD_SECONDS)
        found: Mapping[str, Any] = json.loads(text)
        setting = found["setting"]
        served = Served(
            batch=int(setting["maxBatchSize"]),
            instances=int(setting["instances"]),
            delay_us=int(setting.get("queueDelayMicroseconds", 0)),
        )
        return served, float(found["capacityRowsPerSecond"])

    def tried(self, replicas: int, factor: float, rows_per_second: float) -> Tried:
        """Random arrivals at ``factor`` times what so many replicas should carry.

        Of several attempts the one in which the fewest requests went out late.
        """
        question = Question(address=self.address(), model=MODEL, rate=factor * rows_per_second)
        seconds = (QUICK_REQUESTS if self.bench.quick else REQUESTS) / question.rate
        found: list[Tried] = []
        while not found or (found[-1].behind > BEHIND_MOST and len(found) < ATTEMPTS):
            answers = self.asking.ask(question, seconds + WARM_SECONDS).after(WARM_SECONDS)
            found.append(
                Tried(
                    replicas=replicas,
                    factor=factor,
                    rows_per_second=rows_per_second,
                    requests=len(answers.all),
                    late=answers.late(GOAL_MS),
                    p99_ms=answers.percentile_ms(PERCENTILE),
                    behind=answers.behind(),
                )
            )
            for why, count in answers.failures.items():
                self.bench.say(f"  failed {count} times: {why}")
        return min(found, key=lambda item: item.behind)

    def address(self) -> str:
        """Of the Service, without the cluster's names: it needs none."""
        service = self.asking.access.get("service", TRITON, namespace=NAMESPACE) or {}
        return f"{service['spec']['clusterIP']}:{HTTP_PORT}"

    def _pods(self) -> list[dict[str, Any]]:
        found = self.asking.access.get(
            "pods", "-l", f"app.kubernetes.io/name={TRITON}", namespace=NAMESPACE
        )
        items: list[dict[str, Any]] = (found or {}).get("items", [])
        return items
