"""The Keras example: what prepare.py puts together for it loads, fits and does its task."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from example_files import EXAMPLES, prepare
from safetensors.numpy import load_file

from modelservice_runtime.builder.tensorflow_finding import find_model

NAME = "loan-classifier"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's two folders; the data come from the package index."""
    out = tmp_path_factory.mktemp("examples")
    prepare.prepare(NAME, out)
    return out


def macro_f1(found: np.ndarray, wanted: np.ndarray) -> float:
    scores = []
    for one in (0, 1):
        right = np.count_nonzero((found == one) & (wanted == one))
        scores.append(
            2 * right / (np.count_nonzero(found == one) + np.count_nonzero(wanted == one))
        )
    return float(np.mean(scores))


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_committed_model_judges_better_than_approving_everything(prepared: Path) -> None:
    model = keras.models.load_model(find_model(prepared / NAME))
    data = load_file(prepared / f"{NAME}-data/evaluation.safetensors")
    found = model.predict(data["input/application"], verbose=0).argmax(1)

    assert macro_f1(found, data["label"]) > 0.69
    assert macro_f1(np.ones_like(found), data["label"]) < 0.5


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_example_inputs_are_training_rows(prepared: Path) -> None:
    samples = load_file(prepared / NAME / "samples.safetensors")
    training = load_file(prepared / f"{NAME}-data/training.safetensors")

    assert list(samples) == ["input/application"]
    rows = training["input/application"][: len(samples["input/application"])]
    np.testing.assert_array_equal(samples["input/application"], rows)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_training_makes_the_committed_model(prepared: Path, tmp_path: Path) -> None:
    made = tmp_path / "model.keras"
    script = EXAMPLES / NAME / "train.py"
    command = [sys.executable, str(script), "--prepared", str(prepared), "--model", str(made)]
    subprocess.run(command, check=True, capture_output=True)

    ours, theirs = (
        keras.models.load_model(path) for path in (script.with_name("model.keras"), made)
    )
    for ours_array, their_array in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(their_array, ours_array, atol=1e-3)


def test_the_model_file_holds_no_code() -> None:
    with zipfile.ZipFile(EXAMPLES / NAME / "model.keras") as archive:
        assert b"Lambda" not in archive.read("config.json")
