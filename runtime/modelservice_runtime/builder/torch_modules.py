"""The torch module of a source, for techniques that work on it and not on its ONNX file."""

from __future__ import annotations

from dataclasses import dataclass, replace

from modelservice_runtime.contract.requests import PYTORCH, TORCH_EXPORT

from . import entrypoint, module_calls, torch_export_source
from .entrypoint import Loaded
from .errors import UserError
from .techniques.base import CannotProduceError, SourceAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceModule:
    """``output_names``: as the plain export has them. ``most_rows``: at once, None for any."""

    loaded: Loaded
    output_names: tuple[str, ...]
    most_rows: int | None = None


def load(access: SourceAccess) -> SourceModule:
    """Load the source's module again, in this process.

    Raises:
        CannotProduceError: the source is no torch module, or does not load here.
        MemoryError: an allocation failed.
    """
    try:
        loaded, most_rows = _load(access)
        row = module_calls.few_rows(loaded.inputs, 1)
        outputs = module_calls.call(loaded.module, row, loaded.output_names)
    except UserError as error:
        raise CannotProduceError(error.message) from error
    return SourceModule(loaded=loaded, output_names=tuple(outputs), most_rows=most_rows)


def _load(access: SourceAccess) -> tuple[Loaded, int | None]:
    request, pinned = access.request, bool(access.request.digest)
    if request.kind == PYTORCH:
        paths = [str(path) for path in access.module_path]
        return entrypoint.load(access.folder, request.entrypoint, paths, pinned=pinned), None
    if request.kind == TORCH_EXPORT:
        found = torch_export_source.load(access.folder, pinned=pinned)
        whole = torch_export_source.ByName(found.program, None)
        return replace(found.loaded, module=whole), found.most_rows
    raise CannotProduceError(f"it needs a torch module, the source is {request.kind}")
