"""How OpenVINO is asked to compute: said for every model, checked after compiling. Worker only.

Left alone OpenVINO computes float32 models in bfloat16 where the CPU has it, and takes bfloat16
where float16 is asked for but not there. Neither may happen unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openvino

from modelservice_runtime.builder.errors import MODEL_INVALID, UserError
from modelservice_runtime.builder.recipes import BF16, FP16, FP32, INT8
from modelservice_runtime.builder.tensors import check_name, datatype
from modelservice_runtime.builder.worker_loop import is_out_of_memory
from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec
from modelservice_runtime.serve.runner.openvino_calls import Calls, for_one_row

IR_FILE = "model.xml"
DEVICE = "CPU"
PRECISION_HINT = "INFERENCE_PRECISION_HINT"
#: A candidate's precision → what all that is not quantized in the graph is computed in.
HINTS = {FP32: "f32", INT8: "f32", BF16: "bf16", FP16: "f16"}
#: Where an IR says its precision itself: rt_info/modelservice/precision.
_OWN_INFO = ["modelservice", "precision"]
_MOST_CHARACTERS = 300


def settings(precision: str) -> Mapping[str, Any]:
    """Properties for one model on one thread, as the serving side sets them too."""
    return {
        PRECISION_HINT: HINTS[precision],
        "INFERENCE_NUM_THREADS": 1,
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
    }


def read_model(path: Path) -> openvino.Model:
    """Read an IR or ONNX file.

    Raises:
        UserError: OpenVINO cannot read it.
    """
    try:
        return openvino.Core().read_model(str(path))
    except RuntimeError as error:
        raise _refused("read", path, error) from error


def compile_model(path: Path, precision: str) -> openvino.CompiledModel:
    """Read and compile an IR file.

    Raises:
        UserError: the IR declares another precision, this CPU computes in another one, or
            OpenVINO cannot read the file.
        KeyError: ``precision`` is no precision.
    """
    return _compiled(read_model(path), path, precision)


def _compiled(model: openvino.Model, path: Path, precision: str) -> openvino.CompiledModel:
    wanted = HINTS[precision]
    declared = declared_precision(model)
    if declared and declared != precision:
        raise UserError(
            MODEL_INVALID, f"{path.name} declares {declared} and was to be opened as {precision}"
        )
    try:
        compiled = openvino.Core().compile_model(model, DEVICE, dict(settings(precision)))
    except RuntimeError as error:
        raise _refused("compile", path, error) from error
    computed = compiled.get_property(PRECISION_HINT).get_type_name()
    if computed != wanted:
        raise UserError(
            MODEL_INVALID, f"OpenVINO computes in {computed} on this CPU where {wanted} is declared"
        )
    return compiled


def opened(path: Path, precision: str) -> tuple[ModelInterface, Calls]:
    """Read once and compile as in serving: the interface, and what is asked there.

    Raises:
        UserError, KeyError: as ``compile_model``; or its interface cannot be served.
    """
    model = read_model(path)
    many = _compiled(model, path, precision)
    single = for_one_row(model)
    one = _compiled(single, path, precision) if single is not None else None
    found = interface(many)
    inputs, outputs = ([spec.name for spec in specs] for specs in (found.inputs, found.outputs))
    return found, Calls(many, one, inputs, outputs)


def _refused(doing: str, path: Path, error: RuntimeError) -> UserError | MemoryError:
    if is_out_of_memory(error):
        return MemoryError(str(error))
    # The first line says where in OpenVINO's own code, the last ones what is wrong.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    words = " ".join(lines[1:] or lines)[:_MOST_CHARACTERS]
    return UserError(MODEL_INVALID, f"OpenVINO cannot {doing} {path.name}: {words}")


def declare(model: openvino.Model, precision: str) -> None:
    """Write the precision into the IR."""
    model.set_rt_info(precision, _OWN_INFO)


def declared_precision(model: openvino.Model) -> str:
    """What the IR says of itself; empty for one that says nothing."""
    if not model.has_rt_info(_OWN_INFO):
        return ""
    return str(model.get_rt_info(_OWN_INFO).astype(str))


def keep_names(model: openvino.Model, interface: ModelInterface) -> None:
    """Give inputs and outputs the names that they had, and these alone.

    Raises:
        UserError: OpenVINO has others, or in another order.
    """
    for kind, ports, specs in (
        ("input", model.inputs, interface.inputs),
        ("output", model.outputs, interface.outputs),
    ):
        if len(ports) != len(specs):
            raise UserError(
                MODEL_INVALID, f"OpenVINO sees {len(ports)} {kind}s, the model has {len(specs)}"
            )
        for port, spec in zip(ports, specs, strict=True):
            if spec.name not in port.get_names():
                names = ", ".join(sorted(port.get_names())) or "no name"
                raise UserError(
                    MODEL_INVALID, f"{kind} {spec.name!r} has become {names} in OpenVINO"
                )
            port.get_tensor().set_names({spec.name})


def interface(ports: Any) -> ModelInterface:  # noqa: ANN401 - a compiled or uncompiled model
    """Inputs and outputs in Triton's words, the batch left out.

    Raises:
        UserError: a type or a first dimension that cannot be served.
    """
    return ModelInterface(
        inputs=tuple(_spec(port, "input") for port in ports.inputs),
        outputs=tuple(_spec(port, "output") for port in ports.outputs),
    )


def _spec(port: Any, kind: str) -> TensorSpec:  # noqa: ANN401 - untyped package
    name = port.get_any_name()
    check_name(name)
    shape = port.get_partial_shape()
    sizes = [] if shape.rank.is_dynamic else list(shape)
    if not sizes or not sizes[0].is_dynamic:
        raise UserError(
            MODEL_INVALID, f"{kind} {name!r} has shape {shape}; its batch must be dynamic"
        )
    dims = tuple(-1 if size.is_dynamic else size.get_length() for size in sizes[1:])
    numpy_name = port.get_element_type().to_dtype().name
    return TensorSpec(name=name, datatype=datatype(name, numpy_name), dims=dims)
