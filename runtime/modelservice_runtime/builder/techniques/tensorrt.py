"""A TensorRT engine from the ONNX file: ``model.plan``, kernels chosen on this GPU.

Strongly typed: what is computed in float16 is so in the ONNX file, converted before (TensorRT 11
knows no other way), and TF32, which TensorRT would take for float32 unasked, is off.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelservice_runtime.builder.recipes import FP16, FP32
from modelservice_runtime.contract.store_layout import MODEL_FILE

from . import half, onnx_files
from .base import CannotProduceError, Made, Work
from .gpu import ShapeRange, notes_on_open_sizes, require_gpu, shape_ranges
from .parameters import one_of
from .versions import versions_of

PLAN_FILE = "model.plan"
#: Beside the candidates: which kernel was fastest, so that the next engine asks less.
TIMING_CACHE = "tensorrt-timing.cache"
_WORKSPACE_BYTES = 4 << 30
_MOST_ERRORS = 3


class TensorRT:
    """The technique."""

    name = "tensorrt"

    def produce(self, work: Work) -> Made:
        """``precision``: ``fp32`` or ``fp16``.

        Raises:
            CannotProduceError: no package, no GPU, or an operator that TensorRT lacks.
        """
        precision = one_of(work, "precision", (FP32, FP16))
        trt = _package()
        device = require_gpu("TensorRT")
        interface = onnx_files.interface_of(work.parent)
        ranges = shape_ranges(interface, work.max_batch_size)
        with tempfile.TemporaryDirectory() as folder:
            model = as_precision(work, precision, Path(folder))
            plan = _build(trt, model, ranges, work.target.parent / TIMING_CACHE)
        (work.target / PLAN_FILE).write_bytes(plan)
        return Made(
            model_file=PLAN_FILE,
            notes=(f"compiled for {device}; it runs there only", *notes_on_open_sizes(interface)),
            versions=versions_of("tensorrt"),
        )


def as_precision(work: Work, precision: str, folder: Path) -> Path:
    """The ONNX file in ``precision``: the parent itself, or converted into ``folder``."""
    if precision == FP32:
        return work.parent
    half.TECHNIQUE.produce(replace(work, target=folder, parameters={"precision": precision}))
    return folder / MODEL_FILE


def _package() -> Any:  # noqa: ANN401 - an untyped package
    try:
        return importlib.import_module("tensorrt")
    except (ImportError, OSError) as error:
        raise CannotProduceError(
            "this builder has no TensorRT: its Python package tensorrt cannot be imported"
            f" ({str(error)[:200]}); build with an image for GPUs"
        ) from error


def _build(trt: Any, model: Path, ranges: Sequence[ShapeRange], timing: Path) -> bytes:  # noqa: ANN401
    logger = trt.Logger(trt.Logger.WARNING)
    builder = trt.Builder(logger)
    typed = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(typed)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(model)):
        count = min(parser.num_errors, _MOST_ERRORS)
        errors = "; ".join(str(parser.get_error(number).desc()) for number in range(count))
        raise CannotProduceError(f"TensorRT cannot read the model: {errors[:400]}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, _WORKSPACE_BYTES)
    config.clear_flag(trt.BuilderFlag.TF32)
    config.add_optimization_profile(_profile(builder, ranges))
    cache = config.create_timing_cache(timing.read_bytes() if timing.is_file() else b"")
    config.set_timing_cache(cache, ignore_mismatch=False)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise CannotProduceError("TensorRT cannot compile the model; the Job's log says why")
    _keep(config.get_timing_cache().serialize(), timing)
    return bytes(plan)


def _profile(builder: Any, ranges: Sequence[ShapeRange]) -> Any:  # noqa: ANN401 - untyped
    profile = builder.create_optimization_profile()
    for shapes in ranges:
        profile.set_shape(shapes.name, shapes.least, shapes.best, shapes.most)
    return profile


def _keep(cache: Any, path: Path) -> None:  # noqa: ANN401 - untyped
    """Whole or not at all: engines are built side by side."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_bytes(bytes(cache))
    part.replace(path)


TECHNIQUE = TensorRT()
