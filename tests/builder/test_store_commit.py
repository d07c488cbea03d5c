"""The commit: exactly one of many writers wins, on a volume and on S3, and is never disturbed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modelservice_runtime.builder import publishing
from modelservice_runtime.builder.errors import Infrastructure
from modelservice_runtime.contract.manifest import Manifest, files_digest
from modelservice_runtime.contract.tensors import ModelInterface
from modelservice_runtime.store.committing import create_if_absent
from modelservice_runtime.store.errors import ArtifactDamaged
from modelservice_runtime.store.fetching import fetch_artifact, read_manifest
from modelservice_runtime.store.opening import Store, open_store

if TYPE_CHECKING:
    from conftest import Bench, S3Server

WRITERS = 8


@pytest.fixture(params=["volume", "s3"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An artifact's address on a volume and on S3; the environment is the pod's."""
    if request.param == "volume":
        yield f"file://{tmp_path}/store/artifact"
        return
    server: S3Server = request.getfixturevalue("s3")
    bucket = request.getfixturevalue("bucket")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield f"s3://{bucket}/services/artifact"


def artifact(folder: Path, bench: Bench, writer: str) -> Manifest:
    """A small artifact in ``folder`` that says who wrote it."""
    folder.mkdir()
    (folder / "model.onnx").write_text(f"model of {writer}")
    (folder / "warmup").mkdir()
    (folder / "warmup/x").write_text("row")
    request, files = bench.request(), publishing.list_files(folder)
    return Manifest(
        namespace=request.namespace,
        name=request.name,
        build_key=request.build_key,
        attempt=request.attempt,
        created_at="2026-01-01T00:00:00+00:00",
        files=files,
        digest=files_digest(files),
        interface=ModelInterface(inputs=(), outputs=()),
        source=request.source,
        source_digest="sha256:0",
        variants=(),
        sample_inputs=(),
        sample_rows=1,
        max_batch_size=1,
        recipe_version=1,
        hardware="",
        folder=f"files-{writer}",
    )


def names(store: Store) -> list[str]:
    found = store.filesystem.find(store.root)
    return sorted(str(path).removeprefix(store.root).lstrip("/") for path in found)


def test_of_many_writers_at_once_exactly_one_creates_the_file(address: str) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        won = list(
            pool.map(
                lambda i: create_if_absent(open_store(address), "m", b"%d" % i, writer=f"w{i}"),
                range(WRITERS),
            )
        )
    store = open_store(address)
    assert won.count(True) == 1
    assert store.filesystem.cat_file(store.at("m")) == b"%d" % won.index(True)
    assert names(store) == ["m"], "no temporary file is left"


def test_the_second_writer_loses_and_leaves_the_first_ones_files_alone(
    address: str, bench: Bench, tmp_path: Path
) -> None:
    store = open_store(address)
    first = artifact(tmp_path / "a", bench, "first")
    second = artifact(tmp_path / "b", bench, "second")
    assert publishing.publish(store, first, tmp_path / "a")
    assert not publishing.publish(store, second, tmp_path / "b")
    assert publishing.find_published(store, bench.request()) == first
    assert fetch_artifact(address, first.digest, tmp_path / "fetched") == first
    assert (tmp_path / "fetched/model.onnx").read_text() == "model of first"
    assert not [name for name in names(store) if "second" in name]


def test_without_a_manifest_nothing_is_published(
    address: str, bench: Bench, tmp_path: Path
) -> None:
    """What a killed builder leaves behind is no artifact, and does not disturb the next."""
    store = open_store(address)
    manifest = artifact(tmp_path / "a", bench, "killed")
    for entry in manifest.files:
        publishing.upload(store, tmp_path / "a" / entry.path, f"files-killed/{entry.path}")
    assert publishing.find_published(store, bench.request()) is None
    assert publishing.publish(store, manifest, tmp_path / "a")


def test_another_builds_artifact_at_the_address_is_a_conflict(
    address: str, bench: Bench, tmp_path: Path
) -> None:
    store = open_store(address)
    manifest = dataclasses.replace(artifact(tmp_path / "a", bench, "a"), build_key="another")
    publishing.publish(store, manifest, tmp_path / "a")
    with pytest.raises(Infrastructure, match="holds build another") as caught:
        publishing.find_published(store, bench.request())
    assert caught.value.reason == "StoreConflict"


DAMAGE = {
    "a flipped byte": (b"MODEL of first", "model.onnx: sha256"),
    "a cut file": (b"model", "model.onnx: 5 bytes, the manifest says 14"),
    "no file": (None, "model.onnx: missing"),
}


@pytest.mark.parametrize(("content", "words"), DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_artifact_is_never_fetched_and_names_the_file(
    address: str, bench: Bench, tmp_path: Path, content: bytes | None, words: str
) -> None:
    store = open_store(address)
    manifest = artifact(tmp_path / "a", bench, "first")
    publishing.publish(store, manifest, tmp_path / "a")
    path = store.at("files-first/model.onnx")
    if content is None:
        store.filesystem.rm_file(path)
    else:
        store.filesystem.pipe_file(path, content)
    with pytest.raises(ArtifactDamaged, match=words):
        fetch_artifact(address, manifest.digest, tmp_path / "fetched")


def test_another_artifact_than_the_wanted_one_is_refused(
    address: str, bench: Bench, tmp_path: Path
) -> None:
    publishing.publish(open_store(address), artifact(tmp_path / "a", bench, "a"), tmp_path / "a")
    with pytest.raises(ArtifactDamaged, match="wanted sha256:1"):
        fetch_artifact(address, "sha256:1", tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()


def test_fetching_again_brings_only_what_is_missing_or_wrong(
    address: str, bench: Bench, tmp_path: Path
) -> None:
    """A restarted init container finds its volume as it left it."""
    manifest = artifact(tmp_path / "a", bench, "a")
    publishing.publish(open_store(address), manifest, tmp_path / "a")
    target = tmp_path / "fetched"
    fetch_artifact(address, manifest.digest, target)
    untouched = (target / "warmup/x").stat().st_mtime_ns
    (target / "model.onnx").write_text("half a mod")
    fetch_artifact(address, manifest.digest, target)
    assert (target / "model.onnx").read_text() == "model of a"
    assert (target / "warmup/x").stat().st_mtime_ns == untouched


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", ""])
def test_a_manifest_cannot_write_outside_of_the_target(
    address: str, bench: Bench, tmp_path: Path, path: str
) -> None:
    manifest = artifact(tmp_path / "a", bench, "a")
    files = (dataclasses.replace(manifest.files[0], path=path),)
    evil = dataclasses.replace(manifest, files=files, digest=files_digest(files))
    store = open_store(address)
    create_if_absent(store, "manifest.json", publishing.dumps(evil).encode(), writer="w")
    with pytest.raises(ArtifactDamaged, match="unsafe path"):
        read_manifest(store)
