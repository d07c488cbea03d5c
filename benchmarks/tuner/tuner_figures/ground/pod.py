"""The pod that asks. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from modelservice_harness.manifests.common import Object
from modelservice_harness.manifests.program_pod import program_pod

ASKING = "asking"


def asking(namespace: str, image: str, user: int, programs: Mapping[str, str]) -> list[Object]:
    """It waits to be told what to do. ``programs``: files for its folder /asking."""
    return program_pod(
        ASKING,
        namespace,
        image=image,
        user=user,
        command=["sleep", "infinity"],
        programs=programs,
        folder="/asking",
        resources={
            "requests": {"cpu": "100m", "memory": "256Mi"},
            "limits": {"memory": "2Gi"},
        },
    )
