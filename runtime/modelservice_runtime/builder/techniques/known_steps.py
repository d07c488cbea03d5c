"""The steps that plans are put together from: names, parameters, and why each may be worth it."""

from __future__ import annotations

from collections.abc import Mapping

from modelservice_runtime.builder.recipes import FP32, Recipe, Step
from modelservice_runtime.contract.requests import ONNXRUNTIME, OPENVINO

from .facts import Facts

#: Label (or its part before the first number) → why it is tried.
_WHY = {
    "export": "the source model as exported: what all others are compared with",
    "fuse": "attention and layer norms as single operators spare memory traffic",
    "slim": "operators that can be computed beforehand need not be at each call",
    "int8-dynamic": "time goes into matrix products, which are faster in int8; needs no ranges",
    "int8-dynamic-mixed-": "plain dynamic int8 loses too much: the worst layers stay in float",
    "int8-static": "time goes into convolutions, which are fastest in int8 from end to end",
    "int8-static-percentile": "outliers in activations may stretch the ranges: they are cut off",
    "int8-static-entropy": "other ranges lose too much: those that change the distribution least",
    "int8-accuracy-control": "plain int8 loses too much: layers go back to float until it does not",
    "openvino": "the same arithmetic with OpenVINO's kernels",
    "openvino-bf16": "half the bytes and bf16 units of this CPU, declared",
    "openvino-fp16": "half the bytes and fp16 units of this CPU, declared",
    "openvino-int8": "int8 kernels of OpenVINO, which serve attention too",
    "openvino-int8-accuracy-control": "plain int8 loses too much: layers go back until it does not",
    "prune-": "fewer channels are less work, and training gives the accuracy back",
    "aot-inductor": "native code for this CPU, without an interpreter of graphs",
    "tensorrt": "kernels chosen and compiled for this GPU",
    "tensorrt-fp16": "likewise, on the GPU's half-precision units",
    "ort-cuda": "ONNX Runtime on the GPU",
    "ort-cuda-fp16": "likewise, on the GPU's half-precision units",
    "ort-tensorrt": "TensorRT's kernels where it has them, inside ONNX Runtime",
    "ort-tensorrt-fp16": "likewise, on the GPU's half-precision units",
}


def why(recipe: Recipe) -> str:
    """Why the recipe's last step is tried, in one clause."""
    label = recipe.steps[-1].label if recipe.steps else recipe.name
    return _WHY.get(label) or _WHY[label.rstrip("0123456789.")]


def fuse(how: str) -> Step:
    """``how``: ``ort`` or ``slim``."""
    return Step(technique="fuse", label="fuse" if how == "ort" else "slim", parameters={"how": how})


def int8_dynamic(facts: Facts, float_share: float = 0.0) -> Step:
    """``float_share``: of the layers that stay in float32."""
    label = f"int8-dynamic-mixed-{round(float_share * 100)}" if float_share else "int8-dynamic"
    parameters: dict[str, str | int | float | bool] = {
        "per_channel": True,
        "reduce_range": facts.saturates,
    }
    if float_share:
        parameters["float_share"] = float_share
    return Step(
        technique="quantize_dynamic",
        label=label,
        parameters=parameters,
        calibrated=bool(float_share),
    )


def int8_static(facts: Facts, method: str = "minmax") -> Step:
    """``method``: ``minmax``, ``entropy`` or ``percentile``."""
    return Step(
        technique="quantize_static",
        label="int8-static" if method == "minmax" else f"int8-static-{method}",
        parameters={"method": method, **_integer_form(facts)},
        calibrated=True,
    )


def accuracy_control(facts: Facts, engine: str) -> Step:
    """For a model on which plain int8 loses more than ``facts.max_drop``."""
    form = _integer_form(facts) if engine == ONNXRUNTIME else {}
    prefix = "openvino-" if engine == OPENVINO else ""
    return Step(
        technique="accuracy_control",
        label=f"{prefix}int8-accuracy-control",
        parameters={
            "engine": engine,
            "metric": facts.metric,
            "output": facts.output,
            "max_drop": facts.max_drop or 0.0,
            **form,
        },
        calibrated=True,
        judged=True,
    )


def _integer_form(facts: Facts) -> Mapping[str, bool]:
    return {"per_channel": True, "reduce_range": facts.saturates, "signed": facts.is_arm}


def openvino(precision: str) -> Step:
    """``precision``: fp32, bf16 or fp16."""
    return Step(
        technique="openvino_ir",
        label=_with_precision("openvino", precision),
        parameters={"precision": precision},
    )


def openvino_int8() -> Step:
    """NNCF's ranges in an OpenVINO model."""
    return Step(technique="openvino_int8", label="openvino-int8", calibrated=True)


def prune(ratio: float) -> Step:
    """``ratio``: share of the parameters to remove."""
    return Step(
        technique="prune",
        label=f"prune-{round(ratio * 100, 2):g}",
        parameters={"ratio": ratio},
        from_module=True,
    )


def aot_inductor() -> Step:
    """Native code for this CPU."""
    return Step(technique="aot_inductor", label="aot-inductor", from_module=True)


def tensorrt(precision: str) -> Step:
    """``precision``: fp32 or fp16."""
    return Step(
        technique="tensorrt",
        label=_with_precision("tensorrt", precision),
        parameters={"precision": precision},
    )


def onnxruntime_on_gpu(provider: str, precision: str) -> Step:
    """``provider``: ``cuda`` or ``tensorrt``; ``precision``: fp32 or fp16."""
    return Step(
        technique="ort_cuda",
        label=_with_precision(f"ort-{provider}", precision),
        parameters={"provider": provider, "precision": precision},
    )


def _with_precision(name: str, precision: str) -> str:
    return name if precision == FP32 else f"{name}-{precision}"
