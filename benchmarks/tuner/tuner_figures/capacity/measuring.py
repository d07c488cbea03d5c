"""T6 on a local cluster of its own, gone afterwards: tuned on one replica, then loaded on three."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_figures.rows import Figures

from modelservice_harness.access import Access, is_ready, wait_for
from modelservice_harness.commands import CLUSTER_WANTED, prepare
from modelservice_harness.images import USER, ImageNames
from modelservice_harness.manifests import storage
from modelservice_harness.running import Size, image_names, local_cluster, start_cluster
from tuner_figures.bench import Bench

from .findings import AT, BEYOND, REPLICAS, Tried, figures
from .manifests import ASKING, GRPC_PORT, MODEL, NAMESPACE, TRITON, Served, asking, tritons

CLUSTER = "bench-capacity"
GOAL_MS, PERCENTILE = 100.0, 99.0
MOST_BATCH = 16
SECONDS, QUICK_SECONDS = 120.0, 10.0
#: What the tuner finds for one replica, before it finds it.
_FIRST = Served(batch=MOST_BATCH)
_INSIDE = Path(__file__).parent / "inside"
_READY_SECONDS, _TUNING_SECONDS = 180.0, 900.0
_RESULT = "/tmp/tuned.json"  # noqa: S108 - a path in the pod


def measure(bench: Bench) -> Iterator[Figures]:
    """All of it.

    Raises:
        HarnessError: the cluster, a pod or the tuning broke off.
    """
    with _cluster(bench) as (access, images):
        site = Site(bench=bench, access=access, images=images)
        site.start()
        served, capacity = site.tuned()
        bench.say(f"  {served}: {capacity:.1f} rows/s for one replica, says the tuner")
        tried = []
        for replicas in REPLICAS:
            site.serve(served, replicas)
            for repeat in range(bench.repeats):
                factors = (AT, BEYOND) if repeat % 2 == 0 else (BEYOND, AT)
                for factor in factors:
                    tried.append(site.tried(replicas, factor, replicas * capacity))
                    bench.say(f"  {tried[-1].words()}")
    yield figures(tried)


@contextmanager
def _cluster(bench: Bench) -> Iterator[tuple[Access, ImageNames]]:
    provisioned = prepare(bench.workshop, CLUSTER_WANTED)
    local = local_cluster(bench.workshop, provisioned, CLUSTER)
    local.down()
    try:
        bench.say(f"cluster {CLUSTER}: starting")
        start_cluster(bench.workshop, provisioned, name=CLUSTER, size=Size())
        yield local.access(), image_names(bench.workshop.layout)
    finally:
        local.down()
        (bench.workshop.layout.image_maps / f"{CLUSTER}.json").unlink(missing_ok=True)
        bench.say(f"cluster {CLUSTER}: gone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The cluster with the Tritons and the pod that asks them."""

    bench: Bench
    access: Access
    images: ImageNames

    def start(self) -> None:
        """One replica, and whoever asks.

        Raises:
            WaitTimeout: they do not come up.
        """
        self.access.apply(storage.namespace(NAMESPACE))
        self.serve(_FIRST, 1)
        demo = self.bench.repository / "demo" / "modelservice_demo" / "inside"
        row = {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1.0]}
        programs = {
            "asking.py": (_INSIDE / "asking.py").read_text(encoding="utf-8"),
            "load.py": (demo / "load.py").read_text(encoding="utf-8"),
            "requests.json": json.dumps([{"inputs": [row]}]),
        }
        self.access.apply(*asking(self.images.client, USER, programs))
        wait_for(
            lambda: is_ready(self.access.get("pod", ASKING, namespace=NAMESPACE) or {}),
            _READY_SECONDS,
            f"pod {NAMESPACE}/{ASKING}",
            state=lambda: self._described("pod", ASKING),
        )

    def serve(self, served: Served, replicas: int) -> None:
        """So many replicas with this setting, and none with another.

        Raises:
            WaitTimeout: they do not come up.
        """
        program = (_INSIDE / "waiting_model.py").read_text(encoding="utf-8")
        image = self.images.name("modelservice-serving")
        self.access.apply(*tritons(image, USER, program, served, replicas))
        wait_for(
            lambda: len(self._pods()) == replicas and all(map(is_ready, self._pods())),
            _READY_SECONDS,
            f"{replicas} Tritons",
            state=lambda: self._described("pods", "-l", f"app.kubernetes.io/name={TRITON}"),
        )

    def tuned(self) -> tuple[Served, float]:
        """What our tuner chooses for one replica, and what it says that it carries."""
        (pod,) = self._pods()
        words = ["--url", f"{pod['status']['podIP']}:{GRPC_PORT}", "--model", MODEL]
        words += ["--goal-ms", f"{GOAL_MS:g}", "--percentile", f"{PERCENTILE:g}"]
        words += ["--max-batch", str(MOST_BATCH), "--max-instances", "1", "--max-threads", "1"]
        words += ["--json", _RESULT, "--scratch", "/tmp"]  # noqa: S108 - a path in the pod
        self._in_pod("python", "-m", "modelservice_runtime.tuner", *words)
        found: Mapping[str, Any] = json.loads(self._in_pod("cat", _RESULT))
        setting = found["setting"]
        served = Served(
            batch=int(setting["maxBatchSize"]),
            instances=int(setting["instances"]),
            delay_us=int(setting.get("queueDelayMicroseconds", 0)),
        )
        return served, float(found["capacityRowsPerSecond"])

    def tried(self, replicas: int, factor: float, rows_per_second: float) -> Tried:
        """Random arrivals at ``factor`` times what so many replicas should carry."""
        seconds = QUICK_SECONDS if self.bench.quick else SECONDS
        address = f"{TRITON}.{NAMESPACE}.svc.cluster.local:{GRPC_PORT}"
        words = ["python", "/asking/asking.py", address, MODEL, "/asking/requests.json"]
        words += [f"{factor * rows_per_second:.3f}", f"{seconds:g}", f"{GOAL_MS:g}"]
        found: Mapping[str, Any] = json.loads(self._in_pod(*words).splitlines()[-1])
        return Tried(
            replicas=replicas,
            factor=factor,
            rows_per_second=rows_per_second,
            requests=int(found["requests"]),
            late=int(found["late"]),
            p99_ms=float(found["p99_ms"]),
        )

    def _pods(self) -> list[dict[str, Any]]:
        found = self.access.get(
            "pods", "-l", f"app.kubernetes.io/name={TRITON}", namespace=NAMESPACE
        )
        items: list[dict[str, Any]] = (found or {}).get("items", [])
        return items

    def _in_pod(self, *words: str) -> str:
        done = self.access.kubectl(
            "exec", ASKING, "--", *words, namespace=NAMESPACE, timeout=_TUNING_SECONDS
        )
        return done.stdout

    def _described(self, *what: str) -> str:
        done = self.access.kubectl("describe", *what, namespace=NAMESPACE, check=False)
        return done.stdout[-2000:]
