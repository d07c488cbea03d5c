"""Evaluation data from a store: one file, or a folder with exactly one; pinned if wanted."""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from modelservice_runtime.builder.errors import Infrastructure, UserError
from modelservice_runtime.builder.evaluation.fetching import fetch_data
from modelservice_runtime.builder.evaluation.invalid import EVALUATION_DATA_INVALID
from modelservice_runtime.contract.requests import EvaluationRequest

CONTENT = bytes(range(200))
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "given"
    made.mkdir()
    (made / "digits.npz").write_bytes(CONTENT)
    (made / "README.md").write_text("what these are")
    return made


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def refused(request: EvaluationRequest, target: Path) -> str:
    with pytest.raises(UserError) as caught:
        fetch_data(request, target)
    assert caught.value.reason == EVALUATION_DATA_INVALID
    return caught.value.message


@pytest.mark.parametrize("address", ["", "/digits.npz"], ids=["folder", "file"])
@pytest.mark.parametrize("pin", ["", DIGEST], ids=["any", "pinned"])
def test_the_file_is_brought_with_its_digest(
    folder: Path, target: Path, address: str, pin: str
) -> None:
    request = EvaluationRequest(data_uri=f"file://{folder}{address}", data_digest=pin)
    path, digest = fetch_data(request, target)
    assert path == target / "digits.npz"
    assert path.read_bytes() == CONTENT
    assert digest == DIGEST


def test_other_bytes_than_the_pinned_ones_are_refused(folder: Path, target: Path) -> None:
    pin = "sha256:" + "0" * 64
    words = refused(EvaluationRequest(data_uri=f"file://{folder}", data_digest=pin), target)
    assert DIGEST in words
    assert f"spec.evaluation.dataDigest pins {pin}" in words


def test_a_folder_of_two_files_is_ambiguous(folder: Path, target: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "more.parquet").write_bytes(b"")
    words = refused(EvaluationRequest(data_uri=f"file://{folder}"), target)
    assert "it holds digits.npz, sub/more.parquet" in words


def test_a_folder_without_data_is_refused(folder: Path, target: Path) -> None:
    (folder / "digits.npz").unlink()
    assert "it holds none" in refused(EvaluationRequest(data_uri=f"file://{folder}"), target)


def test_a_file_of_another_kind_is_refused(folder: Path, target: Path) -> None:
    words = refused(EvaluationRequest(data_uri=f"file://{folder}/README.md"), target)
    assert "must end in one of .safetensors, .npz, .parquet" in words


def test_nothing_at_the_address_is_said(folder: Path, target: Path) -> None:
    words = refused(EvaluationRequest(data_uri=f"file://{folder}/none"), target)
    assert words.startswith("spec.evaluation.dataUri: ")
    assert "none" in words


def test_a_link_to_the_outside_is_not_followed(folder: Path, target: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.npz"
    secret.write_bytes(b"secret")
    (folder / "digits.npz").unlink()
    (folder / "digits.npz").symlink_to(secret)
    assert "link to the outside" in refused(EvaluationRequest(data_uri=f"file://{folder}"), target)
    assert not target.exists()


@pytest.fixture
def served(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_over_http_the_address_names_the_file(served: str, target: Path) -> None:
    path, digest = fetch_data(EvaluationRequest(data_uri=f"{served}/digits.npz"), target)
    assert (path.name, digest) == ("digits.npz", DIGEST)
    assert "must end in one of" in refused(EvaluationRequest(data_uri=f"{served}/"), target)
    refused(EvaluationRequest(data_uri=f"{served}/missing.npz"), target)


def test_a_store_that_cannot_be_reached_is_no_fault_of_the_data(
    closed_port: int, target: Path
) -> None:
    uri = f"http://127.0.0.1:{closed_port}/digits.npz"
    with pytest.raises(Infrastructure):
        fetch_data(EvaluationRequest(data_uri=uri), target)
