"""From values to Kubernetes objects, a file per kind. Pure.

Room: the fields of objects. May not touch: clients, clock, decisions (those come in).
"""

from .build_job import build_job
from .config_maps import result_config_map, serving_config_map, tuning_state_config_map
from .deployment import ServingVersion, deployment, pods_key
from .network import disruption_budget, service, service_account
from .replicas import replicas_manifest
from .secrets import admin_secret, master_secret
from .triton_flags import tuned_flags
from .tune_job import tune_job

__all__ = [
    "ServingVersion",
    "admin_secret",
    "build_job",
    "deployment",
    "disruption_budget",
    "master_secret",
    "pods_key",
    "replicas_manifest",
    "result_config_map",
    "service",
    "service_account",
    "serving_config_map",
    "tune_job",
    "tuned_flags",
    "tuning_state_config_map",
]
