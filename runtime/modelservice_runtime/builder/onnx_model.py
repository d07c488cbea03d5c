"""Reading and tidying an ONNX file. Worker process only (a file may crash the checker)."""

from __future__ import annotations

from pathlib import Path

import onnx

from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec

from .errors import MODEL_INVALID, UserError
from .tensors import check_name, datatype

TECHNIQUES = ("onnxscript-optimize", "one-file")


def find_model(source: Path) -> Path:
    """The one ``.onnx`` file in the source.

    Raises:
        UserError: there is none, or several.
    """
    found = sorted(source.rglob("*.onnx"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise UserError(
            MODEL_INVALID, f"the source must hold exactly one .onnx file; it has: {names}"
        )
    return found[0]


def check(path: Path) -> ModelInterface:
    """Check the model and read its interface.

    Raises:
        UserError: it is no valid ONNX, or cannot be served; what to do.
    """
    try:
        onnx.checker.check_model(str(path))
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:
        raise UserError(
            MODEL_INVALID, f"{path.name} is not a valid ONNX model: {_first_line(error)}"
        ) from error
    return interface(model)


def interface(model: onnx.ModelProto) -> ModelInterface:
    """Inputs and outputs in Triton's words; initializers that are also inputs are left out.

    Raises:
        UserError: a tensor's type or first dimension cannot be served.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [tensor for tensor in model.graph.input if tensor.name not in constants]
    return ModelInterface(
        inputs=tuple(_spec(tensor, "input") for tensor in inputs),
        outputs=tuple(_spec(tensor, "output") for tensor in model.graph.output),
    )


def _spec(tensor: onnx.ValueInfoProto, kind: str) -> TensorSpec:
    check_name(tensor.name)
    if not tensor.type.HasField("tensor_type"):
        raise UserError(MODEL_INVALID, f"{kind} {tensor.name!r} is no tensor; only tensors serve")
    element = tensor.type.tensor_type.elem_type
    try:
        numpy_name = onnx.helper.tensor_dtype_to_np_dtype(element).name
    except (KeyError, ValueError, TypeError):
        numpy_name = f"of ONNX type {element}"
    dims = [_size(dim) for dim in tensor.type.tensor_type.shape.dim]
    if not dims or dims[0] != -1:
        raise UserError(
            MODEL_INVALID,
            f"{kind} {tensor.name!r} has shape {dims}; its first dimension must be a dynamic"
            " batch: export with dynamic_axes={name: {0: 'batch'}} or a torch.export Dim",
        )
    return TensorSpec(
        name=tensor.name, datatype=datatype(tensor.name, numpy_name), dims=tuple(dims[1:])
    )


def _size(dim: onnx.TensorShapeProto.Dimension) -> int:
    return dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else -1


def tidy(source: Path, target: Path) -> None:
    """Write ``source`` to ``target``: constants folded, unused parts dropped, in one file.

    Raises:
        UserError: it is larger than one ONNX file may be.
    """
    import onnxscript.optimizer  # noqa: PLC0415 - takes seconds, and the artifact's worker needs none

    model = onnx.load(str(source))
    try:
        onnx.save_model(onnxscript.optimizer.optimize(model), str(target))
    except ValueError as error:
        raise UserError(
            MODEL_INVALID,
            f"{source.name} cannot be written as one file of at most 2 GiB: {_first_line(error)}",
        ) from error
    onnx.checker.check_model(str(target))


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:400]
