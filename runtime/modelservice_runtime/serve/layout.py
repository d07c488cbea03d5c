"""The model repository that Triton reads: laid out afresh at every start.

``<repository>/<name>/config.pbtxt``   the configuration, as given
``<repository>/<name>/1/<variant>``    → the artifact's, one for each variant
``<repository>/<name>/1/*.py``         the runner, where the backend is ``python``
``<repository>/<name>/warmup/<input>`` → the artifact's, one row each

All variants are there, and the configuration says which is served: another one is a reload away.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from modelservice_runtime.contract.codec import ContractError, loads
from modelservice_runtime.contract.manifest import Manifest, Variant
from modelservice_runtime.contract.model_config import PYTHON_BACKEND, TRITON_BACKENDS
from modelservice_runtime.contract.store_layout import MANIFEST, WARMUP_FOLDER

CONFIG_FILE = "config.pbtxt"
VERSION = "1"
RUNNER = Path(__file__).with_name("runner")
#: A folder's name beside the runner's files.
_USABLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(?<!\.py)")
_FIELD = r'^{name}: "([^"]*)"$'
_PARAMETER = r'^parameters {{ key: "{name}" value {{ string_value: "([^"]*)" }} }}$'


class LayoutError(Exception):
    """The repository cannot be laid out; the message says what is missing or wrong."""


def lay_out(artifact: Path, config: str, repository: Path, name: str) -> Path:
    """Write ``repository/name`` and return it; what was there before goes.

    Raises:
        LayoutError: the artifact or the configuration does not fit.
        OSError: ``repository`` cannot be written.
    """
    backend = backend_of(config)
    variants = _variants(artifact)
    _check_served(config, variants)
    folders = {variant.name: _folder(artifact, variant) for variant in variants}
    folder = repository / name
    if folder.exists():
        shutil.rmtree(folder)
    version = folder / VERSION
    version.mkdir(parents=True)
    for variant_name, source in folders.items():
        # Linked, not copied: the volumes differ, and weights should be in memory once. The whole
        # folder: a model that keeps its weights in a second file looks for it beside the first.
        (version / variant_name).symlink_to(source)
    if backend == PYTHON_BACKEND:
        for path in sorted(RUNNER.glob("*.py")):
            shutil.copyfile(path, version / path.name)
    _link_files(artifact / WARMUP_FOLDER, folder / WARMUP_FOLDER)
    write_config(folder, config)
    return folder


def write_config(folder: Path, config: str) -> None:
    """Put ``config`` into the model's folder, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    draft = folder / f"{CONFIG_FILE}.draft"
    draft.write_text(config)
    draft.replace(folder / CONFIG_FILE)


def backend_of(config: str) -> str:
    """The backend that the text of a ``config.pbtxt`` names.

    Raises:
        LayoutError: none, or one that is not known.
    """
    backend = _found(_FIELD, "backend", config)
    if backend not in TRITON_BACKENDS:
        known = ", ".join(TRITON_BACKENDS)
        raise LayoutError(f"the configuration names backend {backend!r}; known are {known}")
    return backend


def variant_of(config: str) -> str:
    """The variant that the text of a ``config.pbtxt`` names, empty if none."""
    return _found(_PARAMETER, "variant", config)


def _found(pattern: str, name: str, config: str) -> str:
    found = re.search(pattern.format(name=name), config, re.MULTILINE)
    return found.group(1) if found else ""


def _variants(artifact: Path) -> tuple[Variant, ...]:
    path = artifact / MANIFEST
    try:
        return loads(Manifest, path.read_bytes()).variants
    except (OSError, ContractError) as error:
        raise LayoutError(
            f"{path} cannot be read: {error}; the artifact was not fetched to the end"
        ) from error


def _check_served(config: str, variants: tuple[Variant, ...]) -> None:
    served = variant_of(config)
    known = [variant.name for variant in variants]
    if served not in known:
        raise LayoutError(
            f"the configuration names variant {served!r}; the artifact has {', '.join(known)}"
        )


def _folder(artifact: Path, variant: Variant) -> Path:
    """Where the variant's files lie, its model file among them."""
    if not _USABLE_NAME.fullmatch(variant.name):
        raise LayoutError(f"the artifact's variant {variant.name!r} has a name that is no folder's")
    folder = (artifact / variant.folder).resolve()
    if not folder.is_relative_to(artifact.resolve()):
        raise LayoutError(f"variant {variant.name!r}: {variant.folder!r} is not in the artifact")
    model = folder / variant.model_file
    if not model.is_file():
        raise LayoutError(f"{model} is missing: the artifact was not fetched to the end")
    return folder


def _link_files(source: Path, target: Path) -> None:
    target.mkdir()
    if not source.is_dir():
        return
    for path in sorted(source.rglob("*")):
        if path.is_file():
            link = target / path.relative_to(source)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.resolve())
