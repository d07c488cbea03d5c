"""A build on one's own machine: from the YAML file to the table and the report."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelservice_runtime.builder.command import on_this_machine, read_service, table
from modelservice_runtime.builder.errors import BuildError
from modelservice_runtime.builder.progress import Course, clock_text
from modelservice_runtime.contract import exit_codes

README = Path(__file__).parents[2] / "README.md"
TINY_MODEL = """
import torch

def load():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 3)).eval(), {"input": torch.randn(5, 4)}
"""
SERVICE: dict[str, Any] = {
    "apiVersion": "modelservice.dev/v1alpha1",
    "kind": "ModelService",
    "metadata": {"name": "tiny"},
    "spec": {
        "model": {"source": {"pytorch": {"uri": "pvc://models/tiny", "entrypoint": "model:load"}}},
        "optimization": {"techniques": ["Fuse"]},
        "serving": {"latencyObjective": {"milliseconds": 10}, "maxBatchSize": 4},
    },
}


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The command as a person runs it, in ``folder``."""
    keep = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ["PYTHONPATH"],
        "HOME": "/nonexistent",
    }
    return subprocess.run(
        [sys.executable, "-m", "modelservice_runtime.builder", *options],
        cwd=folder,
        env=keep,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a service's file and the claim that it names."""
    source = tmp_path / "claims/models/tiny"
    source.mkdir(parents=True)
    (source / "model.py").write_text(TINY_MODEL)
    (tmp_path / "service.yaml").write_text(yaml.safe_dump(SERVICE))
    return tmp_path


@pytest.mark.timeout(200)
def test_a_service_is_built_reported_and_found_again(place: Path) -> None:
    first = run(place, "service.yaml", "--claims", "claims", "--out", "out")
    assert first.returncode == exit_codes.OK, first.stdout + first.stderr
    assert "100%" in first.stderr
    assert "Traceback" not in first.stderr
    assert first.stdout.splitlines()[0].startswith("candidate")
    assert "Chosen" in first.stdout
    report = json.loads((place / "out/report.json").read_text())
    assert report["request"]["name"] == "tiny"
    assert (place / "out/report.html").read_text().startswith("<!doctype html>")
    assert list((place / "out/tensorboard").rglob("events.out.tfevents.*"))
    assert "INFO" in (place / "out/build.log").read_text()

    again = run(place, "service.yaml", "--claims", "claims", "--out", "out")
    assert again.returncode == exit_codes.OK
    assert "published before" in again.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_commands_of_the_readme_build_an_example(tmp_path: Path) -> None:
    (block,) = [
        block
        for block in re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
        if "modelservice_runtime.builder" in block
    ]
    commands = block.replace("\\\n", " ").replace("uv run --extra builder python", sys.executable)
    commands = commands.replace("\npython ", f"\n{sys.executable} ").replace(
        "build/", f"{tmp_path}/"
    )
    commands = re.sub("^python ", f"{sys.executable} ", commands)
    done = subprocess.run(
        ["sh", "-e", "-c", commands],
        cwd=README.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "tumour-classifier/report.html").is_file()
    assert "MacroF1" in done.stdout


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"optimization": {"techniques": ["Magic"]}}, "spec.optimization.techniques"),
        ({"optimisation": {}}, "optimisation"),
        ({"model": {"source": {}}}, "spec.model.source"),
    ],
    ids=["technique", "misspelt", "source"],
)
def test_a_file_that_is_wrong_is_refused_by_its_field(
    place: Path, change: dict[str, Any], words: str
) -> None:
    document = {**SERVICE, "spec": {**SERVICE["spec"], **change}}
    (place / "service.yaml").write_text(yaml.safe_dump(document))
    done = run(place, "service.yaml", "--claims", "claims", "--out", "out")
    assert done.returncode != exit_codes.OK
    assert words in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "text", ["", "a: [", "kind: Service\n", "kind: ModelService\n---\nkind: ModelService\n"]
)
def test_a_file_without_exactly_one_service_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "service.yaml").write_text(text)
    with pytest.raises(BuildError, match=r"service\.yaml"):
        read_service(tmp_path / "service.yaml")


def test_other_documents_in_the_file_are_left_alone(tmp_path: Path) -> None:
    text = "kind: Namespace\n---\n" + yaml.safe_dump(SERVICE)
    (tmp_path / "service.yaml").write_text(text)
    assert read_service(tmp_path / "service.yaml")["metadata"]["name"] == "tiny"


def test_a_claim_is_a_folder_here_and_other_addresses_stay(tmp_path: Path) -> None:
    assert on_this_machine("pvc://models/a/b.npz", tmp_path) == f"file://{tmp_path}/models/a/b.npz"
    for uri in ("", "s3://bucket/a", "https://example.org/a.zip"):
        assert on_this_machine(uri, tmp_path) == uri


def test_help_says_what_it_is_for(tmp_path: Path) -> None:
    done = run(tmp_path, "--help")
    assert done.returncode == 0
    for word in ("SERVICE.yaml", "--claims", "--open", "--out"):
        assert word in done.stdout


def test_the_time_left_follows_from_what_is_done_and_never_goes_back() -> None:
    now = [0.0]
    course = Course(clock=lambda: now[0])
    assert course.left() == ""
    now[0] = 30.0
    assert course.at("data", 0.0) == pytest.approx(0.25)
    assert course.left() == ", about 1:30 left"
    course.at("measure", 0.5)
    assert course.at("produce", 0.0) == pytest.approx(0.85), "a later wave"
    assert course.at("done", 0.0) == 1.0
    assert course.left() == ""
    assert clock_text(3671.0) == "61:11"


def test_the_table_is_as_wide_as_its_words() -> None:
    candidate = {
        "recipe": {"steps": [{"label": "fuse"}, {"label": "int8"}]},
        "outcome": "Chosen",
        "latency": [{"batch": 1, "sourceMs": 4.0, "artifactMs": 2.0}],
        "sizeBytes": 2_500_000,
        "reason": "the fastest",
    }
    lines = table({"candidates": [candidate]}).splitlines()
    assert lines[1].split("  ")[0] == "fuse+int8"
    assert "2.00 (b1)" in lines[1]
    assert lines[0].index("reason") == lines[1].index("the fastest")
