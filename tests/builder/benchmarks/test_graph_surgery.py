"""A graph is changed where it is meant to be, and what is not there is named."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from optimizer_figures.gate import surgery
from optimizer_figures.gate.sources import Source
from small_graphs import run_graph


def test_what_is_inserted_lies_between_a_value_and_all_that_reads_it(
    classifier: Source, images: np.ndarray
) -> None:
    model = classifier.graph()
    surgery.add_weight(model, "two", np.array(2, np.float32))
    # A second reader of the same value.
    model.graph.node.insert(3, surgery.node("Neg", ["mean"], "minus"))
    surgery.insert_after(
        model, "mean", lambda given, made: [surgery.node("Mul", [given, "two"], made)]
    )
    onnx.checker.check_model(model)
    readers = [node.op_type for node in model.graph.node if "mean__changed" in node.input]
    assert sorted(readers) == ["Gemm", "Neg"]
    weights, bias = (surgery.weight(model, f"fc.{name}") for name in ("weight", "bias"))
    before = run_graph(classifier.path, {"image": images})
    np.testing.assert_allclose(
        run_graph(model, {"image": images}), (before - bias) * 2 + bias, rtol=1e-4, atol=1e-5
    )
    assert weights.shape == (4, 6)


def test_an_input_of_the_graph_can_be_changed_too(classifier: Source, images: np.ndarray) -> None:
    model = classifier.graph()
    surgery.insert_after(model, "image", lambda given, made: [surgery.node("Neg", [given], made)])
    np.testing.assert_allclose(
        run_graph(model, {"image": images}),
        run_graph(classifier.path, {"image": -images}),
        rtol=1e-5,
    )


def test_a_node_that_is_left_out_passes_its_input_on(
    classifier: Source, images: np.ndarray
) -> None:
    model = classifier.graph()
    surgery.bypass(model, "hidden", "made")
    assert "Relu" not in [node.op_type for node in model.graph.node]
    assert not np.allclose(
        run_graph(model, {"image": images}), run_graph(classifier.path, {"image": images})
    )


def test_what_nothing_reads_any_more_goes(classifier: Source) -> None:
    model = classifier.graph()
    surgery.add_weight(model, "unused", np.zeros(3, np.float32))
    model.graph.node.append(surgery.node("Neg", ["mean"], "first"))
    model.graph.node.append(surgery.node("Neg", ["first"], "second"))
    assert surgery.tidied(model) == classifier.graph()


def test_a_weight_keeps_its_type_and_shape(classifier: Source) -> None:
    model = classifier.graph()
    surgery.set_weight(model, "fc.bias", np.zeros(4, np.float64))
    assert surgery.weight(model, "fc.bias").dtype == np.float32
    with pytest.raises(ValueError, match=r"fc.bias: \[5\] in place of \[4\]"):
        surgery.set_weight(model, "fc.bias", np.zeros(5, np.float32))


def test_what_is_not_there_is_named(classifier: Source) -> None:
    model = classifier.graph()
    with pytest.raises(KeyError, match="no weight nothing"):
        surgery.weight(model, "nothing")
    with pytest.raises(KeyError, match="no node makes nothing"):
        surgery.bypass(model, "nothing", "image")
    with pytest.raises(KeyError, match="does not read image"):
        surgery.bypass(model, "hidden", "image")
    with pytest.raises(KeyError, match="nothing reads logits"):
        surgery.insert_after(model, "logits", lambda *_: [])
