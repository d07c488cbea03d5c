"""A cluster, its Tritons, a clock, and the reconciler between them; no pod starts by itself."""

from __future__ import annotations

import asyncio
import copy
from datetime import datetime, timedelta
from typing import Any

import operator_samples as samples
from fake_cluster import FakeCluster
from fake_tritons import FakeKeys, FakeTritons
from operator_samples import NOW

from modelservice_operator.api import names
from modelservice_operator.api.service import ServiceKey
from modelservice_operator.fleet import Fleet
from modelservice_operator.reconcile import Reconciler
from modelservice_operator.running.tuning import RunningTuning
from modelservice_operator.telemetry import OperatorTelemetry

KEY = ServiceKey("demo", "tiny")


class ScriptedClock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        """The scripted time."""
        return self.moment

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.moment += timedelta(seconds=seconds)


class World:
    """A cluster, a clock and the reconciler between them."""

    def __init__(self) -> None:
        self.cluster = FakeCluster(NOW)
        self.clock = ScriptedClock()
        self.fleet = Fleet()
        self.tritons = FakeTritons()
        self.restart_operator()

    def restart_operator(self) -> None:
        """Another process: what it knows is in the cluster."""
        settings, keys = samples.settings(), FakeKeys()
        self.reconciler = Reconciler(
            cluster=self.cluster,
            clock=self.clock,
            fleet=self.fleet,
            settings=settings,
            telemetry=OperatorTelemetry(limit_seconds=60),
            tuning=RunningTuning(
                inference=self.tritons,
                keys=keys,
                cluster=self.cluster,
                clock=self.clock,
                settings=settings.tuning,
            ),
            keys=keys,
        )

    def apply(self, spec: Any = None, generation: int = 1) -> None:
        """``kubectl apply`` of the service."""
        known = self.cluster.objects.get((names.KIND, *KEY), {})
        self.cluster.add(
            {
                "kind": names.KIND,
                "metadata": {
                    "namespace": "demo",
                    "name": "tiny",
                    "uid": "uid-1",
                    "generation": generation,
                },
                "spec": copy.deepcopy(spec or samples.MINIMAL_SPEC),
                "status": known.get("status", {}),
            }
        )

    def look(self) -> float | None:
        """One reconcile."""
        return asyncio.run(self.reconciler(KEY))

    def end_job(self, kind: str, message: str, *, failed: bool = False, code: int = 0) -> None:
        """The newest Job of a kind ends, its pod leaving ``message``."""
        job = [
            item
            for item in self.cluster.all("Job")
            if item["metadata"]["labels"][names.KIND_LABEL] == kind
        ][-1]
        name = job["metadata"]["name"]
        job["status"] = {
            "conditions": [
                {
                    "type": "Failed" if failed else "Complete",
                    "status": "True",
                    "lastTransitionTime": self.clock.now().isoformat(),
                }
            ]
        }
        self.cluster.add(
            {
                "kind": "Pod",
                "metadata": {
                    "namespace": "demo",
                    "name": f"{name}-pod",
                    "labels": {
                        names.NAME_LABEL: "tiny",
                        names.COMPONENT_LABEL: kind,
                        "batch.kubernetes.io/job-name": name,
                    },
                },
                "status": {
                    "containerStatuses": [
                        {"state": {"terminated": {"exitCode": code, "message": message}}}
                    ]
                },
            }
        )

    def key_of(self, kind: str) -> str:
        """The key of the newest Job of a kind."""
        jobs = [
            item["metadata"]["labels"]
            for item in self.cluster.all("Job")
            if item["metadata"]["labels"][names.KIND_LABEL] == kind
        ]
        return str(jobs[-1][names.KEY_LABEL])

    @property
    def status(self) -> dict[str, Any]:
        """The service's status."""
        status: dict[str, Any] = self.cluster.objects[names.KIND, *KEY]["status"]
        return status

    def condition(self, type_: str) -> dict[str, Any]:
        """One condition."""
        found: dict[str, Any] = next(c for c in self.status["conditions"] if c["type"] == type_)
        return found

    def built(self, **artifact: Any) -> None:
        """A service whose build has succeeded, fields of the artifact replaced."""
        self.apply()
        self.look()
        self.end_job(names.BUILD, samples.build_result(self.key_of(names.BUILD), **artifact))
        self.look()

    def pods_answer(self, count: int = 1) -> None:
        """The Deployment reports that all its replicas are there."""
        deployment = self.cluster.objects["Deployment", *KEY]
        deployment["spec"]["replicas"] = count
        deployment["status"] = {
            "observedGeneration": 1,
            "replicas": count,
            "readyReplicas": count,
            "updatedReplicas": count,
        }

    def pod_is_killed(self, name: str) -> None:
        """A pod of the Deployment's template is killed for its memory; no replica answers."""
        deployment = self.cluster.objects["Deployment", *KEY]
        deployment["status"] |= {"readyReplicas": 0}
        template = deployment["spec"]["template"]
        ended = {"exitCode": 137, "reason": "OOMKilled"}
        self.cluster.add(
            {
                "kind": "Pod",
                "metadata": {"namespace": "demo", "name": name, **template["metadata"]},
                "spec": template["spec"],
                "status": {
                    "containerStatuses": [
                        {
                            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                            "lastState": {"terminated": ended},
                        }
                    ]
                },
            }
        )

    @property
    def memory(self) -> tuple[str, str]:
        """Request and limit of the serving container."""
        spec = self.cluster.objects["Deployment", *KEY]["spec"]["template"]["spec"]
        resources = spec["containers"][0]["resources"]
        return resources["requests"]["memory"], resources["limits"]["memory"]

    def pods_start(self, *pod_names: str) -> None:
        """Serving pods of the newest template start, take what the ConfigMap holds, and answer."""
        deployment = self.cluster.objects["Deployment", *KEY]
        volumes = deployment["spec"]["template"]["spec"]["volumes"]
        (config,) = [item["configMap"]["name"] for item in volumes if "configMap" in item]
        text = self.cluster.objects["ConfigMap", KEY.namespace, config]["data"]["config.pbtxt"]
        for number, name in enumerate(pod_names):
            self.tritons.start(name, text)
            self.cluster.add(_serving_pod(name, f"10.0.0.{number + 1}"))
        self.pods_answer(len(pod_names))

    def held(self) -> str:
        """Key of the configuration that the Deployment's ConfigMap holds."""
        rollout = self.cluster.objects["Deployment", *KEY]["metadata"]["annotations"][
            names.ROLLOUT_ANNOTATION
        ]
        name = names.serving_config(KEY.name, rollout)
        config_map = self.cluster.objects["ConfigMap", KEY.namespace, name]
        key: str = config_map["metadata"]["annotations"][names.CONFIG_ANNOTATION]
        return key


def _serving_pod(name: str, address: str) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {
            "namespace": KEY.namespace,
            "name": name,
            "labels": names.labels(KEY.name, names.SERVING),
        },
        "status": {
            "podIP": address,
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"restartCount": 0}],
        },
    }
