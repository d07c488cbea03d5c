"""Triton's ``config.pbtxt`` as a value and as text.

Written by hand rather than through the protobuf because operator and tuner both render it
and share no third-party package; tests on both sides parse the text back with
``model_config_pb2`` and compare.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from .requests import AOTI, ONNXRUNTIME, OPENVINO, TENSORRT
from .tensors import ModelInterface, TensorSpec

PYTHON_BACKEND = "python"
ONNXRUNTIME_BACKEND = "onnxruntime"
TENSORRT_BACKEND = "tensorrt"
#: What a runtime may say: ``python``, all models run in our runner; ``onnxruntime``, in Triton's
#: own backends.
BACKENDS = (ONNXRUNTIME_BACKEND, PYTHON_BACKEND)
#: What a configuration may name.
TRITON_BACKENDS = (ONNXRUNTIME_BACKEND, PYTHON_BACKEND, TENSORRT_BACKEND)
#: Engines that a runtime can run. Not OpenVINO in Triton's own backend: it cannot be told to
#: compute in fp32 (it has HINT_BF16 alone, and takes bf16 by itself where the CPU has it), and it
#: refuses batches that are not full, or pads them.
RUNTIME_ENGINES = {
    PYTHON_BACKEND: (ONNXRUNTIME, OPENVINO, AOTI),
    ONNXRUNTIME_BACKEND: (ONNXRUNTIME, TENSORRT),
}
_OWN_BACKEND = {ONNXRUNTIME: ONNXRUNTIME_BACKEND, TENSORRT: TENSORRT_BACKEND}
RUNNER_FILE = "model.py"
#: The parameter that tells our runner to pad requests of different lengths.
PAD_REQUESTS = "pad_requests"
#: The parameter that carries a configuration's key.
CONFIG_KEY = "config_key"


class BackendError(ValueError):
    """A runtime cannot run an engine; the message names both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitedResource:
    """``count`` of what Triton's rate limiter calls ``name``, which an instance needs to compute.

    ``priority``: 1 first; an instance of priority 2 gets half as many turns. Triton has one for
    an instance, so of several resources the largest number counts.
    """

    name: str
    count: int
    priority: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """One model's serving settings.

    ``backend``: Triton's (``backend_for``). ``variant``, ``engine``, ``precision``,
    ``model_file``: of the artifact's variant that is served; the runner reads them from the
    configuration, and so does whoever asks Triton what it serves.
    ``queue_timeout_microseconds``: 0 renders no queue policy (in Triton 0 means no limit).
    ``warmup_batch_sizes``: each runs on every instance before the model is ready, with the
    artifact's sample (files ``warmup/<input name>``, one row each, shaped ``warmup_inputs``).
    ``gpu``: instances run on a GPU; a TensorRT engine does in any case.
    ``key``: names this configuration, so that Triton itself tells what it serves; empty for none.
    ``response_cache``: answers are kept; where, a flag of the server says (``--cache-config``).
    ``cuda_graphs``: of a TensorRT engine; others have no use for it.
    ``padded``: requests whose open axes differ may be one batch, which our runner pads with zeros;
    in other backends they never are.
    ``priority_levels``: that requests may name, 1 first; 0 for none. All wait equally long, and
    who names none is in the middle, of two in the lower.
    ``rate_limiter``: what an instance needs; the server has to be told how much there is.
    """

    name: str
    backend: str
    variant: str
    engine: str
    precision: str
    model_file: str
    max_batch_size: int
    interface: ModelInterface
    instances: int = 1
    threads: int = 1
    queue_delay_microseconds: int = 0
    queue_timeout_microseconds: int = 0
    warmup_batch_sizes: tuple[int, ...] = ()
    warmup_inputs: tuple[TensorSpec, ...] = ()
    gpu: bool = False
    key: str = ""
    response_cache: bool = False
    cuda_graphs: bool = False
    padded: bool = False
    priority_levels: int = 0
    rate_limiter: tuple[RateLimitedResource, ...] = ()


def backend_for(runtime_backend: str, engine: str) -> str:
    """Triton's backend for a variant of ``engine`` in a runtime that says ``runtime_backend``.

    Raises:
        BackendError: such a runtime cannot run it, or is none.
    """
    if runtime_backend not in RUNTIME_ENGINES:
        known = ", ".join(BACKENDS)
        raise BackendError(
            f"backend {runtime_backend!r} of a runtime is unknown; known are {known}"
        )
    engines = RUNTIME_ENGINES[runtime_backend]
    if engine not in engines:
        raise BackendError(
            f"a runtime with backend {runtime_backend!r} cannot run engine {engine!r};"
            f" it runs {', '.join(engines)}"
        )
    return PYTHON_BACKEND if runtime_backend == PYTHON_BACKEND else _OWN_BACKEND[engine]


def warmup_sizes(max_batch_size: int) -> tuple[int, ...]:
    """The batch sizes to warm up: a lone row and a full batch. Tuned and served alike."""
    return tuple(sorted({1, max_batch_size}))


def render_pbtxt(config: ModelConfig) -> str:
    """The text of ``config.pbtxt``, ending in a newline."""
    lines = [
        f"name: {_quoted(config.name)}",
        f"backend: {_quoted(config.backend)}",
        f"max_batch_size: {config.max_batch_size}",
        f"default_model_filename: {_quoted(_default_file(config))}",
    ]
    lines += _tensors("input", config.interface.inputs, ragged=_is_padded(config))
    lines += _tensors("output", config.interface.outputs)
    lines += _instances(config)
    lines += _dynamic_batching(config)
    lines += _extras(config)
    lines += _parameters(config)
    for size in config.warmup_batch_sizes:
        lines += _warmup(size, config.warmup_inputs)
    return "\n".join(lines) + "\n"


def _default_file(config: ModelConfig) -> str:
    """What the backend loads, relative to the version's folder; each variant has a folder there."""
    if config.backend == PYTHON_BACKEND:
        return RUNNER_FILE
    return f"{config.variant}/{config.model_file}"


def _kind(config: ModelConfig) -> str:
    return "KIND_GPU" if config.gpu or config.engine == TENSORRT else "KIND_CPU"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _dims(tensor: TensorSpec) -> str:
    return ", ".join(str(size) for size in tensor.dims or (1,))


def _reshape(tensor: TensorSpec) -> str:
    """Triton has no empty ``dims``: a tensor of one value a row is declared [1], reshaped to []."""
    return "" if tensor.dims else " reshape { shape: [] }"


def _is_padded(config: ModelConfig) -> bool:
    return config.padded and config.backend == PYTHON_BACKEND


def _ragged(tensor: TensorSpec) -> str:
    return " allow_ragged_batch: true" if -1 in tensor.dims else ""


def _tensors(kind: str, tensors: Iterable[TensorSpec], *, ragged: bool = False) -> list[str]:
    return [
        f"{kind} {{ name: {_quoted(t.name)} data_type: TYPE_{t.datatype}"
        f" dims: [{_dims(t)}]{_reshape(t)}{_ragged(t) if ragged else ''} }}"
        for t in tensors
    ]


def _instances(config: ModelConfig) -> list[str]:
    group = f"instance_group {{ count: {config.instances} kind: {_kind(config)}"
    if not config.rate_limiter:
        return [f"{group} }}"]
    resources = [
        f"    resources {{ name: {_quoted(item.name)} count: {item.count} }}"
        for item in config.rate_limiter
    ]
    priority = max(item.priority for item in config.rate_limiter)
    return [group, "  rate_limiter {", *resources, f"    priority: {priority}", "  }", "}"]


def _dynamic_batching(config: ModelConfig) -> list[str]:
    timeout, levels = config.queue_timeout_microseconds, config.priority_levels
    if config.max_batch_size <= 1 and timeout == 0 and levels == 0:
        return []
    lines = ["dynamic_batching {"]
    lines += [f"  max_queue_delay_microseconds: {config.queue_delay_microseconds}"]
    if timeout > 0:
        lines += ["  default_queue_policy {", *_queue_policy(timeout), "  }"]
    if levels > 0:
        lines += [f"  priority_levels: {levels}", f"  default_priority_level: {levels // 2 + 1}"]
    for level in range(1, levels + 1) if timeout > 0 else ():
        lines += ["  priority_queue_policy {", f"    key: {level}", "    value {"]
        lines += [*(f"  {line}" for line in _queue_policy(timeout)), "    }", "  }"]
    return [*lines, "}"]


def _queue_policy(timeout_microseconds: int) -> list[str]:
    return [
        "    timeout_action: REJECT",
        f"    default_timeout_microseconds: {timeout_microseconds}",
    ]


def _extras(config: ModelConfig) -> list[str]:
    lines = ["response_cache { enable: true }"] if config.response_cache else []
    if config.cuda_graphs and config.engine == TENSORRT:
        lines += ["optimization { cuda { graphs: true } }"]
    return lines


def _parameters(config: ModelConfig) -> list[str]:
    # Triton's own backends look for what they know and leave the rest alone.
    pairs: dict[str, object] = {
        "intra_op_thread_count": config.threads,
        "inter_op_thread_count": 1,
        "variant": config.variant,
        "engine": config.engine,
        "precision": config.precision,
        "model_file": config.model_file,
    }
    if _is_padded(config):
        pairs[PAD_REQUESTS] = "true"
    if config.key:
        pairs[CONFIG_KEY] = config.key
    return [
        f"parameters {{ key: {_quoted(key)} value {{ string_value: {_quoted(str(value))} }} }}"
        for key, value in pairs.items()
    ]


def _warmup(batch_size: int, inputs: tuple[TensorSpec, ...]) -> list[str]:
    lines = ["model_warmup {", f'  name: "sample-{batch_size}"', f"  batch_size: {batch_size}"]
    for tensor in inputs:
        value = f"data_type: TYPE_{tensor.datatype} dims: [{_dims(tensor)}]"
        value += f" input_data_file: {_quoted(tensor.name)}"
        lines.append(f"  inputs {{ key: {_quoted(tensor.name)} value {{ {value} }} }}")
    return [*lines, "}"]
