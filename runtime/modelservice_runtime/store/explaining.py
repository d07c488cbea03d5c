"""Exceptions of fsspec, botocore, aiohttp and the kernel → errors of a store, in words.

Room: pure translation. Libraries are recognised by class name, so that a pod that never
talks to S3 need not import botocore.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import NotInStore, StoreError, StoreFull, StoreReadOnly, StoreUnavailable

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EROFS, errno.EACCES, errno.EPERM}
_FULL_CODES = {"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "EntityTooLarge"}
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError"}
_NO_CONNECTION = {
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "HTTPClientError",
    "ClientConnectionError",
    "ServerTimeoutError",
}
_REFUSALS = {
    "ClientResponseError",
    "ClientError",
    "BotoCoreError",
    "TimeoutError",
    "FSTimeoutError",
}
_CREDENTIALS_HINT = (
    "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the Secret that the ModelService's"
    " spec.store.secretName (or the chart's store.secretName) names"
)
_ENDPOINT_HINT = "check AWS_ENDPOINT_URL and that the pod's network may reach it"
_WEB_HINT = "check the address and that the pod's network may reach it (HTTPS_PROXY is obeyed)"
_UNAUTHORIZED = {401, 403, 407}
#: Of a web server: worth another try, unlike everything else below 500.
_LATER = {408, 425, 429}
_GONE = {404, 410}


@contextmanager
def explained(uri: str, *, writing: bool = False) -> Iterator[None]:
    """Turn whatever the body raises about the store at ``uri`` into a ``StoreError``.

    Exceptions that are no store's (a bug, an interrupt) pass unchanged.
    """
    try:
        yield
    except StoreError:
        raise
    except Exception as error:
        explanation = explain(error, uri, writing=writing)
        if explanation is None:
            raise
        raise explanation from error


def explain(error: BaseException, uri: str, *, writing: bool) -> StoreError | None:
    """The store's error that ``error`` is, or None if it is not about a store."""
    code, status = _response_of(error)
    if code or status:
        found = _from_response(code, status, uri, writing=writing)
        if found is not None:
            return found
    found = _from_web(error, uri)
    if found is not None:
        return found
    names = {cls.__name__ for cause in _causes(error) for cls in type(cause).__mro__}
    unreachable = _unreachable(names, error, uri)
    if unreachable is not None:
        return unreachable
    if isinstance(error, FileNotFoundError):
        return NotInStore(f"{uri}: nothing lies there; check the address")
    if names & _REFUSALS:
        return StoreUnavailable(f"{uri}: the store answered with an error: {error}")
    return _from_os(error, uri, writing=writing) if isinstance(error, OSError) else None


def is_precondition_failure(error: BaseException) -> bool:
    """Whether a conditional put lost: S3 answers 412, or 409 while another put runs."""
    code, status = _response_of(error)
    lost = code in {"PreconditionFailed", "ConditionalRequestConflict"} or status == 412  # noqa: PLR2004 - HTTP
    return isinstance(error, FileExistsError) or lost


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _response_of(error: BaseException) -> tuple[str, int]:
    """S3's error code and HTTP status, from the botocore error underneath, if any."""
    for cause in _causes(error):
        response = getattr(cause, "response", None)
        if isinstance(response, dict):
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return str(response.get("Error", {}).get("Code", "")), int(status)
    return "", 0


def _from_response(code: str, status: int, uri: str, *, writing: bool) -> StoreError | None:
    if code == "NoSuchBucket":
        return StoreUnavailable(f"{uri}: there is no such bucket; create it or correct the address")
    if code in {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}:
        return StoreUnavailable(
            f"{uri}: the credentials were refused ({code}); {_CREDENTIALS_HINT}"
        )
    if code in _FULL_CODES or status == 507:  # noqa: PLR2004 - HTTP: insufficient storage
        return StoreFull(
            f"{uri}: the store is full ({code or status}); make room or raise its quota"
        )
    if code in {"AccessDenied", "403", "Forbidden"} or status == 403:  # noqa: PLR2004 - HTTP
        return _denied(uri, f"S3 says {code}", writing=writing)
    if code in {"NoSuchKey", "404"}:
        return NotInStore(f"{uri}: nothing lies there; check the address")
    return None


def _from_web(error: BaseException, uri: str) -> StoreError | None:
    """What a web server's status means (fsspec calls every refusal a missing file)."""
    statuses = (getattr(cause, "status", 0) for cause in _causes(error))
    status = next((status for status in statuses if isinstance(status, int) and status), 0)
    if status in _UNAUTHORIZED:
        return NotInStore(
            f"{uri}: the web server refuses to give it (HTTP {status}); the address must be"
            " readable without logging in: the builder sends it no credentials"
        )
    if status in _LATER or status >= 500:  # noqa: PLR2004 - HTTP: the server's own fault
        return StoreUnavailable(f"{uri}: the web server cannot give it now (HTTP {status})")
    if status >= 400 and status not in _GONE:  # noqa: PLR2004 - HTTP: the request's fault
        return NotInStore(f"{uri}: the web server refuses the address (HTTP {status}); check it")
    return None


def _unreachable(names: set[str], error: BaseException, uri: str) -> StoreError | None:
    """No credentials or no connection (fsspec's HTTP calls the latter a missing file)."""
    if names & _NO_CREDENTIALS:
        return StoreUnavailable(f"{uri}: no credentials for S3 in the pod; {_CREDENTIALS_HINT}")
    if names & _NO_CONNECTION:
        detail = next((str(cause) for cause in _causes(error.__cause__)), str(error))
        hint = _WEB_HINT if uri.startswith(("http:", "https:")) else _ENDPOINT_HINT
        return StoreUnavailable(f"{uri}: the store cannot be reached ({detail}); {hint}")
    return None


def _from_os(error: OSError, uri: str, *, writing: bool) -> StoreError:
    if error.errno in _FULL:
        return StoreFull(
            f"{uri}: the store is full ({error.strerror}); make room, or enlarge the volume"
        )
    if error.errno in _DENIED or isinstance(error, PermissionError):
        return _denied(uri, error.strerror or str(error), writing=writing)
    return StoreUnavailable(f"{uri}: the store cannot be used: {error}")


def _denied(uri: str, detail: str, *, writing: bool) -> StoreError:
    if writing:
        return StoreReadOnly(
            f"{uri}: writing is refused ({detail}); give the builder a writable volume or"
            " credentials that may write"
        )
    return StoreUnavailable(f"{uri}: reading is refused ({detail}); {_CREDENTIALS_HINT}")
