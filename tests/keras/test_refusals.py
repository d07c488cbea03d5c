"""Sources that cannot be built: refused in words that say what to do, and nothing else breaks."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from modelservice_runtime.builder.errors import UserError
from modelservice_runtime.builder.tensorflow_finding import find_model

if TYPE_CHECKING:
    from conftest import Source

#: The first test makes the models as well, in a process that imports TensorFlow.
pytestmark = pytest.mark.timeout(180)

Open = Callable[[Path], "Source"]
#: Model → the reason and words of the refusal.
REFUSED = {
    "with_lambda": ("ModelInvalid", "a Lambda layer, whose Python code is not run; give it as a"),
    "own_class": ("ModelInvalid", "the code of its class Subclassed is not known here"),
    "never_called": ("ModelInvalid", "does not know its inputs; begin it with keras.Input"),
    "text": ("ModelInvalid", "tensor 'words' is string, which cannot be served"),
    "random": ("ModelInvalid", "output 'y' differs between two calls on the same inputs"),
    "fixed_reshape": ("ModelInvalid", "whatever the number of rows; its first dimension must"),
    "fixed_batch": ("ModelInvalid", "input 'x' has shape [8, 2]; its first dimension must be a"),
    "other_signature": ("ModelInvalid", "no signature 'serving_default' (it has: predict)"),
    "one_name": ("ModelInvalid", "'x' names an input and an output"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_cannot_be_served_is_refused_with_what_to_do(
    models: Path, open_source: Open, name: str
) -> None:
    reason, words = REFUSED[name]
    with pytest.raises(UserError) as caught:
        open_source(models / name).load()
    assert caught.value.reason == reason
    assert words in caught.value.message
    assert "safe_mode=False" not in caught.value.message


def test_an_operator_without_a_counterpart_in_onnx_is_named(
    models: Path, open_source: Open
) -> None:
    source = open_source(models / "no_counterpart")
    source.load()
    with pytest.raises(UserError, match="no counterpart in ONNX: MatrixInverse") as caught:
        source.export()
    assert caught.value.reason == "ExportFailed"
    assert not (source.folder / "model.onnx").exists()


def test_samples_that_do_not_fit_name_the_tensor_and_both_shapes(
    models: Path, open_source: Open, tmp_path: Path
) -> None:
    shutil.copytree(models / "cnn", tmp_path / "source")
    rows = np.ones((2, 3, 16, 16), np.float32)
    np.savez(tmp_path / "source/samples.npz", **{"input/image": rows})
    with pytest.raises(UserError) as caught:
        open_source(tmp_path / "source").load()
    assert caught.value.reason == "ExampleInputsInvalid"
    assert "float32[2, 3, 16, 16], the model takes float32 [rows, 16, 16, 3]" in (
        caught.value.message
    )


def test_samples_that_the_model_fails_on_are_told(
    models: Path, open_source: Open, tmp_path: Path
) -> None:
    """Token 50 is none of the embedding's 50."""
    shutil.copytree(models / "lstm", tmp_path / "source")
    rows = np.full((2, 12), 50, np.int32)
    np.savez(tmp_path / "source/samples.npz", **{"input/tokens": rows})
    with pytest.raises(UserError, match=r"fails on 2 rows.*indices\[0,0\] = 50") as caught:
        open_source(tmp_path / "source").load()
    assert caught.value.reason == "ExampleInputsInvalid"


@pytest.mark.parametrize(
    ("name", "inner"),
    [("model.keras", ""), ("model.keras", "unrelated.txt"), ("saved_model.pb", "")],
    ids=["no archive", "another archive", "saved model"],
)
def test_damaged_bytes_are_told(open_source: Open, tmp_path: Path, name: str, inner: str) -> None:
    path = tmp_path / "source" / name
    path.parent.mkdir()
    path.write_bytes(b"not a model")
    if inner:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(inner, "nothing")
    with pytest.raises(UserError, match="cannot be loaded") as caught:
        open_source(path.parent).load()
    assert caught.value.reason == "ModelInvalid"


def test_layers_of_kerashub_come_from_the_requirements_and_of_no_other_package(
    models: Path, open_source: Open, tmp_path: Path
) -> None:
    """Keras imports its sister packages by itself when a file names them; nothing else."""
    requirements = tmp_path / "site"
    layer = (
        "import keras\n"
        "class Twice(keras.layers.Layer):\n"
        "    def call(self, inputs):\n"
        "        return inputs * 2\n"
    )
    for package in ("keras_hub", "others"):
        (requirements / package).mkdir(parents=True)
        (requirements / package / "__init__.py").write_text(layer)
    source = open_source(models / "of_keras_hub")
    source.load(module_path=[str(requirements)])
    rows = np.ones((3, 4), np.float32)
    np.testing.assert_array_equal(source.run({"x": rows})["twice"], rows * 2)
    with pytest.raises(UserError, match=r"keras_hub is missing; add it to requirements\.txt"):
        open_source(models / "of_keras_hub").load()
    with pytest.raises(UserError, match="the code of its class Twice is not known here"):
        open_source(models / "of_others").load(module_path=[str(requirements)])


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ((), "it has: none"),
        (("a.keras", "b/c.keras"), "it has: a.keras, b/c.keras"),
        (("a.keras", "saved/saved_model.pb"), "it has: a.keras, saved"),
        (("old.h5",), "old.h5 is Keras' old format: load it and save it again as .keras"),
    ],
    ids=["nothing", "two files", "both kinds", "old format"],
)
def test_a_source_without_exactly_one_model_lists_what_it_has(
    tmp_path: Path, files: tuple[str, ...], words: str
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(UserError) as caught:
        find_model(tmp_path)
    assert words in caught.value.message
