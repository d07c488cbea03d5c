"""A connection to the API server: as a pod's service account, or by the user's kubeconfig."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config.config_exception import ConfigException

from modelservice_operator.api.errors import UnavailableError

_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class Connection(NamedTuple):
    """``namespace``: the pod's own, or that of the kubeconfig's context."""

    client: ApiClient
    namespace: str


async def connect() -> Connection:
    """A client whose token is read again when it is renewed.

    Raises:
        UnavailableError: neither a service account nor a usable kubeconfig is there.
    """
    configuration = Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)
        namespace = _own_namespace()
    except ConfigException:
        namespace = await _by_kubeconfig(configuration)
    configuration.retries = 0  # the queue repeats; hidden repeats would only hide trouble
    return Connection(ApiClient(configuration), namespace or "default")


async def _by_kubeconfig(configuration: Configuration) -> str:
    try:
        loader = await config.load_kube_config(client_configuration=configuration)
        return str(loader.current_context["context"].get("namespace") or "")
    except Exception as error:  # a file of the user's: the loader raises what it stumbles over
        words = f"there is no cluster to ask: no service account, and no usable kubeconfig: {error}"
        raise UnavailableError(words) from error


def _own_namespace() -> str:
    try:
        return _POD_NAMESPACE.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
