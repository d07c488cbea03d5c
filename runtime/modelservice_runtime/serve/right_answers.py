"""Asks a Triton that is ready for the artifact's samples and compares with what is known.

Both over one HTTP connection of the caller's, whose errors are the caller's too.
"""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modelservice_runtime.contract.codec import ContractError, loads
from modelservice_runtime.contract.manifest import Manifest, Variant
from modelservice_runtime.contract.store_layout import MANIFEST

from . import answers, inference_request
from .samples import SamplesUnreadable, read_answers, read_samples

#: Samples in the second request, if the model takes as many and they do not take longer.
JOINED_ROWS = 4
JOINED_SECONDS = 5.0
_OK = 200
_FEW_BYTES = 300

Arrays = dict[str, np.ndarray]


class WrongAnswerError(Exception):
    """Triton's answer is not the variant's, or cannot be had; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What Triton's own configuration says of the model."""

    variant: str
    max_batch_size: int


def check_answers(connection: http.client.HTTPConnection, model: str, artifact: Path) -> None:
    """The first sample alone, then the first few in one request.

    Raises:
        WrongAnswerError: in words.
        OSError, http.client.HTTPException: the connection failed.
    """
    try:
        served = served_of(_asked(connection, "GET", f"/v2/models/{model}/config")[0])
        variant = _variant(artifact, served.variant)
        few = max(1, min(JOINED_ROWS, served.max_batch_size))
        inputs = read_samples(artifact, few).inputs
        expected = read_answers(artifact, variant, few)
        began = time.monotonic()
        _check_rows(connection, model, variant, _first(inputs, 1), _first(expected, 1))
        there = min(len(array) for array in [*inputs.values(), *expected.values()])
        rows = rows_in_time(there, time.monotonic() - began)
        if rows > 1:
            _check_rows(connection, model, variant, _first(inputs, rows), _first(expected, rows))
    except (SamplesUnreadable, inference_request.AnswerUnreadableError) as error:
        raise WrongAnswerError(str(error)) from error


def rows_in_time(rows: int, seconds_of_one: float) -> int:
    """As many of the ``rows`` as are answered before whoever asks gives up."""
    return min(rows, int(JOINED_SECONDS / max(seconds_of_one, 1e-3)))


def _first(arrays: Arrays, rows: int) -> Arrays:
    return {name: array[:rows] for name, array in arrays.items()}


def served_of(config: bytes) -> Served:
    """Reads Triton's JSON of a model's configuration.

    Raises:
        WrongAnswerError: it names no variant.
    """
    try:
        document = json.loads(config)
        variant = document["parameters"]["variant"]["string_value"]
        return Served(variant=str(variant), max_batch_size=int(document["max_batch_size"]))
    except (ValueError, KeyError, TypeError) as error:
        raise WrongAnswerError(f"the served configuration names no variant: {error!r}") from error


def _variant(artifact: Path, name: str) -> Variant:
    path = artifact / MANIFEST
    try:
        variants = loads(Manifest, path.read_bytes()).variants
    except (OSError, ContractError) as error:
        raise WrongAnswerError(f"{path} cannot be read: {error}") from error
    for variant in variants:
        if variant.name == name:
            return variant
    raise WrongAnswerError(f"variant {name!r} is served, and the artifact has none of that name")


def _check_rows(
    connection: http.client.HTTPConnection,
    model: str,
    variant: Variant,
    inputs: Arrays,
    expected: Arrays,
) -> None:
    body, length = inference_request.encode(inputs, list(expected))
    answer = _asked(connection, "POST", f"/v2/models/{model}/infer", body, length)
    got = inference_request.decode(*answer)
    reason = answers.difference(expected, got, answers.allowed_for(variant))
    if reason:
        rows = len(next(iter(expected.values())))
        asked = "first sample" if rows == 1 else f"first {rows} samples together"
        raise WrongAnswerError(
            f"model {model}, variant {variant.name}, gives a wrong answer to the artifact's"
            f" {asked}: {reason}"
        )


def _asked(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None = None,
    length: int = 0,
) -> tuple[bytes, int]:
    """The body of the answer, and the length of its JSON part."""
    header = inference_request.LENGTH_HEADER
    headers = {header: str(length), "Content-Type": "application/octet-stream"} if body else {}
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    data = response.read()
    if response.status != _OK:
        words = data[:_FEW_BYTES].decode(errors="replace")
        raise WrongAnswerError(f"Triton refuses the artifact's sample at {path}: {words}")
    return data, int(response.headers.get(header, len(data)))
