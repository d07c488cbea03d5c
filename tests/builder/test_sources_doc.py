"""docs/sources.md is true: its PyTorch, torch.export and ONNX snippets make sources that build."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest

from modelservice_runtime.builder.archives import SUFFIXES
from modelservice_runtime.builder.scratch import Scratch
from modelservice_runtime.builder.source import MODEL_SUFFIXES
from modelservice_runtime.builder.worker import Limits, Worker

DOCUMENT = Path(__file__).parents[2] / "docs" / "sources.md"
TIMEOUT_SECONDS = 50.0
Start = Callable[[str], Worker]


def snippets(heading: str) -> list[str]:
    """The Python blocks of the section with this heading."""
    text = DOCUMENT.read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    found: list[str] = re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    made = Scratch(root=tmp_path)
    made.create()
    return made


@pytest.fixture
def start(scratch: Scratch) -> Iterator[Start]:
    """Start a worker of the builder by its module's name."""
    workers: list[Worker] = []

    def begin(module: str) -> Worker:
        package = "modelservice_runtime.builder"
        environment = scratch.environment({"PATH": "/usr/bin:/bin", **python_path()})
        workers.append(
            Worker(
                "source model",
                f"{package}.{module}",
                environment=environment,
                cwd=scratch.work,
                limits=Limits(memory_bytes=0),
            )
        )
        return workers[-1]

    yield begin
    for worker in workers:
        worker.close()


def python_path() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(path for path in sys.path if path)}


def execute(code: str, folder: Path) -> None:
    """Run it as a script in ``folder``."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def exported(worker: Worker, scratch: Scratch, **load: Any) -> onnx.ModelProto:
    """The model that the worker exports, after it loaded the source."""

    def ask(command: str, **arguments: Any) -> None:
        worker.ask(command, timeout=TIMEOUT_SECONDS, doing=command, **arguments)

    ask("load", source=str(scratch.source), **load)
    ask("export", target=str(scratch.artifact / "model.onnx"), max_batch_size=8)
    return onnx.load(scratch.artifact / "model.onnx")


def names(model: onnx.ModelProto) -> tuple[list[str], list[str]]:
    return [value.name for value in model.graph.input], [v.name for v in model.graph.output]


def test_the_entrypoint_of_the_pytorch_section(scratch: Scratch, start: Start) -> None:
    (code,) = snippets("PyTorch")
    (scratch.source / "model.py").write_text(code)
    save = "import model, safetensors.torch\n"
    save += "safetensors.torch.save_file(model.Wine().state_dict(), 'weights.safetensors')"
    execute(save, scratch.source)
    model = exported(
        start("torch_worker"),
        scratch,
        name="model:load",
        module_path=[],
        samples=str(scratch.work / "samples.safetensors"),
    )
    assert names(model) == (["features"], ["scores"])


@pytest.mark.parametrize(
    ("heading", "worker", "expected"),
    [
        ("torch.export", "torch_export_worker", (["input"], ["output"])),
        ("ONNX", "onnx_worker", (["features"], ["scores"])),
    ],
)
def test_the_script_of_a_section_writes_a_source_that_builds(
    scratch: Scratch, start: Start, heading: str, worker: str, expected: tuple[list[str], list[str]]
) -> None:
    (code,) = snippets(heading)
    execute(code, scratch.source)
    samples = str(scratch.work / "samples.safetensors")
    assert names(exported(start(worker), scratch, samples_file=samples)) == expected


def test_every_kind_of_source_has_a_section_with_a_snippet() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    with_code = [heading for heading in headings if snippets(heading)]
    assert with_code == ["PyTorch", "torch.export", "ONNX", "Keras and TensorFlow"]


@pytest.mark.parametrize("suffix", [*SUFFIXES, *MODEL_SUFFIXES])
def test_every_kind_of_file_is_named(suffix: str) -> None:
    assert f"`{suffix}`" in DOCUMENT.read_text(encoding="utf-8")
