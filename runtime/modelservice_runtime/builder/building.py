"""One build from request to result: the order of the steps."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime

from modelservice_runtime.contract.manifest import Manifest
from modelservice_runtime.contract.requests import BuildRequest
from modelservice_runtime.contract.results import BuildResult
from modelservice_runtime.store.committing import check_writable
from modelservice_runtime.store.errors import StoreError
from modelservice_runtime.store.opening import Store, open_store

from . import publishing, results, search
from .assembling import assemble
from .errors import STORE_CONFLICT, Infrastructure, from_store
from .producing import Share
from .scratch import scratch_errors
from .setting_out import set_out
from .stages import Build


def run(build: Build, share: Share) -> BuildResult:
    """Build and publish, unless an earlier run of this attempt did; the result of a success.

    Raises:
        BuildError: the reason why there is no artifact, in words.
    """
    try:
        store = open_store(build.request.artifact_uri)
        before = publishing.find_published(store, build.request)
        if before is not None:
            build.say("done", "an earlier run of this attempt published the artifact")
            return results.published(build.request, before, again=True)
        check_writable(store)
        with scratch_errors(build.scratch):
            return _build(build, store, share)
    except StoreError as error:
        raise from_store(error) from error


def help_out(build: Build, share: Share) -> None:
    """Produce this pod's share of the candidates into the store; judge and publish nothing.

    Raises:
        BuildError: whatever is wrong; the first pod meets it too, and says it.
    """
    try:
        store = open_store(build.request.artifact_uri)
        if publishing.find_published(store, build.request) is not None:
            return
        with scratch_errors(build.scratch), ExitStack() as processes:
            search.produce_only(build, set_out(build, processes), share)
    except StoreError as error:
        raise from_store(error) from error


def _build(build: Build, store: Store, share: Share) -> BuildResult:
    with ExitStack() as processes:
        finding = search.find(build, set_out(build, processes), share)
        with build.stage("publish", f"writing to {build.request.artifact_uri}", needed=False):
            manifest = assemble(build, finding, datetime.now(UTC))
            committed = publishing.publish(store, manifest, build.scratch.artifact)
    if not committed:
        manifest = _of_winner(store, build.request)
    result = results.published(build.request, manifest, again=not committed)
    build.say("done", result.message)
    return result


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
