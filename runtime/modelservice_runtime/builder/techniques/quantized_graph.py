"""Which operators of a graph compute in int8."""

from __future__ import annotations

import onnx

from . import onnx_files

#: What ONNX Runtime's quantizers put in place of a float operator.
_INTEGER_OPERATORS = frozenset(
    {
        "MatMulInteger",
        "ConvInteger",
        "com.microsoft:DynamicQuantizeLSTM",
        "com.microsoft:DynamicQuantizeMatMul",
        "com.microsoft:QAttention",
        "com.microsoft:QEmbedLayerNormalization",
    }
)
_PRODUCTS = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm"})
_DEQUANTIZE = "DequantizeLinear"


def count_quantized(model: onnx.ModelProto) -> int:
    """Integer operators, and products whose inputs both come out of a DequantizeLinear."""
    return len(quantized_nodes(model))


def quantized_nodes(model: onnx.ModelProto) -> frozenset[str]:
    """Names (or first outputs) of the nodes that compute in int8, in the main graph."""
    dequantized = {
        name for node in model.graph.node if node.op_type == _DEQUANTIZE for name in node.output
    }
    return frozenset(
        node.name or node.output[0]
        for node in model.graph.node
        if onnx_files.operator(node) in _INTEGER_OPERATORS
        or (node.op_type in _PRODUCTS and set(node.input[:2]) <= dequantized)
    )
