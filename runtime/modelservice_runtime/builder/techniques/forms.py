"""The candidates of each kind that the facts allow, behind the export or a pruned model. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from modelservice_runtime.builder.recipes import BF16, FP16, FP32, INT8, Recipe, Step
from modelservice_runtime.contract.requests import (
    AOT_INDUCTOR,
    AOTI,
    BFLOAT16,
    FLOAT16,
    FUSE,
    ONNXRUNTIME,
    OPENVINO,
    OPENVINO_IR,
    ORT_CUDA,
    PYTORCH,
    QUANTIZE,
    TENSORRT,
    TENSORRT_ENGINE,
    TORCH_EXPORT,
)

from . import known_steps as steps
from .facts import Facts


def fused(facts: Facts) -> Iterator[Recipe]:
    """The same arithmetic in fewer operators."""
    if facts.may(FUSE) and facts.runs(ONNXRUNTIME):
        yield Recipe(steps=(_fuse_step(facts),), exact=True)


def _fuse_step(facts: Facts) -> Step:
    return steps.fuse("ort" if facts.is_transformer else "slim")


def quantized(facts: Facts, base: tuple[Step, ...]) -> Iterator[Recipe]:
    """int8 for ONNX Runtime, behind ``base``."""
    if not (facts.may(QUANTIZE) and facts.runs(ONNXRUNTIME)):
        return
    if facts.products and facts.products >= facts.convolutions:
        yield int8(*base, steps.int8_dynamic(facts))
        if facts.is_transformer and facts.may(FUSE) and not base:
            yield int8(_fuse_step(facts), steps.int8_dynamic(facts))
    if _suits_static(facts):
        yield int8(*base, steps.int8_static(facts))
        if not base:
            yield int8(steps.int8_static(facts, "percentile"))


def _suits_static(facts: Facts) -> bool:
    """Convolutions, or products without attention, whose ranges no calibration catches."""
    suits = facts.convolutions or (facts.products and not facts.is_transformer)
    return bool(suits and facts.calibration_rows)


def in_openvino(facts: Facts, base: tuple[Step, ...]) -> Iterator[Recipe]:
    """For OpenVINO, behind ``base``, in each precision."""
    if not facts.runs(OPENVINO):
        return
    if facts.may(OPENVINO_IR):
        yield Recipe(steps=(*base, steps.openvino(FP32)), engine=OPENVINO, exact=not base)
        if facts.may(QUANTIZE) and facts.calibration_rows and _has_layers(facts):
            yield int8(*base, steps.openvino_int8(), engine=OPENVINO)
            if facts.may(BFLOAT16) and facts.cpu_has(BF16):
                # int8 where it is in the graph, and bf16 for all the rest.
                yield _in_half(BF16, *base, steps.openvino_int8(), steps.openvino(BF16))
    for word, precision in ((BFLOAT16, BF16), (FLOAT16, FP16)):
        if facts.may(word) and facts.cpu_has(precision):
            yield _in_half(precision, *base, steps.openvino(precision))


def _in_half(precision: str, *chain: Step) -> Recipe:
    return Recipe(steps=chain, engine=OPENVINO, precision=precision, depends_on_cpu=True)


def _has_layers(facts: Facts) -> bool:
    return bool(facts.products or facts.convolutions)


def compiled(facts: Facts) -> Iterator[Recipe]:
    """Native code of the source's own module."""
    from_torch = facts.source_kind in {PYTORCH, TORCH_EXPORT}
    if from_torch and facts.may(AOT_INDUCTOR) and facts.runs(AOTI):
        # Native code: it runs where these instructions are, and nowhere else.
        yield Recipe(steps=(steps.aot_inductor(),), engine=AOTI, exact=True, depends_on_cpu=True)


def on_gpu(facts: Facts) -> Iterator[Recipe]:
    """For the GPU, if there is one."""
    if not facts.gpu:
        return
    for precision in (FP32, FP16) if facts.may(FLOAT16) else (FP32,):
        if facts.may(TENSORRT_ENGINE) and facts.runs(TENSORRT):
            yield _on_gpu(steps.tensorrt(precision), TENSORRT, precision)
        if facts.may(ORT_CUDA) and facts.runs(ONNXRUNTIME):
            yield _on_gpu(steps.onnxruntime_on_gpu("cuda", precision), ONNXRUNTIME, precision)
            if facts.may(TENSORRT_ENGINE):
                step = steps.onnxruntime_on_gpu("tensorrt", precision)
                yield _on_gpu(step, ONNXRUNTIME, precision)


def _on_gpu(step: Step, engine: str, precision: str) -> Recipe:
    return Recipe(steps=(step,), engine=engine, precision=precision, exact=precision == FP32)


def int8(*chain: Step, engine: str = ONNXRUNTIME) -> Recipe:
    """The last step of ``chain`` quantizes."""
    return Recipe(steps=chain, engine=engine, precision=INT8, depends_on_cpu=True)
