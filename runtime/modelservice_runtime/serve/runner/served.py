"""What Triton's configuration says is to be served, and what an engine is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .batches import Arrays
from .padding import Axes


class CannotServeError(Exception):
    """The model cannot be served here as the configuration wants it; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One variant of the artifact, and how it is to run.

    ``model_file``: the file itself. ``threads``: of the engine, for one call. ``device``: number
    of the GPU, None for the CPU. ``padded``: requests of different lengths run as one batch;
    ``open_inputs``, ``open_outputs``: by name, the axes beside the rows whose size is open.
    """

    variant: str
    engine: str
    precision: str
    model_file: Path
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    threads: int
    device: int | None
    padded: bool = False
    open_inputs: Axes = field(default_factory=dict)
    open_outputs: Axes = field(default_factory=dict)


class Engine(Protocol):
    """Runs one model. What ``run`` returns belongs to the caller: no later call changes it."""

    def run(self, arrays: Arrays) -> Arrays:
        """All outputs of one batch."""
        ...


def read_served(args: Mapping[str, str], config: Mapping[str, Any]) -> Served:
    """From what Triton hands to ``initialize``: its arguments and the configuration in them.

    Raises:
        CannotServeError: a parameter is missing.
    """
    variant = _parameter(config, "variant")
    version = Path(args["model_repository"], args["model_version"])
    on_gpu = args.get("model_instance_kind") == "GPU"
    return Served(
        variant=variant,
        engine=_parameter(config, "engine"),
        precision=_parameter(config, "precision"),
        model_file=version / variant / _parameter(config, "model_file"),
        inputs=tuple(tensor["name"] for tensor in config["input"]),
        outputs=tuple(tensor["name"] for tensor in config["output"]),
        threads=max(1, int(_parameter(config, "intra_op_thread_count"))),
        device=int(args.get("model_instance_device_id", "0")) if on_gpu else None,
        padded="pad_requests" in config["parameters"],
        open_inputs=_open_axes(config["input"]),
        open_outputs=_open_axes(config["output"]),
    )


def _open_axes(tensors: Sequence[Mapping[str, Any]]) -> Axes:
    """The sizes that the configuration leaves open, counted with the rows as axis 0."""
    return {
        tensor["name"]: tuple(
            axis for axis, size in enumerate(tensor.get("dims", ()), start=1) if int(size) < 0
        )
        for tensor in tensors
    }


def _parameter(config: Mapping[str, Any], name: str) -> str:
    try:
        return str(config["parameters"][name]["string_value"])
    except KeyError as error:
        raise CannotServeError(f"the configuration has no parameter {name!r}") from error
