"""The model as OpenVINO IR, its precision declared in it.

``precision``: ``fp32``: the source model's arithmetic; ``bf16``, ``fp16``: an explicit choice, for
CPUs that compute in it. Made only where this CPU does. Of an ONNX file, or of an IR: then of all
that is not int8 in it.
"""

from __future__ import annotations

import openvino

from modelservice_runtime.builder.recipes import BF16, FP16, FP32
from modelservice_runtime.contract.tensors import ModelInterface

from . import onnx_files, openvino_model
from .base import Made, Work
from .parameters import one_of
from .refusals import in_words
from .versions import versions_of


class OpenvinoIr:
    """The technique."""

    name = "openvino_ir"

    def produce(self, work: Work) -> Made:
        """``precision``: ``fp32``, ``bf16`` or ``fp16``.

        Raises:
            CannotProduceError: OpenVINO lacks an operator, or this CPU the precision.
        """
        precision = one_of(work, "precision", (FP32, BF16, FP16))
        with in_words("OpenVINO"):
            model = openvino_model.read_model(work.parent)
            is_ir = work.parent.name == openvino_model.IR_FILE
            own = openvino_model.interface(model) if is_ir else None
        interface = own or onnx_files.interface_of(work.parent)
        return write(work, model, interface, precision)


def write(work: Work, model: openvino.Model, interface: ModelInterface, precision: str) -> Made:
    """Save ``model`` and open it as it will be served.

    Raises:
        CannotProduceError: it has lost its names, or this CPU cannot compute in ``precision``.
    """
    target = work.target / openvino_model.IR_FILE
    with in_words("OpenVINO"):
        openvino_model.keep_names(model, interface)
        openvino_model.declare(model, precision)
        openvino.save_model(model, str(target), compress_to_fp16=precision == FP16)
        # What was read is mapped, not needed any more, and would be there twice.
        del model
        openvino_model.compile_model(target, precision)
    hint = openvino_model.HINTS[precision]
    return Made(
        model_file=target.name,
        notes=(f"computed in {hint}, declared and checked on this CPU",),
        versions=versions_of("openvino"),
    )


TECHNIQUE = OpenvinoIr()
