"""A float16 ONNX graph: half the weights' bytes, for accelerators that compute in it.

Inputs and outputs stay as they are. Not for CPUs: ONNX Runtime has float16 kernels for few
operators there and casts around all others (measured: EfficientNet-lite0 0.7 times as fast as in
float32, MiniLM equally fast). bfloat16 has no form in ONNX that ONNX Runtime's CPU kernels
compute on x86; on CPUs it is OpenVINO's (``openvino_ir``).
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import onnx

from modelservice_runtime.builder.recipes import FP16
from modelservice_runtime.contract.store_layout import MODEL_FILE

from . import onnx_files
from .base import CannotProduceError, Made, Work
from .onnx_writing import write_apart
from .parameters import one_of
from .refusals import in_words
from .trying_out import check_runs
from .versions import versions_of


class Half:
    """The technique."""

    name = "half"

    def produce(self, work: Work) -> Made:
        """``precision``: ``fp16``.

        Raises:
            CannotProduceError: there is nothing in float32, or the converter refuses.
        """
        from onnxruntime.transformers.float16 import (  # noqa: PLC0415 - only this technique's
            convert_float_to_float16,
        )
        from onnxruntime.transformers.onnx_model import OnnxModel  # noqa: PLC0415 - likewise

        one_of(work, "precision", (FP16,))
        interface = onnx_files.interface_of(work.parent)
        model = _with_shapes(work.parent)
        with in_words("ONNX Runtime's float16 conversion"), warnings.catch_warnings():
            # Values beyond what float16 holds are cut off; said once for each of them.
            warnings.simplefilter("ignore")
            model = convert_float_to_float16(model, keep_io_types=True, disable_shape_infer=True)
            OnnxModel(model).topological_sort()
        tensors = sum(tensor.data_type == tensor.FLOAT16 for tensor in model.graph.initializer)
        if not tensors:
            raise CannotProduceError("the model has no weights in float32")
        onnx_files.save(model, interface, work.target / MODEL_FILE)
        check_runs(work.target / MODEL_FILE, interface)
        return Made(
            model_file=MODEL_FILE,
            notes=(f"{tensors} weights in float16; inputs and outputs as they were",),
            versions=versions_of("onnx", "onnxruntime"),
        )


def _with_shapes(path: Path) -> onnx.ModelProto:
    """The model with inferred shapes; in files, since in memory it would be there four times."""
    with tempfile.TemporaryDirectory() as folder, in_words("inferring the model's shapes"):
        plain, inferred = Path(folder) / "plain.onnx", Path(folder) / "inferred.onnx"
        write_apart(onnx_files.load(path), plain)
        onnx.shape_inference.infer_shapes_path(str(plain), str(inferred))
        return onnx.load(str(inferred))


TECHNIQUE = Half()
