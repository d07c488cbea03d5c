"""ONNX Runtime on a GPU: the ONNX file and, beside it, the execution providers that run it.

Float32 is float32: TF32 is off, and a provider that ONNX Runtime cannot load is an error here,
where it would go on with the CPU and a line in the log.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelservice_runtime.builder import onnx_providers
from modelservice_runtime.builder.onnx_providers import CUDA, TENSORRT, Providers
from modelservice_runtime.builder.recipes import FP16, FP32
from modelservice_runtime.contract.store_layout import MODEL_FILE
from modelservice_runtime.contract.tensors import ModelInterface

from . import onnx_files
from .base import CannotProduceError, Made, Work
from .gpu import ShapeRange, notes_on_open_sizes, require_gpu, shape_ranges
from .parameters import one_of
from .refusals import in_words
from .tensorrt import as_precision
from .versions import versions_of

_CUDA_OPTIONS = {"device_id": "0", "use_tf32": "0"}


class OrtCuda:
    """The technique."""

    name = "ort_cuda"

    def produce(self, work: Work) -> Made:
        """``precision``: ``fp32`` or ``fp16``; ``provider``: ``cuda`` or ``tensorrt``.

        Raises:
            CannotProduceError: no such provider in this ONNX Runtime, no GPU, or it does not load.
        """
        precision = one_of(work, "precision", (FP32, FP16))
        provider = one_of(work, "provider", ("cuda", "tensorrt"))
        wanted = CUDA if provider == "cuda" else TENSORRT
        require_provider(wanted, _runtime().get_available_providers())
        device = require_gpu("ONNX Runtime on a GPU")
        interface = onnx_files.interface_of(work.parent)
        model = work.target / MODEL_FILE
        if as_precision(work, precision, work.target) == work.parent:
            shutil.copyfile(work.parent, model)
        providers = providers_for(wanted, interface, work.max_batch_size)
        onnx_providers.write(providers, work.target)
        _check_loads(model, providers)
        return Made(
            model_file=MODEL_FILE,
            notes=(
                f"tried on {device}",
                *(notes_on_open_sizes(interface) if wanted == TENSORRT else ()),
            ),
            versions=versions_of("onnxruntime-gpu", "onnxruntime"),
        )


def _runtime() -> Any:  # noqa: ANN401 - an untyped package
    import onnxruntime  # noqa: PLC0415 - with an image for GPUs it takes seconds

    return onnxruntime


def require_provider(wanted: str, available: Sequence[str]) -> None:
    """Whether this ONNX Runtime was built with it.

    Raises:
        CannotProduceError: it was not.
    """
    if wanted not in available:
        raise CannotProduceError(
            f"this builder's ONNX Runtime has no {wanted} (it has {', '.join(available)});"
            " onnxruntime-gpu has it"
        )


def providers_for(wanted: str, interface: ModelInterface, max_batch_size: int) -> Providers:
    """The provider with its options, and CUDA behind TensorRT for what that one lacks."""
    cuda = (CUDA, _CUDA_OPTIONS)
    if wanted == CUDA:
        return (cuda,)
    ranges = shape_ranges(interface, max_batch_size)
    options = {
        "device_id": "0",
        "trt_fp16_enable": "0",
        "trt_engine_cache_enable": "1",
        "trt_timing_cache_enable": "1",
        "trt_profile_min_shapes": _shapes(ranges, "least"),
        "trt_profile_opt_shapes": _shapes(ranges, "best"),
        "trt_profile_max_shapes": _shapes(ranges, "most"),
    }
    return ((TENSORRT, options), cuda)


def _shapes(ranges: Sequence[ShapeRange], which: str) -> str:
    """As the provider reads them: ``ids:1x64,mask:1x64``."""
    return ",".join(f"{r.name}:{'x'.join(map(str, getattr(r, which)))}" for r in ranges)


def _check_loads(model: Path, providers: Providers) -> None:
    wanted = providers[0][0]
    with in_words("ONNX Runtime on the GPU"):
        session = _runtime().InferenceSession(str(model), providers=list(providers))
    if session.get_providers()[0] != wanted:
        raise CannotProduceError(
            f"ONNX Runtime cannot load {wanted} here and would run on the CPU; the Job's log says"
            " which library it lacks"
        )


TECHNIQUE = OrtCuda()
