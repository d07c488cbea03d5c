"""The source's bytes: the same folder however it is given, and nothing from outside of it."""

from __future__ import annotations

import functools
import io
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modelservice_runtime.builder.errors import BuildError, UserError
from modelservice_runtime.builder.source import fetch_source
from modelservice_runtime.contract.requests import SourceRequest
from modelservice_runtime.store.digests import tree_digest
from modelservice_runtime.store.opening import open_store

if TYPE_CHECKING:
    from conftest import S3Server

FILES = {"model.py": b"code", "data/weights.bin": bytes(range(256)) * 40, "empty": b""}


def fetch(uri: str, target: Path, digest: str = "") -> str:
    request = SourceRequest(kind="pytorch", uri=uri, entrypoint="model:load", digest=digest)
    return fetch_source(request, target)


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "given"
    for name, data in FILES.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(data)
    return made


@pytest.fixture
def target(tmp_path: Path) -> Path:
    made = tmp_path / "target"
    made.mkdir()
    return made


def zipped(folder: Path, top: str = "") -> Path:
    path = folder.parent / "source.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in FILES:
            archive.write(folder / name, f"{top}{name}")
    return path


def tarred(folder: Path, top: str = "") -> Path:
    path = folder.parent / "source.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in FILES:
            archive.add(folder / name, f"{top}{name}")
    return path


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("top", ["", "project-1.0/"], ids=["flat", "one folder"])
def test_an_archive_is_the_folder_it_was_made_of(
    folder: Path, target: Path, pack: Callable[[Path, str], Path], top: str
) -> None:
    digest = fetch(f"file://{pack(folder, top)}", target)
    assert contents(target) == FILES
    assert digest == tree_digest(folder)


def test_a_folder_is_copied_without_pythons_caches(folder: Path, target: Path) -> None:
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__/model.pyc").write_bytes(b"old")
    pin = fetch(f"file://{folder}", target)
    assert contents(target) == FILES
    assert fetch(f"file://{folder}", target, digest=pin) == pin


def test_moved_bytes_are_told_with_both_digests(folder: Path, target: Path) -> None:
    pin = tree_digest(folder)
    (folder / "model.py").write_bytes(b"other code")
    with pytest.raises(UserError, match=pin) as caught:
        fetch(f"file://{folder}", target, digest=pin)
    assert caught.value.reason == "SourceDigestMismatch"
    assert tree_digest(folder) in caught.value.message


def test_a_folder_and_an_archive_come_from_s3(
    folder: Path, target: Path, s3: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    filesystem = open_store(f"s3://{bucket}").filesystem
    filesystem.put(str(folder), f"{bucket}/models/tiny", recursive=True)
    filesystem.put_file(str(zipped(folder)), f"{bucket}/models/tiny.zip")
    assert fetch(f"s3://{bucket}/models/tiny", target / "a") == tree_digest(folder)
    (target / "b").mkdir()
    assert fetch(f"s3://{bucket}/models/tiny.zip", target / "b") == tree_digest(folder)
    with pytest.raises(UserError, match="nothing lies there"):
        fetch(f"s3://{bucket}/models/none", target / "c")


@pytest.fixture
def no_credentials(s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A pod without any credentials, beside the S3 server."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


@pytest.mark.usefixtures("no_credentials")
def test_a_public_bucket_needs_no_credentials(
    folder: Path, target: Path, s3: S3Server, bucket: str
) -> None:
    owner = open_store(f"s3://{bucket}", s3.environment).filesystem
    owner.chmod(bucket, "public-read")
    owner.put(str(folder), f"{bucket}/tiny", recursive=True, ACL="public-read")
    assert fetch(f"s3://{bucket}/tiny", target) == tree_digest(folder)


@pytest.mark.usefixtures("no_credentials")
def test_a_bucket_that_is_not_public_names_the_secret_to_look_at(
    folder: Path, target: Path, s3: S3Server, bucket: str
) -> None:
    owner = open_store(f"s3://{bucket}", s3.environment).filesystem
    owner.put(str(folder), f"{bucket}/tiny", recursive=True)
    with pytest.raises(BuildError, match=r"reading is refused.*spec\.store\.secretName") as caught:
        fetch(f"s3://{bucket}/tiny/model.py", target)
    assert caught.value.reason == "StoreUnavailable"


class _Quiet(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        """``/status/404`` answers so, ``/moved/x`` leads to ``/x``, a query is ignored."""
        self.path, _, _ = self.path.partition("?")
        _, first, *rest = self.path.split("/")
        if first == "status":
            self.send_error(int(rest[0]))
        elif first == "moved":
            self.send_response(302)
            self.send_header("Location", "/" + "/".join(rest))
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A web server on ``tmp_path``."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_archive_comes_over_http(folder: Path, target: Path, web: str) -> None:
    name = zipped(folder).name
    for number, address in enumerate([name, f"moved/{name}", f"{name}?token=abc&x=1"]):
        place = target / str(number)
        place.mkdir()
        assert fetch(f"{web}/{address}", place) == tree_digest(folder)
    with pytest.raises(UserError, match="must be one file: an archive"):
        fetch(f"{web}/given", target)
    with pytest.raises(UserError) as caught:
        fetch(f"{web}/none.zip", target)
    assert caught.value.reason == "SourceNotFound"


@pytest.mark.parametrize("name", ["model.onnx", "model.keras", "model.pt2"])
def test_a_model_file_alone_is_a_source_over_http_too(
    tmp_path: Path, target: Path, web: str, name: str
) -> None:
    (tmp_path / name).write_bytes(b"PK weights")
    fetch(f"{web}/{name}?download=true", target)
    assert contents(target) == {name: b"PK weights"}


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (404, "SourceNotFound", "nothing lies there"),
        (401, "SourceNotFound", "readable without logging in"),
        (403, "SourceNotFound", "readable without logging in"),
        (418, "SourceNotFound", "refuses the address"),
        (429, "StoreUnavailable", "cannot give it now"),
        (503, "StoreUnavailable", "cannot give it now"),
    ],
)
def test_what_a_web_server_refuses_is_told_apart_from_what_may_be_tried_again(
    target: Path, web: str, status: int, reason: str, words: str
) -> None:
    with pytest.raises(BuildError, match=words) as caught:
        fetch(f"{web}/status/{status}/source.zip", target)
    assert caught.value.reason == reason


def test_a_proxy_is_used(
    folder: Path, target: Path, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The web server stands for the proxy: it is asked for another host's file."""
    name = zipped(folder).name
    monkeypatch.setenv("HTTP_PROXY", web)
    monkeypatch.setattr(_Quiet, "translate_path", lambda *_: str(folder.parent / name))
    assert fetch(f"http://models.example/{name}", target) == tree_digest(folder)


def test_a_web_server_that_does_not_answer_may_be_tried_again(
    target: Path, closed_port: int
) -> None:
    with pytest.raises(BuildError) as caught:
        fetch(f"http://127.0.0.1:{closed_port}/source.zip", target)
    assert caught.value.reason == "StoreUnavailable"
    assert caught.value.exit_code == 20
    assert "AWS" not in caught.value.message


def _evil_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../outside.py", b"evil")


def _linking_zip(path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, b"/etc/passwd")


def _evil_tar(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("../outside.py")
        entry.size = 4
        archive.addfile(entry, io.BytesIO(b"evil"))


def _linking_tar(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("link")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)


@pytest.mark.parametrize(
    ("make", "suffix"),
    [(_evil_zip, ".zip"), (_linking_zip, ".zip"), (_evil_tar, ".tar"), (_linking_tar, ".tar")],
)
def test_an_archive_cannot_reach_outside_of_itself(
    tmp_path: Path, target: Path, make: Callable[[Path], None], suffix: str
) -> None:
    make(tmp_path / f"evil{suffix}")
    with pytest.raises(UserError) as caught:
        fetch(f"file://{tmp_path}/evil{suffix}", target)
    assert caught.value.reason == "SourceUnsafe"
    assert not (tmp_path / "outside.py").exists()


def test_a_link_to_the_outside_of_a_folder_is_refused(folder: Path, target: Path) -> None:
    (folder / "secret").symlink_to("/etc/passwd")
    with pytest.raises(UserError, match="secret is a link to the outside"):
        fetch(f"file://{folder}", target)


@pytest.mark.parametrize("name", ["broken.zip", "broken.tar.gz"])
def test_a_damaged_archive_is_told(tmp_path: Path, target: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK not an archive")
    with pytest.raises(UserError, match="damaged or of another kind") as caught:
        fetch(f"file://{tmp_path}/{name}", target)
    assert caught.value.reason == "SourceNotFound"


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(byte ^ 255 for byte in data[middle : middle + 40]) + data[-40:]


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("damage", [lambda data: data[:-30], _flipped], ids=["cut off", "flipped"])
def test_an_archive_with_damaged_bytes_is_told(
    folder: Path,
    target: Path,
    pack: Callable[[Path], Path],
    damage: Callable[[bytes], bytes],
) -> None:
    path = pack(folder)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match="damaged or of another kind") as caught:
        fetch(f"file://{path}", target)
    assert caught.value.reason == "SourceNotFound"


def test_an_encrypted_archive_is_told(folder: Path, target: Path) -> None:
    path = zipped(folder)
    data = bytearray(path.read_bytes())
    directory = data.index(b"PK\x01\x02")
    data[6] |= 1  # the first file's own header says "encrypted"
    data[directory + 8] |= 1  # and so does the directory
    path.write_bytes(data)
    with pytest.raises(UserError, match="encrypted"):
        fetch(f"file://{path}", target)


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path: Path, target: Path) -> None:
    path = tmp_path / "both.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model", b"a file")
        archive.writestr("model/weights.bin", b"in a folder")
    with pytest.raises(UserError, match="damaged or of another kind"):
        fetch(f"file://{path}", target)


@pytest.mark.parametrize("uri", ["ftp://host/x.zip", "nothing"])
def test_an_unknown_kind_of_address_lists_the_known_ones(uri: str, target: Path) -> None:
    with pytest.raises(BuildError, match="known are pvc, file, s3"):
        fetch(uri, target)
