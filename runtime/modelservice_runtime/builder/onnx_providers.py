"""Which execution providers of ONNX Runtime a model file is for: ``providers.json`` beside it.

Standard library only. Without the file a model is for the CPU.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

PROVIDERS_FILE = "providers.json"
CPU, CUDA, TENSORRT = (
    "CPUExecutionProvider",
    "CUDAExecutionProvider",
    "TensorrtExecutionProvider",
)

#: As ``onnxruntime.InferenceSession`` takes them: (name, options), the preferred one first.
Providers: TypeAlias = Sequence[tuple[str, Mapping[str, str]]]


def write(providers: Providers, folder: Path) -> None:
    """Write ``providers.json`` into the model's folder."""
    entries = [{"name": name, "options": dict(options)} for name, options in providers]
    (folder / PROVIDERS_FILE).write_text(json.dumps(entries, indent=2) + "\n")


def beside(model: Path) -> list[tuple[str, dict[str, str]]]:
    """The providers for a model file.

    Raises:
        ValueError: the file beside it is none.
    """
    path = model.with_name(PROVIDERS_FILE)
    if not path.is_file():
        return [(CPU, {})]
    try:
        entries = json.loads(path.read_text())
        return [(str(entry["name"]), _options(entry["options"])) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path.name} is no list of execution providers: {error!r}") from error


def _options(options: Mapping[str, str]) -> dict[str, str]:
    return {str(name): str(value) for name, value in options.items()}
