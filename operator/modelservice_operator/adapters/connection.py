"""A connection to the API server: as a pod's service account, or by the user's kubeconfig."""

from __future__ import annotations

from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config.config_exception import ConfigException


async def connect() -> ApiClient:
    """A client whose token is read again when it is renewed.

    Raises:
        ConfigException: neither a service account nor a kubeconfig is there.
    """
    configuration = Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)
    except ConfigException:
        await config.load_kube_config(client_configuration=configuration)
    configuration.retries = 0  # the queue repeats; hidden repeats would only hide trouble
    return ApiClient(configuration)
