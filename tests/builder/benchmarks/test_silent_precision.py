"""Silent bf16 is refused in every way that this CPU has."""

from __future__ import annotations

import numpy as np
import pytest
from optimizer_figures.gate import precision as gate_precision
from optimizer_figures.gate.population import Table
from optimizer_figures.gate.sources import Source
from optimizer_figures.gate.task import task
from small_graphs import run_graph

from modelservice_runtime.builder.techniques import openvino_model


@pytest.mark.timeout(120)
def test_every_way_is_refused_and_the_declared_precision_is_kept(
    classifier: Source, images: np.ndarray
) -> None:
    expected = run_graph(classifier.path, {"image": images})
    labels = expected.argmax(axis=1)
    rows = Table.of({"image": images}, labels)
    found = gate_precision.precision(classifier, rows, task(classifier, labels, expected))
    assert len(found.ways) >= 3
    assert all(found.ways.values()), found.ways
    assert found.asserted_difference < 1e-5
    can = openvino_model.openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    assert (found.silent_difference > 1e-4) is ("BF16" in can)


def test_without_the_assertion_a_way_would_not_be_refused(
    classifier: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the benchmark can miss its target: here the builder's worker opens whatever it gets."""
    monkeypatch.setattr(gate_precision, "_open", lambda *_, **__: {"interface": {}})
    ways = gate_precision._ways(classifier, classifier.path)
    open_ways = [name for name in ways if name.startswith("builder")]
    assert open_ways
    assert all(gate_precision._refusal(ways[name]) == "" for name in open_ways)
