"""Each ONNX technique on real exports: its numbers, names and batch sizes, and what it refuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from modelservice_runtime.builder.techniques.activation_ranges import METHODS
from modelservice_runtime.builder.techniques.base import CannotProduceError, Made, Technique, Work
from modelservice_runtime.builder.techniques.fuse import TECHNIQUE as FUSE
from modelservice_runtime.builder.techniques.half import TECHNIQUE as HALF
from modelservice_runtime.builder.techniques.openvino_ir import TECHNIQUE as OPENVINO_IR
from modelservice_runtime.builder.techniques.parameters import WrongParameterError
from modelservice_runtime.builder.techniques.quantize_dynamic import TECHNIQUE as DYNAMIC
from modelservice_runtime.builder.techniques.quantize_static import TECHNIQUE as STATIC

if TYPE_CHECKING:
    from conftest import Example

    WorkOf = Callable[..., Work]
    Answers = Callable[[Path, dict[str, np.ndarray]], dict[str, np.ndarray]]

BATCHES = (1, 3, 8)


def operators(model: Path) -> Counter[str]:
    """Of the main graph."""
    return Counter(node.op_type for node in onnx.load(str(model)).graph.node)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))


def check_answers(
    given: Example, model: Path, answers: Answers, *, alike: float, absolute: float
) -> None:
    """Names, types and shapes are kept at each batch size, and the numbers are near."""
    for rows in BATCHES:
        found = answers(model, given.rows(rows))
        assert list(found) == list(given.outputs)
        for name, array in given.outputs.items():
            assert found[name].shape == array[:rows].shape
            assert found[name].dtype == array.dtype
            assert cosine(found[name], array[:rows]) >= alike
            np.testing.assert_allclose(found[name], array[:rows], atol=absolute)


def test_fusing_a_transformer_gives_single_operators_for_attention_and_the_same_numbers(
    encoder: Example, work_on: WorkOf, answers: Answers
) -> None:
    work = work_on(encoder, how="ort")
    made = FUSE.produce(work)
    model = work.target / made.model_file
    assert operators(model)["MultiHeadAttention"] + operators(model)["Attention"] == 1
    assert operators(model)["SkipLayerNormalization"] >= 1
    assert any("skip layer normalization" in note for note in made.notes)
    assert made.figures["operators"] < made.figures["operators_before"]
    check_answers(encoder, model, answers, alike=0.999999, absolute=1e-4)


def test_a_model_with_nothing_to_fuse_is_refused(cnn: Example, work_on: WorkOf) -> None:
    with pytest.raises(CannotProduceError, match="nothing to fuse"):
        FUSE.produce(work_on(cnn, how="ort"))


def test_slimming_folds_what_can_be_computed_beforehand(
    tmp_path: Path, work_on: WorkOf, answers: Answers
) -> None:
    """A constant behind an identity; onnxslim removes both."""
    nodes = [
        helper.make_node("Identity", ["two"], ["same"]),
        helper.make_node("Exp", ["same"], ["factor"]),
        helper.make_node("Mul", ["x", "factor"], ["y"]),
    ]
    path = save(tmp_path, nodes, {"two": np.full(1, 2, np.float32)})
    work = work_on(path, how="slim")
    made = FUSE.produce(work)
    model = work.target / made.model_file
    assert operators(model) == {"Mul": 1}
    rows = np.ones((3, 4), np.float32)
    np.testing.assert_allclose(answers(model, {"x": rows})["y"], rows * np.exp(2), rtol=1e-6)


def test_dynamic_int8_multiplies_integers_and_leaves_embeddings_alone(
    encoder: Example, work_on: WorkOf, answers: Answers
) -> None:
    work = work_on(encoder)
    made = DYNAMIC.produce(work)
    model = work.target / made.model_file
    assert operators(model)["MatMulInteger"] == made.figures["quantized_operators"] == 6
    assert operators(model)["DynamicQuantizeLinear"] > 0
    graph = onnx.load(str(model)).graph
    (lookup,) = [node for node in graph.node if node.op_type == "Gather"]
    (table,) = [tensor for tensor in graph.initializer if tensor.name == lookup.input[0]]
    assert table.data_type == TensorProto.FLOAT
    check_answers(encoder, model, answers, alike=0.999, absolute=0.2)
    with_embeddings = work_on(encoder, embeddings=True)
    DYNAMIC.produce(with_embeddings)
    assert size_of(with_embeddings) < size_of(work)


def test_scales_by_channel_give_other_bytes_and_less_error(
    encoder: Example, work_on: WorkOf, answers: Answers
) -> None:
    errors = {}
    for per_channel in (True, False):
        work = work_on(outlier(encoder), per_channel=per_channel)
        DYNAMIC.produce(work)
        expected = answers(work.parent, encoder.inputs)["embedding"]
        found = answers(work.target / "model.onnx", encoder.inputs)["embedding"]
        errors[per_channel] = float(np.abs(found - expected).mean())
    assert errors[True] < 0.9 * errors[False]


def outlier(given: Example) -> Path:
    """The example with one column of its weights made large."""
    model = onnx.load(str(given.model))
    for tensor in model.graph.initializer:
        if list(tensor.dims) == [32, 64]:
            weights = numpy_helper.to_array(tensor).copy()
            weights[:, 0] *= 50
            tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))
    path = given.model.parent / "outlier.onnx"
    onnx.save(model, str(path))
    return path


def test_weights_of_seven_bits_stay_within_their_range(encoder: Example, work_on: WorkOf) -> None:
    largest = {}
    for reduce_range in (False, True):
        work = work_on(encoder, reduce_range=reduce_range)
        DYNAMIC.produce(work)
        tensors = onnx.load(str(work.target / "model.onnx")).graph.initializer
        weights = [numpy_helper.to_array(t) for t in tensors if t.data_type == TensorProto.INT8]
        largest[reduce_range] = max(np.abs(array.astype(int)).max() for array in weights)
    assert largest[False] == 127
    assert largest[True] in {63, 64}


def test_the_layers_that_lose_most_stay_in_float(
    encoder: Example, work_on: WorkOf, answers: Answers
) -> None:
    whole, mixed = work_on(encoder), work_on(encoder, float_share=0.5)
    DYNAMIC.produce(whole)
    made = DYNAMIC.produce(mixed)
    assert made.figures["quantized_operators"] == 3
    assert made.figures["float_operators_kept"] == 3
    assert any("3 of 6 layers stay in float32" in note for note in made.notes)
    errors = [
        float(np.abs(answers(work.target / "model.onnx", encoder.inputs)["embedding"]
                     - encoder.outputs["embedding"]).mean())
        for work in (whole, mixed)
    ]  # fmt: skip
    assert errors[1] < errors[0]


def test_a_model_without_matrix_products_has_no_dynamic_int8(
    tmp_path: Path, work_on: WorkOf
) -> None:
    path = save(tmp_path, [helper.make_node("Relu", ["x"], ["y"])])
    with pytest.raises(CannotProduceError, match="no matrix product with constant weights"):
        DYNAMIC.produce(work_on(path))


@pytest.mark.parametrize("method", METHODS)
def test_static_int8_puts_every_product_between_quantizers(
    cnn: Example, work_on: WorkOf, answers: Answers, method: str
) -> None:
    work = work_on(cnn, method=method)
    made = STATIC.produce(work)
    model = work.target / made.model_file
    found = operators(model)
    assert found["QuantizeLinear"] > 0
    assert found["DequantizeLinear"] > found["QuantizeLinear"]
    assert made.figures["quantized_operators"] == 4
    assert made.figures["calibration_rows"] == len(cnn.inputs["image"])
    check_answers(cnn, model, answers, alike=0.99, absolute=0.25)


def test_the_way_of_calibrating_changes_the_ranges(cnn: Example, work_on: WorkOf) -> None:
    scales = []
    for method in METHODS:
        work = work_on(cnn, method=method)
        STATIC.produce(work)
        tensors = onnx.load(str(work.target / "model.onnx")).graph.initializer
        scales.append(
            tuple(
                float(numpy_helper.to_array(t))
                for t in tensors
                if t.name.endswith("_scale") and not t.dims
            )
        )
    assert len(set(scales)) == len(METHODS)


def test_all_calibration_rows_count_not_the_last_few(cnn: Example, work_on: WorkOf) -> None:
    """One row with a large number, among the first: its range must be in the graph."""
    loud = {"image": cnn.inputs["image"].copy()}
    loud["image"][1] *= 20
    path = cnn.calibration.with_name("loud.safetensors")
    save_file(loud, path)
    work = work_on(cnn)

    STATIC.produce(replace(work, calibration=path))
    scale = input_scale(work.target / "model.onnx")
    low, high = min(0.0, loud["image"].min()), loud["image"].max()
    assert scale == pytest.approx((high - low) / 255, rel=0.01)


def input_scale(model: Path) -> float:
    """Of the quantizer of the input."""
    graph = onnx.load(str(model)).graph
    (node,) = [n for n in graph.node if n.op_type == "QuantizeLinear" and n.input[0] == "image"]
    (scale,) = [t for t in graph.initializer if t.name == node.input[1]]
    return float(numpy_helper.to_array(scale))


def test_static_scales_by_channel_give_other_bytes(cnn: Example, work_on: WorkOf) -> None:
    by_channel, by_tensor = work_on(cnn), work_on(cnn, per_channel=False)
    for work in (by_channel, by_tensor):
        STATIC.produce(work)
    scales = [
        max(
            t.dims[0]
            for t in onnx.load(str(work.target / "model.onnx")).graph.initializer
            if t.name.endswith("_scale") and t.dims
        )
        if work is by_channel
        else 0
        for work in (by_channel, by_tensor)
    ]
    assert scales[0] == 16
    assert read(by_channel) != read(by_tensor)


def test_signed_activations_and_ends_in_float_are_done_as_asked(
    cnn: Example, work_on: WorkOf
) -> None:
    signed = work_on(cnn, signed=True)
    STATIC.produce(signed)
    types = {
        t.data_type
        for t in onnx.load(str(signed.target / "model.onnx")).graph.initializer
        if t.name.endswith("_zero_point")
    }
    assert TensorProto.UINT8 not in types
    ends = STATIC.produce(work_on(cnn, keep_ends=True))
    assert ends.figures["quantized_operators"] == 2


def test_the_same_step_twice_gives_the_same_bytes(
    cnn: Example, encoder: Example, work_on: WorkOf
) -> None:
    for technique, given in ((STATIC, cnn), (DYNAMIC, encoder), (FUSE, encoder), (HALF, cnn)):
        works = [work_on(given), work_on(given)]
        for work in works:
            technique.produce(work)
        assert read(works[0]) == read(works[1]), technique.name


def test_float16_halves_the_weights_and_keeps_the_types_outside(
    cnn: Example, work_on: WorkOf, answers: Answers
) -> None:
    work = work_on(cnn, precision="fp16")
    HALF.produce(work)
    tensors = onnx.load(str(work.target / "model.onnx")).graph.initializer
    weights = [tensor for tensor in tensors if len(tensor.dims) > 1]
    assert {tensor.data_type for tensor in weights} == {TensorProto.FLOAT16}
    check_answers(cnn, work.target / "model.onnx", answers, alike=0.9999, absolute=1e-2)


def save(
    folder: Path,
    nodes: list[onnx.NodeProto],
    weights: dict[str, np.ndarray] | None = None,
    columns: int = 4,
    domain: str = "",
) -> Path:
    """A model with one input ``x`` and one output ``y`` of the same shape."""
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", columns])
        for name in ("x", "y")
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()]
    graph = helper.make_graph(nodes, "made", ends[:1], ends[1:], tensors)
    opsets = [helper.make_opsetid("", 18)]
    if domain:
        opsets.append(helper.make_opsetid(domain, 1))
    path = folder / "made.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), str(path))
    return path


def control_flow(folder: Path) -> Path:
    """``If`` whose branches hold the only products."""
    branches = {}
    for name in ("then", "else"):
        product = helper.make_node("MatMul", ["x", "weights"], [f"{name}_y"], name=name)
        out = helper.make_tensor_value_info(f"{name}_y", TensorProto.FLOAT, None)
        branches[f"{name}_branch"] = helper.make_graph([product], name, [], [out])
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Greater", ["sum", "zero"], ["positive"]),
        helper.make_node("If", ["positive"], ["y"], **branches),
    ]
    weights = {"weights": np.eye(4, dtype=np.float32), "zero": np.zeros((), np.float32)}
    return save(folder, nodes, weights)


def looping(folder: Path) -> Path:
    """``Loop`` that doubles three times."""
    body = helper.make_graph(
        [
            helper.make_node("Add", ["state", "state"], ["next"]),
            helper.make_node("Identity", ["going"], ["go"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, None),
        ],
    )
    turns = {"turns": np.array(3, np.int64), "yes": np.ones((), bool)}
    return save(folder, [helper.make_node("Loop", ["turns", "yes", "x"], ["y"], body=body)], turns)


def no_weights(folder: Path) -> Path:
    return save(folder, [helper.make_node("Relu", ["x"], ["y"])])


def empty_rows(folder: Path) -> Path:
    """Tensors without elements."""
    weights = {"nothing": np.zeros((0, 0), np.float32)}
    nodes = [helper.make_node("MatMul", ["x", "nothing"], ["y"])]
    return save(folder, nodes, weights, columns=0)


def unknown_operator(folder: Path) -> Path:
    nodes = [helper.make_node("Marvel", ["x"], ["y"], domain="com.example")]
    return save(folder, nodes, domain="com.example")


def no_onnx(folder: Path) -> Path:
    path = folder / "made.onnx"
    path.write_bytes(b"not a model")
    return path


TECHNIQUES = {
    "fuse": (FUSE, {"how": "ort"}),
    "slim": (FUSE, {"how": "slim"}),
    "dynamic": (DYNAMIC, {}),
    "mixed": (DYNAMIC, {"float_share": 0.5}),
    "static": (STATIC, {}),
    "half": (HALF, {}),
    "openvino": (OPENVINO_IR, {}),
}
HOSTILE = [control_flow, looping, no_weights, empty_rows, unknown_operator, no_onnx]


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_model_is_refused_in_a_sentence_or_still_computes_the_same(
    tmp_path: Path,
    work_on: WorkOf,
    answers: Answers,
    hostile: Callable[[Path], Path],
    technique: str,
) -> None:
    path = hostile(tmp_path)
    made_of, parameters = TECHNIQUES[technique]
    work = with_rows(work_on(path, **parameters), tmp_path)
    made, refusal = outcome(made_of, work)
    if made is None:
        assert 20 < len(refusal) < 450
        assert "\n" not in refusal
        return
    assert hostile not in {unknown_operator, no_onnx}
    if not made.model_file.endswith(".onnx"):
        return
    rows = np.ones((3, 0 if hostile is empty_rows else 4), np.float32)
    expected = answers(path, {"x": rows})["y"]
    np.testing.assert_allclose(
        answers(work.target / "model.onnx", {"x": rows})["y"], expected, atol=0.1
    )


def outcome(technique: Technique, work: Work) -> tuple[Made | None, str]:
    """What was made, or why not."""
    try:
        return technique.produce(work), ""
    except CannotProduceError as error:
        return None, str(error)


def with_rows(work: Work, folder: Path) -> Work:
    """Some calibration rows for ``x``."""
    path = folder / "rows.safetensors"
    save_file({"x": np.ones((4, 4), np.float32)}, path)
    return replace(work, calibration=path)


def test_control_flow_is_named_where_it_cannot_be_quantized(
    tmp_path: Path, work_on: WorkOf
) -> None:
    work = with_rows(work_on(control_flow(tmp_path)), tmp_path)
    with pytest.raises(CannotProduceError, match=r"control flow \(If\)"):
        STATIC.produce(work)


@pytest.mark.parametrize("technique", [STATIC], ids=["static"])
def test_without_calibration_data_the_sentence_says_so(
    tmp_path: Path, work_on: WorkOf, technique: Technique
) -> None:
    path = save(
        tmp_path,
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        {"w": np.eye(4, dtype=np.float32)},
    )
    with pytest.raises(CannotProduceError, match="needs calibration data"):
        technique.produce(work_on(path))


def test_calibration_rows_for_another_model_are_refused_by_name(
    cnn: Example, encoder: Example, work_on: WorkOf
) -> None:

    work = replace(work_on(cnn), calibration=encoder.calibration)
    with pytest.raises(CannotProduceError, match="no rows for input 'image'"):
        STATIC.produce(work)


@pytest.mark.parametrize(
    ("technique", "parameters"),
    [
        (STATIC, {"method": "guess"}),
        (FUSE, {"how": "somehow"}),
        (HALF, {"precision": "bf16"}),
        (DYNAMIC, {"per_channel": "yes"}),
    ],
    ids=["method", "how", "precision", "type"],
)
def test_a_parameter_that_is_none_is_a_fault_of_the_plan_and_not_of_the_model(
    cnn: Example, work_on: WorkOf, technique: Technique, parameters: dict[str, str]
) -> None:
    with pytest.raises(WrongParameterError, match="parameter"):
        technique.produce(work_on(cnn, **parameters))


def read(work: Work) -> bytes:
    return (work.target / "model.onnx").read_bytes()


def size_of(work: Work) -> int:
    return (work.target / "model.onnx").stat().st_size
