"""Operators fused in the graph itself, for ONNX Runtime.

``how``: ``ort``: onnxscript's fusions for transformers (attention, skip layer norm, bias gelu),
which ONNX Runtime's own optimizer does not find in what torch exports today; ``slim``: onnxslim's
folding and elimination, for everything else.
"""

from __future__ import annotations

import gc
from pathlib import Path

import onnx

from modelservice_runtime.contract.store_layout import MODEL_FILE

from . import onnx_files
from .base import CannotProduceError, Made, Work
from .parameters import one_of
from .refusals import in_words
from .trying_out import check_runs
from .versions import versions_of

ORT, SLIM = "ort", "slim"


class Fuse:
    """The technique."""

    name = "fuse"

    def produce(self, work: Work) -> Made:
        """``how``: ``ort`` or ``slim``.

        Raises:
            CannotProduceError: nothing was found to fuse, or the result does not run.
        """
        how = one_of(work, "how", (ORT, SLIM))
        interface = onnx_files.interface_of(work.parent)
        before = len(onnx_files.load(work.parent).graph.node)
        model, notes = _with_fusions(work.parent) if how == ORT else _slimmed(work.parent)
        after = len(model.graph.node)
        # Both libraries leave cycles behind that hold the weights once more.
        gc.collect()
        onnx_files.save(model, interface, work.target / MODEL_FILE)
        check_runs(work.target / MODEL_FILE, interface)
        return Made(
            model_file=MODEL_FILE,
            notes=(*notes, f"{before} operators became {after}"),
            versions=versions_of("onnx", "onnxscript" if how == ORT else "onnxslim"),
            figures={"operators_before": float(before), "operators": float(after)},
        )


def _with_fusions(path: Path) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    import onnx_ir  # noqa: PLC0415 - seconds to import
    from onnxscript.rewriter import ort_fusions  # noqa: PLC0415 - likewise

    with in_words("onnxscript's fusions for ONNX Runtime"):
        fused, counted = ort_fusions.optimize_for_ort(onnx_ir.load(str(path)), clear_metadata=True)
        model = onnx_ir.to_proto(fused)
    found = {name: count for name, count in counted.items() if count}
    if not found:
        raise CannotProduceError("onnxscript found nothing to fuse for ONNX Runtime in this model")
    said = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in sorted(found.items()))
    return model, (f"fused: {said}",)


def _slimmed(path: Path) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    import onnxslim  # noqa: PLC0415 - seconds to import

    before = _shape(onnx.load(str(path), load_external_data=False))
    with in_words("onnxslim"):
        # Inferring all shapes finds nothing more here, and takes three times the model's bytes.
        model = onnxslim.slim(str(path), no_shape_infer=True)
    if model is None or _shape(model) == before:
        raise CannotProduceError("onnxslim found nothing to change in this model")
    return model, ()


def _shape(model: onnx.ModelProto) -> tuple[int, tuple[tuple[str, int], ...]]:
    counted = onnx_files.count_operators(model)
    return len(model.graph.initializer), tuple(sorted(counted.items()))


TECHNIQUE = Fuse()
