"""An address → an open store.

Reads the environment for S3 (the only place outside a ``__main__`` that does, because the
credentials come from a Secret as variables): AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_SESSION_TOKEN, AWS_ENDPOINT_URL, AWS_REGION.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fsspec

from modelservice_runtime.contract.store_layout import PVC_ROOT, claim_of, fsspec_url

from .errors import StoreUnavailable
from .explaining import explained

#: An unreachable store must be told within seconds, not botocore's minutes.
CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 60
SCHEMES = ("pvc", "file", "s3", "https", "http")


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A folder (or one file) in a store.

    ``uri``: as the user wrote it, for messages. ``root``: the address in ``filesystem``'s own
    form, no trailing slash.
    """

    uri: str
    scheme: str
    filesystem: Any
    root: str

    @property
    def local(self) -> Path | None:
        """The folder itself where the store is a mounted volume, else None."""
        return Path(self.root) if self.scheme == "file" else None

    def at(self, name: str) -> str:
        """The address of ``name`` (a relative POSIX path) in ``filesystem``'s form."""
        return f"{self.root}/{name}" if name else self.root


def s3_options(environment: Mapping[str, str]) -> dict[str, Any]:
    """What s3fs is to be given, from the ordinary AWS variables (unset ones left out)."""
    options: dict[str, Any] = {
        "key": environment.get("AWS_ACCESS_KEY_ID"),
        "secret": environment.get("AWS_SECRET_ACCESS_KEY"),
        "token": environment.get("AWS_SESSION_TOKEN"),
        "endpoint_url": environment.get("AWS_ENDPOINT_URL"),
    }
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
    config = {
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "read_timeout": READ_TIMEOUT_SECONDS,
        "retries": {"max_attempts": 2},
    }
    kept = {name: value for name, value in options.items() if value}
    return {**kept, "client_kwargs": {"region_name": region}, "config_kwargs": config}


def open_store(
    uri: str, environment: Mapping[str, str] | None = None, *, public: bool = False
) -> Store:
    """The store at ``uri`` (``pvc``, ``file``, ``s3``, ``https``, ``http``); opens no connection.

    ``public``: it is only read, so S3 is asked without a signature where there are no
    credentials at all: public buckets answer that.

    Raises:
        StoreUnavailable: an unknown scheme, or the claim's volume is not mounted.
    """
    url = fsspec_url(uri)
    scheme = urlsplit(url).scheme
    if scheme not in SCHEMES:
        raise StoreUnavailable(f"{uri}: unknown kind of address; known are {', '.join(SCHEMES)}")
    claim = claim_of(uri)
    if claim is not None and not Path(PVC_ROOT, claim).is_dir():
        raise StoreUnavailable(f"{uri}: the volume of claim {claim!r} is not mounted in the pod")
    variables = os.environ if environment is None else environment
    with explained(uri):
        filesystem = _filesystem(scheme, variables, public=public)
        root = str(filesystem._strip_protocol(url)).rstrip("/")  # noqa: SLF001 - fsspec's own idiom
    return Store(uri=uri.rstrip("/"), scheme=scheme, filesystem=filesystem, root=root)


def _filesystem(scheme: str, environment: Mapping[str, str], *, public: bool) -> Any:  # noqa: ANN401 - fsspec has no types
    # Instances and listings are cached by fsspec; a long-lived listing would hide new files.
    common: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
    if scheme == "s3":
        options = s3_options(environment)
        unsigned = public and not options.keys() & {"key", "secret"} and not _finds_credentials()
        return fsspec.filesystem("s3", **common, **options, anon=unsigned)
    if scheme in {"http", "https"}:
        # As pip and S3 do: HTTPS_PROXY and its like are obeyed.
        common["client_kwargs"] = {"trust_env": True}
    return fsspec.filesystem(scheme, **common)


def _finds_credentials() -> bool:
    """Whether AWS' own chain has any: the account of the pod or of the node, or a file."""
    import botocore.session  # noqa: PLC0415 - a pod that never talks to S3 need not have it

    try:
        return botocore.session.get_session().get_credentials() is not None
    except Exception:  # noqa: BLE001 - half-given credentials: the request itself will tell
        return True
