"""What a ``torch.export`` archive holds, seen without loading it: is anything in it pickled?

``torch.export.load`` of torch 2.13 reads weights and constants as raw bytes, and unpickles

* the example inputs (tensors alone first; if that fails, anything);
* weights and constants whose entry says ``use_pickle`` (tensor subclasses): anything;
* constants that are objects (``custom_obj_``, ``opaque_obj_``): anything;
* ``weights/*.pt`` and ``constants/*.pt`` of older versions: as the example inputs.

Compiled code (``aotinductor/``) would be loaded too. The program itself is code all the same: its
operators are looked up by name and its sizes evaluated as expressions; it runs where an entrypoint
would, in a worker process without secrets.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.export.pt2_archive import constants
from torch.export.pt2_archive._package import PT2ArchiveReader

from .errors import MODEL_INVALID, UserError

#: The name that ``torch.export.save`` gives the program in its archive.
_MODEL = "model"
_OBJECT_PREFIXES = (constants.CUSTOM_OBJ_FILENAME_PREFIX, constants.OPAQUE_OBJ_FILENAME_PREFIX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """``pickled``: records that can only be read by unpickling objects."""

    pickled: tuple[str, ...]


def look_into(path: Path) -> Parts:
    """The parts of the program at ``path``; nothing of it is loaded or run.

    Raises:
        UserError: it is no archive of ``torch.export.save``, or holds compiled code.
    """
    try:
        reader = PT2ArchiveReader(str(path))
        names = reader.get_file_names()
        pickled = tuple(_pickled(reader, names))
    except Exception as error:
        first = (str(error).splitlines() or [""])[0][:200]
        raise _invalid(path, f"it cannot be read ({type(error).__name__}: {first})") from error
    if constants.MODELS_FILENAME_FORMAT.format(_MODEL) not in names:
        raise _invalid(path, "it holds no program")
    if any(name.startswith(constants.AOTINDUCTOR_DIR) for name in names):
        raise _invalid(path, "it holds compiled code")
    return Parts(pickled=pickled)


def _invalid(path: Path, why: str) -> UserError:
    return UserError(
        MODEL_INVALID,
        f"{path.name} is no program as torch.export.save writes it: {why}; save the exported"
        f" program again with torch {torch.__version__.partition('+')[0]}",
    )


def _pickled(reader: Any, names: list[str]) -> list[str]:  # noqa: ANN401 - torch's reader, untyped
    whole = [
        constants.SAMPLE_INPUTS_FILENAME_FORMAT.format(_MODEL),
        f"{constants.WEIGHTS_DIR}{_MODEL}.pt",
        f"{constants.CONSTANTS_DIR}{_MODEL}.pt",
    ]
    found = [name for name in whole if name in names and not _is_tensors(reader.read_bytes(name))]
    for folder, config in (
        (constants.WEIGHTS_DIR, constants.WEIGHTS_CONFIG_FILENAME_FORMAT.format(_MODEL)),
        (constants.CONSTANTS_DIR, constants.CONSTANTS_CONFIG_FILENAME_FORMAT.format(_MODEL)),
    ):
        if config in names:
            entries = json.loads(reader.read_string(config))["config"].values()
            found += [folder + entry["path_name"] for entry in entries if _needs_pickle(entry)]
    return found


def _needs_pickle(entry: dict[str, Any]) -> bool:
    return bool(entry["use_pickle"]) or str(entry["path_name"]).startswith(_OBJECT_PREFIXES)


def _is_tensors(record: bytes) -> bool:
    """Whether torch can read it without calling what it names."""
    if not record:
        return True
    try:
        torch.load(io.BytesIO(record), weights_only=True)
    except Exception:  # noqa: BLE001 - whatever it is, it is no plain tensors
        return False
    return True
