"""The text of ``config.pbtxt`` means what the value says, read by Triton's own protobuf."""

from __future__ import annotations

from dataclasses import replace

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import model_config_pb2 as pb

from modelservice_runtime.contract.model_config import (
    BACKENDS,
    PYTHON_BACKEND,
    RUNTIME_ENGINES,
    TRITON_BACKENDS,
    BackendError,
    ModelConfig,
    RateLimitedResource,
    backend_for,
    render_pbtxt,
)
from modelservice_runtime.contract.requests import ENGINES, TENSORRT
from modelservice_runtime.contract.tensors import DATATYPES, ModelInterface, TensorSpec
from modelservice_runtime.serve.layout import backend_of, variant_of

VARIANTS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,20}", fullmatch=True)
NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=10)
SPECS = st.builds(
    TensorSpec,
    name=NAMES,
    datatype=st.sampled_from(sorted(DATATYPES)),
    dims=st.lists(st.integers(1, 1000) | st.just(-1), max_size=4).map(tuple),
)
SPEC_LISTS = st.lists(SPECS, min_size=1, max_size=3, unique_by=lambda spec: spec.name).map(tuple)
RESOURCES = st.builds(
    RateLimitedResource, name=NAMES, count=st.integers(1, 64), priority=st.integers(1, 9)
)
CONFIGS = st.builds(
    ModelConfig,
    name=NAMES,
    backend=st.sampled_from(TRITON_BACKENDS),
    variant=VARIANTS,
    engine=st.sampled_from(ENGINES),
    precision=st.sampled_from(["fp32", "int8", "bf16", "fp16"]),
    model_file=NAMES,
    max_batch_size=st.integers(1, 4096),
    interface=st.builds(ModelInterface, inputs=SPEC_LISTS, outputs=SPEC_LISTS),
    instances=st.integers(1, 64),
    threads=st.integers(1, 64),
    queue_delay_microseconds=st.integers(0, 10**9),
    queue_timeout_microseconds=st.integers(0, 10**9),
    warmup_batch_sizes=st.lists(st.integers(1, 64), max_size=3, unique=True).map(tuple),
    warmup_inputs=SPEC_LISTS,
    gpu=st.booleans(),
    key=st.sampled_from(["", "0123abcd"]),
    response_cache=st.booleans(),
    cuda_graphs=st.booleans(),
    padded=st.booleans(),
    priority_levels=st.integers(0, 5),
    rate_limiter=st.lists(RESOURCES, max_size=3).map(tuple),
)


def dims_of(spec: TensorSpec) -> list[int]:
    return list(spec.dims or (1,))


@given(CONFIGS)
def test_the_text_means_what_the_value_says(config: ModelConfig) -> None:
    parsed = text_format.Parse(render_pbtxt(config), pb.ModelConfig())
    assert (parsed.name, parsed.backend) == (config.name, config.backend)
    assert parsed.max_batch_size == config.max_batch_size
    assert [group.count for group in parsed.instance_group] == [config.instances]
    for tensors, specs in (
        (parsed.input, config.interface.inputs),
        (parsed.output, config.interface.outputs),
    ):
        assert [(t.name, list(t.dims)) for t in tensors] == [(s.name, dims_of(s)) for s in specs]
        kinds = [pb.DataType.Name(tensor.data_type) for tensor in tensors]
        assert kinds == [f"TYPE_{spec.datatype}" for spec in specs]
        assert [t.HasField("reshape") for t in tensors] == [not spec.dims for spec in specs]
    parameters = {name: value.string_value for name, value in parsed.parameters.items()}
    assert parameters == {
        "intra_op_thread_count": str(config.threads),
        "inter_op_thread_count": "1",
        "variant": config.variant,
        "engine": config.engine,
        "precision": config.precision,
        "model_file": config.model_file,
    } | ({"config_key": config.key} if config.key else {}) | (
        {"pad_requests": "true"} if config.padded and config.backend == PYTHON_BACKEND else {}
    )


@given(CONFIGS)
def test_inputs_with_an_open_axis_may_be_ragged_where_our_runner_pads_them(
    config: ModelConfig,
) -> None:
    parsed = text_format.Parse(render_pbtxt(config), pb.ModelConfig())
    pads = config.padded and config.backend == PYTHON_BACKEND
    ragged = [tensor.allow_ragged_batch for tensor in parsed.input]
    assert ragged == [pads and -1 in spec.dims for spec in config.interface.inputs]


@given(CONFIGS)
def test_the_backend_is_told_what_to_load_and_where_to_run_it(config: ModelConfig) -> None:
    parsed = text_format.Parse(render_pbtxt(config), pb.ModelConfig())
    own = f"{config.variant}/{config.model_file}"
    python = config.backend == PYTHON_BACKEND
    assert parsed.default_model_filename == ("model.py" if python else own)
    (group,) = parsed.instance_group
    on_gpu = config.gpu or config.engine == TENSORRT
    kinds = pb.ModelInstanceGroup
    assert group.kind == (kinds.KIND_GPU if on_gpu else kinds.KIND_CPU)


@given(CONFIGS)
def test_equal_values_are_equal_texts(config: ModelConfig) -> None:
    """The text's digest decides whether pods are replaced."""
    assert render_pbtxt(config) == render_pbtxt(replace(config))


@given(CONFIGS)
def test_the_queue_is_as_the_value_says(config: ModelConfig) -> None:
    parsed = text_format.Parse(render_pbtxt(config), pb.ModelConfig())
    batching = parsed.dynamic_batching
    timeout = config.queue_timeout_microseconds
    batches = config.max_batch_size > 1 or timeout > 0 or config.priority_levels > 0
    assert parsed.HasField("dynamic_batching") == batches
    if batches:
        assert batching.max_queue_delay_microseconds == config.queue_delay_microseconds
    assert batching.HasField("default_queue_policy") == (timeout > 0)
    policy = batching.default_queue_policy
    assert policy.default_timeout_microseconds == timeout
    assert policy.timeout_action == pb.ModelQueuePolicy.REJECT


@given(CONFIGS)
def test_every_priority_waits_as_long_as_any(config: ModelConfig) -> None:
    parsed = text_format.Parse(render_pbtxt(config), pb.ModelConfig())
    batching, levels = parsed.dynamic_batching, config.priority_levels
    assert batching.priority_levels == levels
    assert batching.default_priority_level == (levels // 2 + 1 if levels else 0)
    assert batching.default_priority_level <= levels
    policies = dict(batching.priority_queue_policy)
    waits = config.queue_timeout_microseconds
    assert sorted(policies) == (list(range(1, levels + 1)) if waits else [])
    assert all(policy == batching.default_queue_policy for policy in policies.values())


@given(CONFIGS)
def test_answers_are_kept_and_graphs_captured_where_the_value_says_so(config: ModelConfig) -> None:
    parsed = text_format.Parse(render_pbtxt(config), pb.ModelConfig())
    assert parsed.response_cache.enable == config.response_cache
    graphs = config.cuda_graphs and config.engine == TENSORRT
    assert parsed.optimization.cuda.graphs == graphs
    assert parsed.HasField("optimization") == graphs


@given(CONFIGS)
def test_an_instance_needs_what_the_value_says(config: ModelConfig) -> None:
    (group,) = text_format.Parse(render_pbtxt(config), pb.ModelConfig()).instance_group
    assert group.HasField("rate_limiter") == bool(config.rate_limiter)
    limiter = group.rate_limiter
    assert [(r.name, r.count) for r in limiter.resources] == [
        (wanted.name, wanted.count) for wanted in config.rate_limiter
    ]
    if config.rate_limiter:
        assert limiter.priority == max(wanted.priority for wanted in config.rate_limiter)


@given(CONFIGS)
def test_every_warm_up_reads_the_artifact_s_row(config: ModelConfig) -> None:
    parsed = text_format.Parse(render_pbtxt(config), pb.ModelConfig())
    assert [warmup.batch_size for warmup in parsed.model_warmup] == list(config.warmup_batch_sizes)
    for warmup in parsed.model_warmup:
        assert {name: list(value.dims) for name, value in warmup.inputs.items()} == {
            spec.name: dims_of(spec) for spec in config.warmup_inputs
        }
        assert all(name == value.input_data_file for name, value in warmup.inputs.items())


@given(CONFIGS)
def test_the_start_wrapper_finds_backend_and_variant_in_the_text(config: ModelConfig) -> None:
    text = render_pbtxt(config)
    assert (backend_of(text), variant_of(text)) == (config.backend, config.variant)


@pytest.mark.parametrize(
    ("runtime", "engine", "expected"),
    [
        ("python", "onnxruntime", "python"),
        ("python", "openvino", "python"),
        ("python", "aoti", "python"),
        ("onnxruntime", "onnxruntime", "onnxruntime"),
        ("onnxruntime", "tensorrt", "tensorrt"),
    ],
)
def test_the_backend_of_an_engine(runtime: str, engine: str, expected: str) -> None:
    assert backend_for(runtime, engine) == expected


@pytest.mark.parametrize("engine", ["openvino", "aoti"])
def test_an_engine_that_a_runtime_cannot_run_is_an_error_in_words(engine: str) -> None:
    words = f"a runtime with backend 'onnxruntime' cannot run engine {engine!r}; it runs"
    with pytest.raises(BackendError, match=words):
        backend_for("onnxruntime", engine)


def test_a_runtime_s_backend_that_is_unknown_is_named() -> None:
    with pytest.raises(BackendError, match="'tensorflow' of a runtime is unknown; known are onnx"):
        backend_for("tensorflow", "onnxruntime")


def test_every_runtime_and_every_engine_is_in_the_table() -> None:
    assert set(RUNTIME_ENGINES) == set(BACKENDS)
    assert {engine for engines in RUNTIME_ENGINES.values() for engine in engines} == set(ENGINES)
