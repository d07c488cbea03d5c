"""Static int8 as OpenVINO IR: NNCF's post-training quantization of the OpenVINO model.

Weights by channel, activations as OpenVINO's kernels are fast with, biases corrected; what is not
quantized is computed in float32. On the OpenVINO model, not the ONNX file: NNCF places the
quantizers for OpenVINO either way (in ONNX Runtime its ONNX result is slower than float32), and
this side needs a third of the memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino

from modelservice_runtime.builder.recipes import INT8

from . import one_thread, onnx_files, openvino_model, quiet
from .base import CannotProduceError, Made, Work
from .calibration_rows import MOST_ROWS, RowFile, calibration
from .openvino_ir import write
from .parameters import parameter
from .refusals import in_words
from .versions import versions_of

_PRODUCTS = frozenset({"MatMul", "Convolution", "GroupConvolution", "ConvolutionBackpropData"})
#: What may lie between a quantizer and its product without changing a number.
_MOVERS = frozenset({"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Concat", "MaxPool"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleRows:
    """The rows one by one, read when they are asked for."""

    rows: RowFile

    def __iter__(self) -> Iterator[Mapping[str, np.ndarray]]:
        return self.rows.batches(1)

    def __len__(self) -> int:
        return self.rows.rows


class OpenvinoInt8:
    """The technique."""

    name = "openvino_int8"

    def produce(self, work: Work) -> Made:
        """``rows``: of the calibration part, at most.

        Raises:
            CannotProduceError: no calibration data, or NNCF finds nothing to quantize.
        """
        nncf = import_nncf()
        interface = onnx_files.interface_of(work.parent)
        names = tuple(spec.name for spec in interface.inputs)
        rows = calibration(work, names, parameter(work, "rows", MOST_ROWS))
        with in_words("OpenVINO"):
            model = openvino_model.read_model(work.parent)
        with in_words("NNCF's quantization"), one_thread.openvino_models(), quiet.nothing_printed():
            quantized = nncf.quantize(
                model,
                nncf.Dataset(SingleRows(rows=rows)),
                subset_size=rows.rows,
                model_type=model_type(nncf, model),
            )
        del model
        count = count_quantized(quantized)
        if not count:
            raise CannotProduceError("NNCF found no operator to quantize in this model")
        made = write(work, quantized, interface, INT8)
        return Made(
            model_file=made.model_file,
            notes=(f"{count} products compute in int8; ranges from {rows.rows} rows", *made.notes),
            versions={**made.versions, **versions_of("nncf")},
            figures={"quantized_operators": float(count), "calibration_rows": float(rows.rows)},
        )


def import_nncf() -> Any:  # noqa: ANN401 - untyped package
    """NNCF without the frameworks that it would import and that are not used here."""
    quiet.forbid_telemetry()
    for framework in ("torch", "tensorflow"):
        quiet.leave_out(framework)
    import nncf  # noqa: PLC0415 - seconds to import

    nncf.set_log_level(30)
    return nncf


def model_type(nncf: Any, model: openvino.Model) -> Any:  # noqa: ANN401 - untyped package
    """Transformers have patterns that must stay in float; NNCF wants to be told."""
    found = {node.get_type_name() for node in model.get_ops()}
    attention = "ScaledDotProductAttention" in found or {"Softmax", "MatMul", "MVN"} <= found
    return nncf.ModelType.TRANSFORMER if attention else None


def count_quantized(model: openvino.Model) -> int:
    """Products whose activations come out of a FakeQuantize."""
    return len(quantized_nodes(model))


def quantized_nodes(model: openvino.Model) -> frozenset[str]:
    """Names of the products whose activations are quantized."""
    return frozenset(
        _name(node)
        for node in model.get_ops()
        if node.get_type_name() in _PRODUCTS and _is_quantized(node.input_value(0).get_node())
    )


def products(model: openvino.Model) -> tuple[str, ...]:
    """Names of all products with weights or without, quantized or not."""
    return tuple(_name(node) for node in model.get_ops() if node.get_type_name() in _PRODUCTS)


def _name(node: Any) -> str:  # noqa: ANN401 - untyped package
    """As the ONNX node is called; OpenVINO makes two of one that has a bias."""
    return str(node.get_friendly_name()).removesuffix("/WithoutBiases")


def _is_quantized(node: Any) -> bool:  # noqa: ANN401 - untyped package
    while node.get_type_name() in _MOVERS:
        node = node.input_value(0).get_node()
    return bool(node.get_type_name() == "FakeQuantize")


TECHNIQUE = OpenvinoInt8()
