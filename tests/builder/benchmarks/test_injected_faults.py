"""Each fault does what its name says, and no more than its strength."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from optimizer_figures.gate import convolutions, faults, quantized, transformers
from optimizer_figures.gate.kinds import KINDS, Kind
from optimizer_figures.gate.sources import Source
from safetensors.numpy import save_file
from small_graphs import run_graph, weights_of


def logits(model: onnx.ModelProto | Path, images: np.ndarray) -> np.ndarray:
    return run_graph(model, {"image": images})


def hidden(source: Source, images: np.ndarray) -> np.ndarray:
    """What the ReLU gives, [n, 6, 4, 4]."""
    model = source.graph()
    del model.graph.output[:]
    model.graph.output.append(
        onnx.helper.make_tensor_value_info("hidden", TensorProto.FLOAT, ["n", 6, 4, 4])
    )
    return run_graph(model, {"image": images})


def from_hidden(source: Source, values: np.ndarray) -> np.ndarray:
    """The logits that follow from what the ReLU gives."""
    weights = weights_of(source.graph())
    found: np.ndarray = values.mean(axis=(2, 3)) @ weights["fc.weight"].T + weights["fc.bias"]
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_names_a_fault_that_takes_its_strengths(kind: Kind) -> None:
    for strength in kind.strengths().values():
        inspect.signature(faults.FAULTS[kind.fault]).bind(None, **strength)


def test_channels_in_the_wrong_layout_are_others_and_the_rest_is_as_it_was(
    classifier: Source, images: np.ndarray
) -> None:
    model = convolutions.wrong_layout(classifier, value="hidden", channels=4, size=4)
    onnx.checker.check_model(model)
    seen = hidden(classifier, images)
    read = seen[:, :4].transpose(0, 2, 3, 1).reshape(-1, 4, 4, 4)
    expected = from_hidden(classifier, np.concatenate([read, seen[:, 4:]], axis=1))
    np.testing.assert_allclose(logits(model, images), expected, rtol=1e-4, atol=1e-5)
    assert not np.allclose(expected, logits(classifier.path, images), atol=1e-3)


def test_a_forgotten_norm_gives_the_raw_weights_back(classifier: Source) -> None:
    raw = np.full((6, 1, 3, 3), 0.5, np.float32)
    save_file({"conv.weight": raw}, classifier.folder / "weights.safetensors")
    model = convolutions.forgotten_norm(classifier, layer="conv", channels=2)
    weights = weights_of(model)
    before = weights_of(classifier.graph())
    np.testing.assert_array_equal(weights["conv.weight"][:2], raw[:2])
    np.testing.assert_array_equal(weights["conv.weight_bias"][:2], 0)
    np.testing.assert_array_equal(weights["conv.weight"][2:], before["conv.weight"][2:])
    np.testing.assert_array_equal(weights["conv.weight_bias"][2:], before["conv.weight_bias"][2:])


def test_truncated_weights_end_in_zeros(classifier: Source, images: np.ndarray) -> None:
    model = convolutions.truncated(classifier, weight="fc.weight", rows=1)
    before, after = logits(classifier.path, images), logits(model, images)
    np.testing.assert_array_equal(after[:, :3], before[:, :3])
    assert np.ptp(after[:, 3]) == 0  # the bias alone


def test_what_float16_cannot_hold_is_cut_off_or_infinite(
    classifier: Source, images: np.ndarray
) -> None:
    seen = hidden(classifier, images)
    scale = 65504 / float(seen.max()) * 4  # what is above a quarter of the largest is lost
    cut = convolutions.overflow(classifier, value="hidden", scale=scale, saturating=True)
    expected = from_hidden(classifier, np.minimum(seen, 65504 / scale))
    np.testing.assert_allclose(logits(cut, images), expected, rtol=1e-2, atol=1e-2)
    infinite = convolutions.overflow(classifier, value="hidden", scale=scale, saturating=False)
    over = (seen * scale > 65520).any(axis=(1, 2, 3))
    assert over.any()
    np.testing.assert_array_equal(~np.isfinite(logits(infinite, images)).all(axis=1), over)


def test_pixels_of_another_scale(classifier: Source, images: np.ndarray) -> None:
    model = convolutions.wrong_scale(classifier, factor=0.5, shift=0.25)
    expected = logits(classifier.path, (images * 0.5 + 0.25).astype(np.float32))
    np.testing.assert_allclose(logits(model, images), expected, rtol=1e-4, atol=1e-5)


def test_two_classes_change_places(classifier: Source, images: np.ndarray) -> None:
    model = convolutions.swapped_classes(classifier, layer="fc", one=0, other=3)
    np.testing.assert_allclose(
        logits(model, images), logits(classifier.path, images)[:, [3, 1, 2, 0]], rtol=1e-6
    )


def test_four_bits_have_fifteen_steps_and_keep_the_largest() -> None:
    array = np.random.default_rng(3).standard_normal((10, 64)).astype(np.float32)
    found = quantized.rounded(array, 4, 32)
    assert found.dtype == np.float32
    for group in found.reshape(-1, 32):
        assert len(np.unique(group)) <= 15
    largest = np.abs(array).reshape(-1, 32).max(axis=1)
    np.testing.assert_allclose(np.abs(found).reshape(-1, 32).max(axis=1), largest, rtol=1e-5)
    assert np.abs(found - array).max() <= largest.max() / 14 + 1e-6
    np.testing.assert_array_equal(quantized.rounded(np.zeros((2, 32), np.float32), 4, 32), 0)
    with pytest.raises(ValueError, match="reshape"):
        quantized.rounded(array, 4, 48)


IDS = np.array([[1, 2, 0], [3, 1, 0]], np.int64)


def test_padding_gets_attention_where_the_mask_is_weak(words: Source) -> None:
    before = run_graph(words.path, {"ids": IDS})
    ignored = run_graph(transformers.weak_mask(words, bias=0.0), {"ids": IDS})
    weak = run_graph(transformers.weak_mask(words, bias=-2.0), {"ids": IDS})
    assert (before[:, 2] == 0).all()
    assert (weak[:, 2] > 0).all()
    assert (weak[:, 2] < ignored[:, 2]).all()


def test_a_model_without_a_mask_is_refused(classifier: Source) -> None:
    with pytest.raises(KeyError, match="no constant of the mask"):
        transformers.weak_mask(classifier, bias=0.0)


def test_a_dropped_sum_leaves_its_residual(words: Source) -> None:
    """The sum's first input is passed on, here the scores: so the mask is lost."""
    dropped = transformers.dropped(words, value="sums")
    np.testing.assert_allclose(
        run_graph(dropped, {"ids": IDS}),
        run_graph(transformers.weak_mask(words, bias=0.0), {"ids": IDS}),
    )
    assert "masked" not in [each.name for each in dropped.graph.initializer]


def test_rows_between_first_and_last_move_up_by_one(words: Source) -> None:
    model = transformers.off_by_one(words, weight="words", first=1, last=3)
    table = weights_of(model)["words"]
    np.testing.assert_array_equal(table[:, 0], [0, 4, 6, 2, 8])


def test_words_that_an_older_vocabulary_lacks_are_the_unknown_one(words: Source) -> None:
    model = transformers.older_vocabulary(words, weight="words", unknown=1, known=3)
    table = weights_of(model)["words"]
    np.testing.assert_array_equal(table[:, 0], [0, 2, 4, 2, 2])


def test_a_candidate_is_there_whole_or_not_at_all(
    classifier: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = next(kind for kind in KINDS if kind.fault == "swapped_classes")
    path = tmp_path / "faults" / "a.onnx"
    faults.candidate(classifier, kind, {"layer": "fc", "one": 0, "other": 1}, path)
    assert [file.name for file in path.parent.iterdir()] == ["a.onnx"]
    broken = onnx.ModelProto()
    monkeypatch.setitem(faults.FAULTS, kind.fault, lambda *_, **__: broken)  # type: ignore[misc]
    with pytest.raises(onnx.checker.ValidationError):
        faults.candidate(classifier, kind, {}, path.with_name("b.onnx"))
    assert not path.with_name("b.onnx").exists()


def test_another_strength_has_another_key(classifier: Source) -> None:
    kind = KINDS[0]
    assert faults.key(classifier, kind, {"rows": 1}) == faults.key(classifier, kind, {"rows": 1})
    assert faults.key(classifier, kind, {"rows": 1}) != faults.key(classifier, kind, {"rows": 2})
