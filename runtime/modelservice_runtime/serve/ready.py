"""The startup probe: exit code 0 only if Triton gives the right answers to the samples.

    python -m modelservice_runtime.serve.ready --artifact DIR --model NAME

A model that is loaded is not yet one that answers correctly: weights of the wrong file, a
wrong configuration or a broken runner would serve nonsense. Triton says which variant it
serves, and the answers must be those which that variant gave when it was built. The first
sample is asked alone, then with some others: an engine may do well with one row and badly with
more (seen: OpenVINO 2026.4 with a statically quantized transformer). Kubernetes asks every few
seconds, so what is heavy is imported only once Triton says that it is ready.
"""

from __future__ import annotations

import argparse
import http.client
import sys
from collections.abc import Sequence
from pathlib import Path

READY, NOT_READY = 0, 1
_OK = 200


class NotReady(Exception):  # noqa: N818 - named for the state
    """Triton is not ready, or its answer is wrong; the message says what."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask once; the exit code."""
    options = _parser().parse_args(arguments)
    address = f"127.0.0.1:{options.http_port}"
    try:
        check(address, options.model, options.artifact, options.timeout)
    except NotReady as error:
        sys.stderr.write(f"not ready: {error}\n")
        return NOT_READY
    return READY


def check(address: str, model: str, artifact: Path, timeout: float) -> None:
    """Ask the Triton at ``address`` (host:port, HTTP) for the first samples.

    ``timeout``: seconds for each of the few requests.

    Raises:
        NotReady: it is not up, or an answer is not the expected one.
    """
    connection = http.client.HTTPConnection(address, timeout=timeout)
    try:
        _ask_ready(connection, model)
        _ask_samples(connection, model, artifact)
    except (OSError, http.client.HTTPException) as error:
        raise NotReady(f"Triton at {address}: {error!r}") from error
    finally:
        connection.close()


def _ask_ready(connection: http.client.HTTPConnection, model: str) -> None:
    connection.request("GET", f"/v2/models/{model}/ready")
    response = connection.getresponse()
    response.read()
    if response.status != _OK:
        raise NotReady(f"model {model} is not loaded yet (HTTP {response.status})")


def _ask_samples(connection: http.client.HTTPConnection, model: str, artifact: Path) -> None:
    # numpy: 0.1 s that a probe of a Triton that still loads does not need.
    from .right_answers import WrongAnswerError, check_answers  # noqa: PLC0415

    try:
        check_answers(connection, model, artifact)
    except WrongAnswerError as error:
        raise NotReady(str(error)) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m modelservice_runtime.serve.ready", description=__doc__
    )
    parser.add_argument("--artifact", required=True, type=Path, help="the fetched artifact")
    parser.add_argument("--model", required=True, help="name of the model")
    parser.add_argument("--http-port", type=int, default=8000, help="default: %(default)s")
    parser.add_argument("--timeout", type=float, default=15.0, help="seconds; default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
