"""Dynamic int8: weights once and for all, activations anew at each call. Needs no data.

For models whose time goes into matrix products (transformers, MLPs). Embeddings stay in float32
unless asked for: they cost no time, only size, and lose accuracy. Of the layers, those whose
product loses most can stay in float32 as well (``float_share``); that needs calibration data.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from modelservice_runtime.contract.store_layout import MODEL_FILE

from . import layer_errors, one_thread, onnx_files
from .base import CannotProduceError, Made, Work
from .calibration_rows import calibration
from .onnx_writing import write_apart
from .parameters import parameter
from .quantized_graph import count_quantized
from .refusals import in_words
from .trying_out import check_runs
from .versions import versions_of

_OPERATORS = ("MatMul", "Gemm", "Attention", "LSTM")
_EMBEDDINGS = ("Gather", "EmbedLayerNormalization")
#: Rows on which the layers' errors are seen; each is a token or a picture's worth of products.
_ERROR_ROWS = 8


class QuantizeDynamic:
    """The technique."""

    name = "quantize_dynamic"

    def produce(self, work: Work) -> Made:
        """Quantize the weights of all products, or of most.

        ``per_channel``: one scale for each column of a weight. ``reduce_range``: 7 bits, for CPUs
        that add products up in 16 bits. ``embeddings``: quantize these too. ``float_share``: of
        the layers, in [0, 1), those that lose most stay in float32.

        Raises:
            CannotProduceError: there is no product with constant weights.
        """
        from onnx import TensorProto  # noqa: PLC0415 - only this technique's
        from onnxruntime.quantization import (  # noqa: PLC0415 - only this technique's
            QuantType,
            quantize_dynamic,
        )

        interface = onnx_files.interface_of(work.parent)
        operators = [
            *_OPERATORS,
            *(_EMBEDDINGS if parameter(work, "embeddings", default=False) else ()),
        ]
        kept, notes = _kept_in_float(work, tuple(spec.name for spec in interface.inputs))
        with tempfile.TemporaryDirectory() as folder, one_thread.onnxruntime_sessions():
            source = _named(work.parent, Path(folder) / MODEL_FILE)
            raw = Path(folder) / "quantized.onnx"
            with in_words("ONNX Runtime's dynamic quantization"):
                quantize_dynamic(
                    source,
                    raw,
                    op_types_to_quantize=operators,
                    per_channel=parameter(work, "per_channel", default=True),
                    reduce_range=parameter(work, "reduce_range", default=False),
                    weight_type=QuantType.QInt8,
                    nodes_to_exclude=list(kept),
                    # Behind fused operators shape inference stops, and types would be unknown.
                    extra_options={"DefaultTensorType": TensorProto.FLOAT},
                    use_external_data_format=True,
                )
            model = onnx_files.load(raw)
        count = count_quantized(model)
        if not count:
            raise CannotProduceError(
                "no matrix product with constant weights was found to quantize"
            )
        onnx_files.save(model, interface, work.target / MODEL_FILE)
        check_runs(work.target / MODEL_FILE, interface)
        return Made(
            model_file=MODEL_FILE,
            notes=(f"{count} operators compute in int8", *notes),
            versions=versions_of("onnx", "onnxruntime"),
            figures={"quantized_operators": float(count), "float_operators_kept": float(len(kept))},
        )


def _kept_in_float(work: Work, inputs: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    share = parameter(work, "float_share", 0.0)
    if not share:
        return (), ()
    rows = calibration(work, inputs, _ERROR_ROWS)
    with in_words("finding the layers that lose most"):
        errors = layer_errors.dynamic_errors(work.parent, rows)
    ranked = sorted(errors, key=lambda name: (-errors[name], name))
    kept = tuple(ranked[: round(share * len(ranked))])
    worst = f"; the worst, {kept[0]}, by {errors[kept[0]]:.1%} of its product" if kept else ""
    return kept, (f"{len(kept)} of {len(ranked)} layers stay in float32{worst}",)


def _named(parent: Path, copy: Path) -> Path:
    """A copy whose nodes all have a name: they are chosen by it.

    The quantizer also writes a file beside its input, and that folder is another step's.
    """
    model = onnx_files.load(parent)
    layer_errors.name_nodes(model)
    # Shapes of weights are noted there too, and are others once a Gemm has become a MatMul.
    del model.graph.value_info[:]
    write_apart(model, copy)
    return copy


TECHNIQUE = QuantizeDynamic()
