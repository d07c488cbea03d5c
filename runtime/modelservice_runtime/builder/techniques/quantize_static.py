"""Static int8 in QDQ form: ranges of the activations from calibration data, fixed in the graph.

For models whose time goes into convolutions. ``method``: how a range follows from what was seen:
``minmax`` (all of it), ``entropy`` (the cut that changes the distribution least), ``percentile``.
Activations as uint8, weights as int8: what ONNX Runtime's x86 kernels are fast with; on ARM
``signed`` activations are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import onnx

from modelservice_runtime.contract.store_layout import MODEL_FILE

from . import layer_errors, one_thread, onnx_files
from .activation_ranges import ENTROPY, METHODS, MINMAX, PERCENTILE, write_ranges
from .base import CannotProduceError, Made, Work
from .calibration_rows import MOST_ROWS, RowFile, calibration
from .onnx_writing import write_apart
from .parameters import one_of, parameter
from .quantized_graph import quantized_nodes
from .refusals import in_words
from .trying_out import check_runs
from .versions import versions_of

_ITS_WORDS = {MINMAX: "MinMax", ENTROPY: "Entropy", PERCENTILE: "Percentile"}
#: Operators with int8 kernels, and those that only move numbers and so can stay between them.
#: Softmax, layer norms and embeddings are not among them: they lose accuracy and win no time.
OPERATORS = (
    "Conv", "ConvTranspose", "MatMul", "Gemm", "Add", "Mul", "Concat", "Split", "Pad", "Resize",
    "MaxPool", "AveragePool", "GlobalAveragePool", "Relu", "LeakyRelu", "Clip", "Reshape",
    "Transpose", "Flatten", "Squeeze", "Unsqueeze",
)  # fmt: skip
_PRODUCTS = {"Conv", "ConvTranspose", "MatMul", "Gemm"}


class QuantizeStatic:
    """The technique."""

    name = "quantize_static"

    def produce(self, work: Work) -> Made:
        """Calibrate and quantize.

        ``method``: of ``METHODS``. ``per_channel``: one scale for each channel of a weight.
        ``reduce_range``: weights in 7 bits, for CPUs that add products up in 16 bits. ``signed``:
        activations as int8. ``rows``: of the calibration part, at most. ``keep_ends``: the first
        and the last product stay in float32.

        Raises:
            CannotProduceError: no calibration data, control flow, or nothing to quantize.
        """
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / MODEL_FILE
            prepare(work.parent, source)
            kept = _ends(source) if parameter(work, "keep_ends", default=False) else ()
            return quantize(work, source, kept)


def quantize(work: Work, source: Path, kept: Sequence[str]) -> Made:
    """Quantize the prepared model ``source`` but for the nodes ``kept``.

    Raises:
        CannotProduceError: nothing is left to quantize, or the result does not run.
    """
    interface = onnx_files.interface_of(work.parent)
    rows = calibration(
        work, tuple(spec.name for spec in interface.inputs), parameter(work, "rows", MOST_ROWS)
    )
    target, raw = work.target / MODEL_FILE, source.with_name("quantized.onnx")
    with one_thread.onnxruntime_sessions():
        _quantize(work, source, raw, rows, kept)
    model = onnx_files.load(raw)
    quantized = quantized_nodes(model)
    if not quantized:
        raise CannotProduceError("no convolution or matrix product was found to quantize")
    onnx_files.save(model, interface, target)
    check_runs(target, interface)
    return Made(
        model_file=MODEL_FILE,
        notes=(f"{len(quantized)} products compute in int8; ranges from {rows.rows} rows",),
        versions=versions_of("onnx", "onnxruntime"),
        figures={
            "quantized_operators": float(len(quantized)),
            "float_operators_kept": float(len(kept)),
            "calibration_rows": float(rows.rows),
        },
    )


def prepare(parent: Path, target: Path) -> None:
    """Batch norms folded into convolutions, constants computed, all nodes named.

    What ONNX Runtime's ``quant_pre_process`` does but for the symbolic shapes: those are for
    operators that are not quantized here, and cost seven times the model's bytes and sympy.

    Raises:
        CannotProduceError: there is control flow, or ONNX Runtime cannot load the model.
    """
    import onnxruntime  # noqa: PLC0415 - only in the maker

    model = onnx_files.load(parent)
    onnx_files.refuse_control_flow(model, "static quantization")
    layer_errors.name_nodes(model)
    plain = target.with_name("plain.onnx")
    write_apart(model, plain)
    del model
    with one_thread.onnxruntime_sessions(), in_words("ONNX Runtime, optimizing the model,"):
        options = onnxruntime.SessionOptions()
        # Beyond the basic level there are operators for this machine alone.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(target)
        options.add_session_config_entry(
            "session.optimized_model_external_initializers_file_name", "optimized.bin"
        )
        onnxruntime.InferenceSession(str(plain), options, ["CPUExecutionProvider"])


def _quantize(work: Work, source: Path, target: Path, rows: RowFile, kept: Sequence[str]) -> None:
    from onnxruntime.quantization import (  # noqa: PLC0415 - only in the maker
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    method = one_of(work, "method", METHODS)
    signed = parameter(work, "signed", default=False)
    per_channel = parameter(work, "per_channel", default=True)
    reduce_range = parameter(work, "reduce_range", default=False)
    ranges = source.with_name("ranges.json")
    with in_words("ONNX Runtime's static quantization"):
        write_ranges(source, ranges, rows, operators=OPERATORS, method=method, symmetric=signed)
        quantize_static(
            source,
            target,
            None,
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(OPERATORS),
            per_channel=per_channel,
            reduce_range=reduce_range,
            activation_type=QuantType.QInt8 if signed else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=list(kept),
            calibrate_method=getattr(CalibrationMethod, _ITS_WORDS[method]),
            extra_options={"ActivationSymmetric": signed},
            use_external_data_format=True,
            calibration_cache_path=ranges,
        )


def _ends(source: Path) -> tuple[str, ...]:
    graph = onnx.load(str(source), load_external_data=False).graph
    products = [node.name for node in graph.node if node.op_type in _PRODUCTS]
    return tuple(dict.fromkeys([*products[:1], *products[-1:]]))


TECHNIQUE = QuantizeStatic()
