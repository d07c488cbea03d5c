"""The volumes that a set of store addresses needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from modelservice_runtime.contract.store_layout import PVC_ROOT, claim_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Volumes:
    """Entries for ``volumes`` of the pod and ``volumeMounts`` of the container."""

    volumes: tuple[dict[str, Any], ...]
    mounts: tuple[dict[str, Any], ...]


def claim_volumes(uris: Iterable[str], *, writable: str = "") -> Volumes:
    """One volume per claim, at /mnt/pvc/<claim>; read-only but for the claim of ``writable``.

    Claims are mounted once each: a source and a store on the same claim share the mount.
    """
    claims = sorted({claim for uri in uris if (claim := claim_of(uri))})
    keep = claim_of(writable) if writable else None
    return Volumes(
        volumes=tuple(_volume(index, claim) for index, claim in enumerate(claims)),
        mounts=tuple(
            _mount(index, claim, read_only=claim != keep) for index, claim in enumerate(claims)
        ),
    )


def scratch(name: str, path: str, *, memory: str = "") -> Volumes:
    """An empty folder; ``memory``: a size limit makes it a folder in memory."""
    source: dict[str, Any] = {"medium": "Memory", "sizeLimit": memory} if memory else {}
    return Volumes(
        volumes=({"name": name, "emptyDir": source},), mounts=({"name": name, "mountPath": path},)
    )


def config(name: str, config_map: str, path: str) -> Volumes:
    """The keys of a ConfigMap as files."""
    return Volumes(
        volumes=({"name": name, "configMap": {"name": config_map}},),
        mounts=({"name": name, "mountPath": path, "readOnly": True},),
    )


def secret(name: str, secret_name: str, path: str) -> Volumes:
    """The keys of a Secret as files; none where there is no such Secret."""
    source = {"secretName": secret_name, "optional": True, "defaultMode": 0o440}
    return Volumes(
        volumes=({"name": name, "secret": source},),
        mounts=({"name": name, "mountPath": path, "readOnly": True},),
    )


def join(*parts: Volumes) -> Volumes:
    """All of them, in order."""
    return Volumes(
        volumes=tuple(volume for part in parts for volume in part.volumes),
        mounts=tuple(mount for part in parts for mount in part.mounts),
    )


def _volume(index: int, claim: str) -> dict[str, Any]:
    # Numbered: a claim's name may be longer than a volume's may.
    return {"name": f"claim-{index}", "persistentVolumeClaim": {"claimName": claim}}


def _mount(index: int, claim: str, *, read_only: bool) -> dict[str, Any]:
    return {"name": f"claim-{index}", "mountPath": f"{PVC_ROOT}/{claim}", "readOnly": read_only}
