"""The services' admin keys, from a master key that the operator makes for itself once."""

from __future__ import annotations

import secrets

from modelservice_operator.api.errors import UnavailableError
from modelservice_operator.api.service import ServiceRef
from modelservice_operator.manifests import master_secret
from modelservice_operator.plan.admin_key import admin_key
from modelservice_operator.ports import ClusterPort
from modelservice_operator.settings import MasterKey
from modelservice_runtime.contract.admin import ADMIN_KEY_FILE

_BYTES = 32


class AdminKeys:
    """KeysPort; the master key is read once, and made where there is none."""

    def __init__(self, cluster: ClusterPort, place: MasterKey) -> None:
        self._cluster = cluster
        self._place = place
        self._master = b""

    async def admin_key(self, ref: ServiceRef) -> str:
        """The key of this service; the same at every call."""
        if not self._master:
            self._master = await self._read_master()
        return admin_key(self._master, ref)

    async def _read_master(self) -> bytes:
        """What there is counts: another operator may have been first."""
        place = self._place
        found = await self._cluster.read_secret(place.namespace, place.secret_name)
        if found is None:
            made = master_secret(place, secrets.token_urlsafe(_BYTES))
            await self._cluster.create(made)
            found = await self._cluster.read_secret(place.namespace, place.secret_name)
        master = (found or {}).get(ADMIN_KEY_FILE, b"")
        if not master:
            where = f"{place.namespace}/{place.secret_name}"
            raise UnavailableError(f"Secret {where} has no {ADMIN_KEY_FILE}; delete it to have one")
        return master
