"""docs/evaluation.md: its examples run, its tables are what the code does."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from modelservice_runtime.builder.evaluation import columns, splitting
from modelservice_runtime.builder.evaluation.data import read_data
from modelservice_runtime.builder.evaluation.metrics import metric_for
from modelservice_runtime.builder.evaluation.splitting import rows_for
from modelservice_runtime.builder.gate import enough
from modelservice_runtime.contract.requests import GOAL_KINDS, METRICS, EvaluationRequest
from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "evaluation.md"
CRD = ROOT / "crds" / "modelservices.modelservice.dev.yaml"
TEXT = PAGE.read_text()
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
CONFIDENCE = 0.975
MARGINS = (0.005, 0.01, 0.02, 0.05)

DIGITS = ModelInterface(
    inputs=(TensorSpec(name="pixels", datatype="FP32", dims=(1, 8, 8)),),
    outputs=(TensorSpec(name="scores", datatype="FP32", dims=(10,)),),
)


def run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(code, PAGE, "exec"), names)  # noqa: S102 - the page's own example
    return names


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".parquet"])
def test_the_example_of_each_format_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code = next(code for code in PYTHON if f"digits{suffix}" in code)
    names = run(code)
    data = read_data(tmp_path / f"digits{suffix}", DIGITS)
    assert len(data) == 1000
    np.testing.assert_array_equal(data.inputs["pixels"], names["pixels"].reshape(1000, 1, 8, 8))
    np.testing.assert_array_equal(data.labels, names["digits"])
    assert metric_for(EvaluationRequest(), data, DIGITS).name == "Accuracy"


def test_the_example_of_a_metric_scores_each_row() -> None:
    code = next(code for code in PYTHON if "def score" in code)
    found = run(code)["score"](
        {"fraud": np.array([0.9, 0.2, 0.7, 0.1])},
        np.array([1, 1, 0, 0]),
        {"amount": np.array([80.0, 30.0, 10.0, 10.0])},
    )
    np.testing.assert_array_equal(found, [0, -30, -5, 0])


def test_every_python_example_is_one_of_these() -> None:
    assert len(PYTHON) == 4


def schema() -> dict[str, Any]:
    version = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    found: dict[str, Any] = spec["properties"]["evaluation"]["properties"]
    return found


def test_the_fields_of_the_example_are_the_apis() -> None:
    given = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)[0])["evaluation"]
    fields = schema()
    assert set(given) <= set(fields)
    assert given["metric"] in fields["metric"]["enum"]
    goal = fields["goals"]["items"]["properties"]
    assert set(given["goals"][0]) == {"type", "value"}
    assert given["goals"][0]["type"] in goal["type"]["enum"]
    assert given["confidence"] == fields["confidence"]["default"]


def first_cells(header: str) -> list[str]:
    table = TEXT.split(header, 1)[1].split("\n\n", 1)[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def test_the_tables_name_every_metric_and_every_goal() -> None:
    assert first_cells("| `metric` | needs") == list(METRICS)
    assert first_cells("| `type` | more is better") == list(GOAL_KINDS)


def test_the_figures_of_the_text_are_the_codes() -> None:
    assert (
        f"more than {columns.MAX_ROWS:,} rows, or more than {columns.MAX_BYTES >> 30} GiB" in TEXT
    )
    calibration = f"{splitting.CALIBRATION_PERCENT} %, at most {splitting.CALIBRATION_MOST}"
    selection = f"{splitting.SELECTION_PERCENT} %, at most {splitting.SELECTION_MOST:,}"
    assert f"| calibration | {calibration} |" in TEXT
    assert f"| selection | {selection} |" in TEXT
    assert f"fewer than {splitting.FEWEST} rows" in TEXT
    assert f"in {0.98**100 * 100:.0f} of 100 cases" in TEXT.replace("\n", " ")


def samples_table() -> str:
    lines = [
        "| `MaxDegradation` | `Accuracy`, nothing lost | agreement, nothing lost | half lost |",
        "| --- | --- | --- | --- |",
    ]
    for margin in MARGINS:
        counts = (
            enough.least(margin, CONFIDENCE),
            enough.least_share(margin, CONFIDENCE),
            enough.for_pairs(margin, CONFIDENCE, margin / 2),
        )
        cells = " | ".join(f"{count:,} ({rows_for(count):,})" for count in counts)
        lines.append(f'| `"{margin:g}"` | {cells} |')
    return "\n".join(lines)


def test_the_numbers_of_samples_are_the_gates() -> None:
    begin, rest = TEXT.split("writes it -->\n", 1)
    table, end = rest.split("<!-- /samples -->", 1)
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(f"{begin}writes it -->\n{samples_table()}\n<!-- /samples -->{end}")
        return
    assert table.strip() == samples_table(), "UPDATE_GOLDEN=1 writes it"
