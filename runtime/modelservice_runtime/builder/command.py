"""A build without a cluster: from a ModelService file to an artifact and a report on this machine.

    python -m modelservice_runtime.builder SERVICE.yaml --out build/ [--claims DIR] [--open]

Everything is kept under ``--out``: ``store/`` with the artifact and the candidates (a second run
makes nothing twice), ``report.html``, ``report.json``, ``tensorboard/``, ``build.log``. Addresses
``pvc://CLAIM/PATH`` are read from ``<claims>/CLAIM/PATH``.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from modelservice_runtime.contract.build_spec import build_request
from modelservice_runtime.contract.codec import digest_of
from modelservice_runtime.contract.fields import SpecError
from modelservice_runtime.contract.requests import ENGINES, TENSORRT, BuildRequest
from modelservice_runtime.contract.results import SUCCEEDED, BuildResult
from modelservice_runtime.contract.store_layout import (
    REPORT_HTML,
    REPORT_JSON,
    TENSORBOARD_FOLDER,
    attempt_uri,
    claim_of,
)
from modelservice_runtime.store.errors import StoreError
from modelservice_runtime.store.fetching import read_manifest
from modelservice_runtime.store.opening import open_store

from .errors import REQUEST_INVALID, BuildError

KIND = "ModelService"
LOG = "build.log"
_NAMESPACE = "local"
_ATTEMPT = 1
_KEY_DIGITS = 40


def read_service(path: Path) -> Mapping[str, Any]:
    """The one ModelService in a YAML file (other documents in it are left alone).

    Raises:
        BuildError: the file cannot be read, or holds none or several.
    """
    try:
        documents = list(yaml.safe_load_all(path.read_text()))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise BuildError(REQUEST_INVALID, f"{path}: cannot be read: {error}") from error
    found = [d for d in documents if isinstance(d, Mapping) and d.get("kind") == KIND]
    if len(found) != 1:
        raise BuildError(REQUEST_INVALID, f"{path}: {len(found)} documents of kind {KIND}, not one")
    return found[0]


def read_request(path: Path, out: Path, claims: Path) -> BuildRequest:
    """What to build, with addresses of this machine.

    Raises:
        BuildError: the file is no usable ModelService; names the field.
    """
    document = read_service(path)
    store = f"file://{(out / 'store').resolve()}"
    name = str((document.get("metadata") or {}).get("name") or path.stem)
    try:
        request = build_request(
            document.get("spec") or {},
            namespace=_NAMESPACE,
            name=name,
            build_key="",
            attempt=_ATTEMPT,
            store_uri=store,
            artifact_uri="",
            engines=tuple(engine for engine in ENGINES if engine != TENSORRT),
        )
    except SpecError as error:
        raise BuildError(REQUEST_INVALID, f"{path}: {error}") from error
    source = dataclasses.replace(request.source, uri=on_this_machine(request.source.uri, claims))
    data = on_this_machine(request.evaluation.data_uri, claims)
    evaluation = dataclasses.replace(request.evaluation, data_uri=data)
    request = dataclasses.replace(request, source=source, evaluation=evaluation)
    key = digest_of(request)[:_KEY_DIGITS]
    address = attempt_uri(store, _NAMESPACE, name, key, _ATTEMPT)
    return dataclasses.replace(request, build_key=key, artifact_uri=address)


def on_this_machine(uri: str, claims: Path) -> str:
    """``pvc://CLAIM/PATH`` as a file address under ``claims``; anything else unchanged."""
    claim = claim_of(uri) if uri else None
    if claim is None:
        return uri
    return f"file://{(claims / claim).resolve()}{urlsplit(uri).path}"


def show(result: BuildResult, requests: Sequence[BuildRequest], out: Path, *, browse: bool) -> None:
    """Print the end and the candidates; bring the report to ``out``."""
    if result.outcome != SUCCEEDED:
        print(f"{result.reason}: {result.message}")  # noqa: T201 - the answer
        return
    report = _bring_report(requests[0], out)
    print(table(json.loads((out / REPORT_JSON).read_text())))  # noqa: T201 - what is asked for
    print(f"\n{result.message}\nreport: {report}")  # noqa: T201 - what is asked for
    if browse:
        webbrowser.open(report.as_uri())


def _bring_report(request: BuildRequest, out: Path) -> Path:
    """Copy the report out of the store; its page."""
    try:
        store = open_store(request.artifact_uri)
        manifest = read_manifest(store)
    except StoreError as error:
        raise BuildError(REQUEST_INVALID, f"the report cannot be read: {error}") from error
    folder = Path(store.at(manifest.folder))
    for name in (REPORT_HTML, REPORT_JSON):
        shutil.copyfile(folder / name, out / name)
    shutil.copytree(folder / TENSORBOARD_FOLDER, out / TENSORBOARD_FOLDER, dirs_exist_ok=True)
    return (out / REPORT_HTML).resolve()


def table(report: Mapping[str, Any]) -> str:
    """The candidates of a ``report.json`` as lines of text."""
    head = ("candidate", "outcome", "times as fast", "MB", "reason")
    rows = [_row(candidate) for candidate in report["candidates"]]
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head) - 1)]
    lines = []
    for row in (head, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
    return "\n".join(lines)


def _row(candidate: Mapping[str, Any]) -> tuple[str, ...]:
    labels = [step["label"] for step in candidate["recipe"]["steps"]]
    ratios = [
        f"{pair['sourceMs'] / max(pair['artifactMs'], 1e-9):.2f} (b{pair['batch']})"
        for pair in candidate["latency"]
    ]
    size = f"{candidate['sizeBytes'] / 1e6:.1f}"
    return (
        "+".join(labels) or "export",
        candidate["outcome"],
        " ".join(ratios),
        size,
        candidate["reason"],
    )
