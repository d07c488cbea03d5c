"""The Secrets that the operator makes: the key of each service's Triton, and its own master key."""

from __future__ import annotations

from typing import Any

from modelservice_operator.api import names
from modelservice_operator.api.service import ServiceRef
from modelservice_operator.settings import MasterKey
from modelservice_runtime.contract.admin import ADMIN_KEY_FILE

from .pods import metadata


def admin_secret(ref: ServiceRef, *, name: str, key: str) -> dict[str, Any]:
    """The key of Triton's closed APIs, for the pods to mount. It is created and never read."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(ref, name, names.SERVING),
        "immutable": True,
        "stringData": {ADMIN_KEY_FILE: key},
    }


def master_secret(place: MasterKey, value: str) -> dict[str, Any]:
    """What every admin key comes from. It belongs to no service, and outlives the operator."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": place.secret_name,
            "namespace": place.namespace,
            "labels": {"app.kubernetes.io/managed-by": names.MANAGER},
        },
        "immutable": True,
        "stringData": {ADMIN_KEY_FILE: value},
    }
