"""The init container: brings every byte as published, or says why not and leaves nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from artifacts import EXPORT, Kind, Published, onnx_file, publish
from models import linear

from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.results import MAX_RESULT_BYTES
from modelservice_runtime.contract.store_layout import MANIFEST
from modelservice_runtime.serve.samples import SamplesUnreadable, read_samples

MODEL = "variants/export/model.onnx"
CLASS = "x86-64 vnni"
INT8 = Kind(name="int8", write=onnx_file, precision="int8", cpu_class=CLASS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """How it ended, and what it said."""

    code: int
    message: str
    target: Path


@pytest.fixture
def fetch(tmp_path: Path) -> Callable[..., Fetched]:
    """Runs the init container's command."""

    def run(uri: str, digest: str, *options: str) -> Fetched:
        message, target = tmp_path / "message", tmp_path / "artifact"
        message.unlink(missing_ok=True)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "modelservice_runtime.serve.fetch"),
                *("--uri", uri, "--digest", digest, "--target", str(target)),
                *("--message-file", str(message), *options),
            ],
            capture_output=True,
            check=False,
        )
        words = message.read_text() if message.exists() else ""
        assert len(words.encode()) <= MAX_RESULT_BYTES
        return Fetched(code=done.returncode, message=words, target=target)

    return run


def damage(published: Published) -> None:
    data = bytearray(published.model_file.read_bytes())
    data[len(data) // 2] ^= 1
    published.model_file.write_bytes(bytes(data))


def truncate(published: Published) -> None:
    published.model_file.write_bytes(published.model_file.read_bytes()[:-10])


def remove(published: Published) -> None:
    published.model_file.unlink()


def empty_manifest(published: Published) -> None:
    (published.folder / MANIFEST).write_text("")


def cut_manifest(published: Published) -> None:
    path = published.folder / MANIFEST
    path.write_bytes(path.read_bytes()[:-100])


def remove_manifest(published: Published) -> None:
    (published.folder / MANIFEST).unlink()


def other_list(published: Published) -> None:
    path = published.folder / MANIFEST
    path.write_text(path.read_text().replace('"sizeBytes":2', '"sizeBytes":3', 1))


def way_out(published: Published) -> None:
    path = published.folder / MANIFEST
    path.write_text(path.read_text().replace('"path":"variants/', '"path":"../variants/'))


DAMAGES = {
    "one bit": (damage, "damaged in the store"),
    "a file cut short": (truncate, "the manifest says"),
    "a missing file": (remove, "missing from"),
    "an empty manifest": (empty_manifest, "damaged: Manifest: not JSON"),
    "a manifest cut short": (cut_manifest, "damaged: Manifest: not JSON"),
    "no manifest": (remove_manifest, "nothing lies there"),
    "a changed file list": (other_list, "the manifest's file list has digest"),
    "a path out of the folder": (way_out, "unsafe path"),
}


def test_every_byte_arrives_and_a_second_run_keeps_what_is_right(
    published: Published, fetch: Callable[..., Fetched]
) -> None:
    first = fetch(published.uri, published.digest)
    assert (first.code, first.message) == (exit_codes.OK, "")
    model = first.target / MODEL
    assert model.read_bytes() == linear().onnx
    assert read_samples(first.target, rows=1).rows == 1
    kept = model.stat().st_ino
    (first.target / "samples.safetensors").write_bytes(b"half of it")
    assert fetch(published.uri, published.digest).code == exit_codes.OK
    assert model.stat().st_ino == kept
    assert read_samples(first.target).rows == 5


@pytest.mark.parametrize(("spoil", "words"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_artifact_is_refused_and_leaves_nothing_to_serve(
    published: Published,
    fetch: Callable[..., Fetched],
    spoil: Callable[[Published], None],
    words: str,
) -> None:
    """The manifest is written last, and the probe and the tuner need it."""
    spoil(published)
    done = fetch(published.uri, published.digest)
    assert done.code == exit_codes.USER_ERROR
    assert words in done.message
    assert not (done.target / MANIFEST).exists()
    assert not (done.target.parent / "variants").exists()


def test_another_artifact_than_was_asked_for_is_refused(
    published: Published, fetch: Callable[..., Fetched]
) -> None:
    done = fetch(published.uri, "sha256:" + "0" * 64)
    assert done.code == exit_codes.USER_ERROR
    assert f"the store holds {published.digest}" in done.message
    assert not done.target.exists()


@pytest.mark.parametrize("digest", ["", "abc", "md5:0"])
def test_a_pod_never_takes_just_any_artifact(
    published: Published, fetch: Callable[..., Fetched], digest: str
) -> None:
    done = fetch(published.uri, digest)
    assert done.code == exit_codes.USER_ERROR
    assert "--digest: expected sha256:<hex>" in done.message


def test_a_volume_that_is_not_mounted_is_worth_another_try(
    fetch: Callable[..., Fetched],
) -> None:
    done = fetch("pvc://models/team/tiny/0/1", "sha256:0")
    assert done.code == exit_codes.INFRASTRUCTURE
    assert "the volume of claim 'models' is not mounted" in done.message


def test_a_target_that_cannot_be_written_is_worth_another_try(
    published: Published, fetch: Callable[..., Fetched], tmp_path: Path
) -> None:
    (tmp_path / "artifact").write_text("a file where the folder should be")
    done = fetch(published.uri, published.digest)
    assert done.code == exit_codes.INFRASTRUCTURE
    assert "cannot be written" in done.message


@pytest.mark.parametrize("content", [b"", b"not safetensors", b"\xff" * 64])
def test_unreadable_samples_are_an_error_in_words(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "samples.safetensors").write_bytes(content)
    with pytest.raises(SamplesUnreadable, match="cannot be read"):
        read_samples(tmp_path)


def cpu_file(folder: Path, flags: str) -> str:
    """A /proc/cpuinfo of two cores with these flags."""
    path = folder / "cpuinfo"
    path.write_text(f"processor : 0\nflags\t\t: {flags}\n\nprocessor : 1\nflags\t\t: {flags}\n")
    return str(path)


def test_a_variant_judged_on_another_cpu_is_refused_before_it_is_fetched(
    fetch: Callable[..., Fetched], tmp_path: Path
) -> None:
    artifact = publish(linear(), tmp_path, (EXPORT, INT8))
    flags = cpu_file(tmp_path, "sse4_2 avx2 fma")
    done = fetch(artifact.uri, artifact.digest, "--variant", "int8", "--cpu-file", flags)
    assert done.code == exit_codes.USER_ERROR
    assert done.message == (
        "variant 'int8' was judged on CPU class 'x86-64 vnni', and this node's is 'x86-64 avx2':"
        " its answers may be others here; give the runtime a node selector for nodes of the first"
        " class, or have the artifact built again on a node of the second"
    )
    assert not done.target.exists()


@pytest.mark.parametrize(
    ("variant", "flags"),
    [
        ("int8", "avx2 avx_vnni"),  # the same class
        ("export", "avx2"),  # computes what the source model does, anywhere
    ],
)
def test_a_variant_that_fits_this_cpu_is_fetched(
    fetch: Callable[..., Fetched], tmp_path: Path, variant: str, flags: str
) -> None:
    artifact = publish(linear(), tmp_path, (EXPORT, INT8))
    words = ["--variant", variant, "--cpu-file", cpu_file(tmp_path, flags)]
    done = fetch(artifact.uri, artifact.digest, *words)
    assert (done.code, done.message) == (exit_codes.OK, "")
    assert (done.target / "variants" / variant / "model.onnx").is_file()


def test_without_a_variant_the_first_one_is_meant(
    fetch: Callable[..., Fetched], tmp_path: Path
) -> None:
    artifact = publish(linear(), tmp_path, (INT8, EXPORT))
    done = fetch(artifact.uri, artifact.digest, "--cpu-file", cpu_file(tmp_path, "avx2"))
    assert done.code == exit_codes.USER_ERROR
    assert "variant 'int8' was judged" in done.message


def test_a_variant_that_the_artifact_does_not_have_is_named(
    published: Published, fetch: Callable[..., Fetched]
) -> None:
    done = fetch(published.uri, published.digest, "--variant", "int4")
    assert done.code == exit_codes.USER_ERROR
    assert done.message == "--variant: the artifact has no 'int4'; it has export"
