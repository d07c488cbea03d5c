"""What the techniques for GPUs share: is there one, and sizes that are open in the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec

from .base import CannotProduceError

#: Least, best and most of an axis beyond the batch that the model leaves open (tokens, seconds).
OPEN_SIZES = (1, 64, 512)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeRange:
    """Shapes of one input, with the batch: kernels are chosen for ``best``."""

    name: str
    least: tuple[int, ...]
    best: tuple[int, ...]
    most: tuple[int, ...]


def shape_ranges(interface: ModelInterface, max_batch_size: int) -> tuple[ShapeRange, ...]:
    """One row up to ``max_batch_size``; full batches are what a busy server runs."""
    batches = (1, max_batch_size, max_batch_size)
    return tuple(_range(spec, batches) for spec in interface.inputs)


def _range(spec: TensorSpec, batches: Sequence[int]) -> ShapeRange:
    least, best, most = (
        (batch, *(size if size > 0 else free for size in spec.dims))
        for batch, free in zip(batches, OPEN_SIZES, strict=True)
    )
    return ShapeRange(name=spec.name, least=least, best=best, most=most)


def notes_on_open_sizes(interface: ModelInterface) -> tuple[str, ...]:
    """That the sizes of open axes are bounded, if there are any."""
    names = [spec.name for spec in interface.inputs if any(size < 0 for size in spec.dims)]
    if not names:
        return ()
    return (f"open axes of {', '.join(names)}: sizes of {OPEN_SIZES[0]} … {OPEN_SIZES[2]}",)


def require_gpu(technique: str) -> str:
    """The GPU's name and compute capability.

    Raises:
        CannotProduceError: there is none that torch's CUDA can use.
    """
    try:
        import torch  # noqa: PLC0415 - not in every builder
    except ImportError as error:
        raise CannotProduceError(
            f"{technique} needs torch in the builder to reach a GPU"
        ) from error
    if not torch.cuda.is_available():
        raise CannotProduceError(
            f"{technique} compiles for the GPU that it runs on, and this builder has no CUDA GPU"
        )
    major, minor = torch.cuda.get_device_capability()
    return f"{torch.cuda.get_device_name()}, compute capability {major}.{minor}"
