"""The model repository that Triton reads: laid out afresh at every start.

``<repository>/<name>/config.pbtxt``   the configuration, as given
``<repository>/<name>/1/model.onnx``   → the artifact's
``<repository>/<name>/1/model.py``     the runner, where the backend is ``python``
``<repository>/<name>/warmup/<input>`` → the artifact's, one row each
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from modelservice_runtime.contract.model_config import BACKENDS, PYTHON_BACKEND
from modelservice_runtime.contract.store_layout import MODEL_FILE, WARMUP_FOLDER

CONFIG_FILE = "config.pbtxt"
VERSION = "1"
RUNNER = Path(__file__).with_name("runner") / "model.py"


class LayoutError(Exception):
    """The repository cannot be laid out; the message says what is missing or wrong."""


def lay_out(artifact: Path, config: str, repository: Path, name: str) -> Path:
    """Write ``repository/name`` and return it; what was there before goes.

    Raises:
        LayoutError: the artifact or the configuration does not fit.
        OSError: ``repository`` cannot be written.
    """
    backend = backend_of(config)
    model = artifact / MODEL_FILE
    if not model.is_file():
        raise LayoutError(f"{model} is missing: the artifact was not fetched to the end")
    folder = repository / name
    if folder.exists():
        shutil.rmtree(folder)
    version = folder / VERSION
    version.mkdir(parents=True)
    # Linked, not copied: the volumes differ, and weights should be in memory once.
    (version / MODEL_FILE).symlink_to(model.resolve())
    if backend == PYTHON_BACKEND:
        shutil.copyfile(RUNNER, version / RUNNER.name)
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
    found = re.search(r'^backend: "([^"]*)"$', config, re.MULTILINE)
    backend = found.group(1) if found else ""
    if backend not in BACKENDS:
        known = ", ".join(BACKENDS)
        raise LayoutError(f"the configuration names backend {backend!r}; known are {known}")
    return backend


def _link_files(source: Path, target: Path) -> None:
    target.mkdir()
    if not source.is_dir():
        return
    for path in sorted(source.rglob("*")):
        if path.is_file():
            link = target / path.relative_to(source)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.resolve())
