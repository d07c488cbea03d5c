"""One build from request to result: the order of the steps."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

from modelservice_runtime.contract.manifest import Manifest
from modelservice_runtime.contract.requests import BuildRequest
from modelservice_runtime.contract.results import BuildResult
from modelservice_runtime.store.committing import check_writable
from modelservice_runtime.store.errors import StoreError
from modelservice_runtime.store.opening import Store, open_store

from . import publishing, requirements, results
from .assembling import assemble
from .candidates import make_candidate
from .errors import STORE_CONFLICT, Infrastructure, from_store
from .progress import say
from .scratch import scratch_errors
from .source import fetch_source
from .stages import Build


def run(build: Build) -> BuildResult:
    """Build and publish, unless an earlier run of this attempt did; the result of a success.

    Raises:
        BuildError: the reason why there is no artifact, in words.
    """
    try:
        store = open_store(build.request.artifact_uri)
        before = publishing.find_published(store, build.request)
        if before is not None:
            say("done", "an earlier run of this attempt published the artifact")
            return results.published(build.request, before, again=True)
        check_writable(store)
        with scratch_errors(build.scratch):
            return _build(build, store)
    except StoreError as error:
        raise from_store(error) from error


def _build(build: Build, store: Store) -> BuildResult:
    build.scratch.create()
    with build.stage("source", f"fetching {build.request.source.uri}"):
        digest = fetch_source(build.request.source, build.scratch.source)
    with build.stage("requirements", f"source {digest}; installing its requirements, if any"):
        module_path = _install(build)
    candidate = make_candidate(build, module_path)
    with build.stage("publish", f"writing to {build.request.artifact_uri}"):
        manifest = assemble(build, candidate, digest, datetime.now(UTC))
        committed = publishing.publish(store, manifest, build.scratch.artifact)
    if not committed:
        manifest = _of_winner(store, build.request)
    result = results.published(build.request, manifest, again=not committed)
    say("done", result.message)
    return result


def _install(build: Build) -> list[Path]:
    timeout = build.deadline.remaining(build.clock())
    try:
        return requirements.install(build.scratch, build.environment, timeout)
    except subprocess.TimeoutExpired as error:
        raise build.deadline.exceeded("installing requirements") from error


def _of_winner(store: Store, request: BuildRequest) -> Manifest:
    """Another writer committed first: its artifact is the one that counts."""
    manifest = publishing.find_published(store, request)
    if manifest is None:
        raise Infrastructure(
            STORE_CONFLICT,
            f"{store.uri}: another writer committed a manifest that is gone again; the store does"
            " not keep what it confirms",
        )
    return manifest
