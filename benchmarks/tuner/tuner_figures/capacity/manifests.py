"""The Tritons and their Service. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from modelservice_harness.manifests.common import RESTRICTED, Object, labels, meta, pod_security

NAMESPACE, TRITON = "bench-capacity", "waiting"
MODEL = TRITON
GRPC_PORT, HTTP_PORT = 8001, 8000
#: Like a small network on a GPU.
BASE_MS, ROW_MS = 20.0, 4.0
_CONFIG = """\
name: "{model}"
backend: "python"
max_batch_size: {batch}
input {{ name: "x" data_type: TYPE_FP32 dims: [1] }}
output {{ name: "y" data_type: TYPE_FP32 dims: [1] }}
instance_group {{ count: {instances} kind: KIND_CPU }}
dynamic_batching {{ max_queue_delay_microseconds: {delay_us} {policy} }}
parameters {{ key: "base_ms" value {{ string_value: "{base_ms}" }} }}
parameters {{ key: "row_ms" value {{ string_value: "{row_ms}" }} }}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What the tuner searches here: threads say nothing to a model that waits.

    ``timeout_us``: whoever has waited longer is refused; 0 for no limit.
    """

    batch: int
    instances: int = 1
    delay_us: int = 0
    timeout_us: int = 0

    def config(self) -> str:
        """``config.pbtxt``."""
        return _CONFIG.format(
            model=MODEL, batch=self.batch, instances=self.instances, delay_us=self.delay_us,
            base_ms=BASE_MS, row_ms=ROW_MS, policy=self._policy(),
        )  # fmt: skip

    def _policy(self) -> str:
        if self.timeout_us == 0:
            return ""
        limit = f"default_timeout_microseconds: {self.timeout_us}"
        return f"default_queue_policy {{ timeout_action: REJECT {limit} }}"


def tritons(image: str, user: int, program: str, served: Served, replicas: int) -> list[Object]:
    """``program``: the text of the model. Another setting makes other pods."""
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta(TRITON, NAMESPACE, TRITON),
        "data": {"model.py": program, "config.pbtxt": served.config()},
    }
    return [config, _deployment(image, user, served, replicas), _service()]


def _deployment(image: str, user: int, served: Served, replicas: int) -> Object:
    paths = {"model.py": f"{MODEL}/1/model.py", "config.pbtxt": f"{MODEL}/config.pbtxt"}
    volume = {
        "name": "repository",
        "configMap": {
            "name": TRITON,
            "items": [{"key": key, "path": path} for key, path in paths.items()],
        },
    }
    spec = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 5,
        "securityContext": pod_security(user),
        "containers": [_triton(image)],
        "volumes": [volume, {"name": "shm", "emptyDir": {"medium": "Memory"}}],
    }
    # The pods are others when the setting is another one: the ConfigMap alone restarts nothing.
    annotations = {"modelservice.dev/setting": f"{served}"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta(TRITON, NAMESPACE, TRITON),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels(TRITON)},
            "template": {
                "metadata": {"labels": labels(TRITON), "annotations": annotations},
                "spec": spec,
            },
        },
    }


def _triton(image: str) -> Object:
    words = ["tritonserver", "--model-repository=/repository", "--model-control-mode=explicit"]
    words += [f"--load-model={MODEL}", "--disable-auto-complete-config"]
    words += ["--pinned-memory-pool-byte-size=0", "--metrics-config=summary_latencies=true"]
    return {
        "name": "triton",
        "image": image,
        "command": words,
        "securityContext": {**RESTRICTED, "readOnlyRootFilesystem": False},
        "ports": [{"name": "grpc", "containerPort": GRPC_PORT}],
        "readinessProbe": {
            "httpGet": {"path": f"/v2/models/{MODEL}/ready", "port": HTTP_PORT},
            "periodSeconds": 1,
        },
        "resources": {
            "requests": {"cpu": "100m", "memory": "256Mi"},
            "limits": {"memory": "1Gi"},
        },
        "volumeMounts": [
            {"name": "repository", "mountPath": "/repository"},
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 - a path in the pod
        ],
    }


def _service() -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta(TRITON, NAMESPACE, TRITON),
        "spec": {
            "selector": labels(TRITON),
            "ports": [{"name": "http", "port": HTTP_PORT, "targetPort": HTTP_PORT}],
        },
    }
