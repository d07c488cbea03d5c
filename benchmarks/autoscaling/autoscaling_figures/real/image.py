"""The image whose models wait as long as a GPU would take: the project's, with a few more lines."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelservice_harness.images import ImageNames

from .inside.emulated import BASE_MS, LOAD_SECONDS, ROW_MS

SERVING, TUNER = "emulated-serving", "emulated-tuner"
_DEVICE = Path(__file__).parent / "inside" / "emulated.py"
_ENGINES = "\n\nfrom .emulated import emulated  # noqa: E402\n\nload = emulated(load)\n"
#: The service holds GPUs, so its configuration asks Triton for one; there is none.
_LAYOUT = """

_write_config = write_config


def write_config(folder, config):
    _write_config(folder, config.replace("KIND_GPU", "KIND_CPU"))
"""


def lay_out(project: Path, folder: Path) -> Path:
    """A copy of the unpacked wheel in ``folder``, its runner on the emulated device; ``folder``."""
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(project, folder)
    serve = folder / "site" / "modelservice_runtime" / "serve"
    shutil.copyfile(_DEVICE, serve / "runner" / _DEVICE.name)
    for path, more in ((serve / "runner" / "engines.py", _ENGINES), (serve / "layout.py", _LAYOUT)):
        path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    return folder


def with_emulated(
    document: Mapping[str, Any],
    names: ImageNames,
    project: Path,
    folder: Path,
    *,
    base_ms: float,
    row_ms: float,
    load_seconds: float,
) -> dict[str, Any]:
    """An image map with ``SERVING`` and ``TUNER``, made of ``folder`` in place of ``project``.

    The tuner tries many settings and waits for no weights.
    """
    plain = document["images"][names.name("modelservice-serving")]
    swapped = _swapped(plain, str(project), str(folder))
    times = {BASE_MS: f"{base_ms:g}", ROW_MS: f"{row_ms:g}"}
    loads = {SERVING: load_seconds, TUNER: 0.0}
    more = {
        names.name(name): swapped
        | {"env": {**swapped["env"], **times, LOAD_SECONDS: f"{seconds:g}"}}
        for name, seconds in loads.items()
    }
    return {**document, "images": {**document["images"], **more}}


def _swapped(image: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    def swap(path: str) -> str:
        return new + path.removeprefix(old) if path == old or path.startswith(f"{old}/") else path

    return {
        **image,
        "path": [swap(path) for path in image["path"]],
        "binds": sorted(swap(path) for path in image["binds"]),
        "env": {name: swap(value) for name, value in image["env"].items()},
    }
