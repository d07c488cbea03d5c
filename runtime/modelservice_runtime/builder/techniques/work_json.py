"""``Work`` as JSON and back: how it travels to the maker process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelservice_runtime.contract.codec import decode, encode
from modelservice_runtime.contract.requests import SourceRequest

from .base import SourceAccess, Work


def to_json(work: Work) -> dict[str, Any]:
    """JSON-ready; paths as text."""
    return {
        "parent": str(work.parent),
        "target": str(work.target),
        "parameters": dict(work.parameters),
        "source": {
            "request": encode(work.source.request),
            "folder": str(work.source.folder),
            "modulePath": [str(path) for path in work.source.module_path],
        },
        "maxBatchSize": work.max_batch_size,
        "seconds": work.seconds,
        "calibration": _text(work.calibration),
        "selection": _text(work.selection),
        "trainingEntrypoint": work.training_entrypoint,
        "trainingSeed": work.training_seed,
    }


def from_json(document: Mapping[str, Any]) -> Work:
    """What ``to_json`` was given.

    Raises:
        KeyError, ContractError: the document was not made by ``to_json``.
    """
    source = document["source"]
    return Work(
        parent=Path(document["parent"]),
        target=Path(document["target"]),
        parameters=document["parameters"],
        source=SourceAccess(
            request=decode(SourceRequest, source["request"]),
            folder=Path(source["folder"]),
            module_path=tuple(Path(path) for path in source["modulePath"]),
        ),
        max_batch_size=document["maxBatchSize"],
        seconds=document["seconds"],
        calibration=_path(document["calibration"]),
        selection=_path(document["selection"]),
        training_entrypoint=document["trainingEntrypoint"],
        training_seed=document["trainingSeed"],
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
