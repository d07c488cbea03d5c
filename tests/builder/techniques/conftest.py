"""Small real models, exported as the builder does it, with rows to calibrate and judge them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.numpy import save_file

from modelservice_runtime.builder import exporting
from modelservice_runtime.builder.recipes import Parameter, Step
from modelservice_runtime.builder.techniques import maker
from modelservice_runtime.builder.techniques.base import Made, SourceAccess, Work
from modelservice_runtime.builder.worker import Limits
from modelservice_runtime.contract.requests import SourceRequest

MAX_BATCH = 8
ROWS = 48


class Cnn(torch.nn.Module):
    """Convolutions with batch norms (one depthwise), a clip, a residual, a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        conv, norm = torch.nn.Conv2d, torch.nn.BatchNorm2d
        self.stem = torch.nn.Sequential(conv(3, 16, 3, padding=1), norm(16), torch.nn.ReLU6())
        self.deep = torch.nn.Sequential(
            conv(16, 16, 3, padding=1, groups=16), norm(16), torch.nn.ReLU6(), conv(16, 16, 1)
        )
        self.head = torch.nn.Linear(16, 5)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and features."""
        x = self.stem(image)
        features = (x + self.deep(x)).mean((2, 3))
        return self.head(features), features


class Encoder(torch.nn.Module):
    """Embeddings, a layer of attention written out, a feed-forward part, mean pooling."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.words = torch.nn.Embedding(64, 32)
        self.query, self.key, self.value, self.out = (torch.nn.Linear(32, 32) for _ in range(4))
        self.norm, self.last = torch.nn.LayerNorm(32), torch.nn.LayerNorm(32)
        self.up, self.down = torch.nn.Linear(32, 64), torch.nn.Linear(64, 32)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """An embedding."""
        x = self.words(tokens)
        parts = (layer(x).unflatten(-1, (4, 8)).transpose(1, 2) for layer in self._inputs())
        mixed = torch.nn.functional.scaled_dot_product_attention(*parts)
        x = self.norm(x + self.out(mixed.transpose(1, 2).flatten(2)))
        x = self.last(x + self.down(torch.nn.functional.gelu(self.up(x))))
        return x.mean(1)

    def _inputs(self) -> tuple[torch.nn.Module, ...]:
        return self.query, self.key, self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """``model``: the plain export. ``calibration``, ``selection``: files; ``inputs``: of both."""

    model: Path
    calibration: Path
    selection: Path
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]

    def rows(self, count: int) -> dict[str, np.ndarray]:
        """The first ``count`` rows."""
        return {name: array[:count] for name, array in self.inputs.items()}


def run(model: Path, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """In ONNX Runtime, one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, ["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def example(
    folder: Path, module: torch.nn.Module, inputs: dict[str, np.ndarray], outputs: tuple[str, ...]
) -> Example:
    """Export ``module`` and write its data."""
    model = folder / "model.onnx"
    tensors = {name: torch.from_numpy(array) for name, array in inputs.items()}
    with warnings.catch_warnings():
        # The exporter uses what torch itself has declared old.
        warnings.simplefilter("ignore", FutureWarning)
        exporting.export(
            module.eval(), tensors, outputs, dynamic_axes={}, max_batch_size=MAX_BATCH, target=model
        )
    answers = run(model, inputs)
    save_file(inputs, folder / "calibration.safetensors")
    first = next(iter(answers.values()))
    columns = {f"input/{name}": array for name, array in inputs.items()}
    columns |= {f"output/{name}": array for name, array in answers.items()}
    columns["label"] = first.argmax(1).astype(np.int64)
    save_file(columns, folder / "selection.safetensors")
    return Example(
        model=model,
        calibration=folder / "calibration.safetensors",
        selection=folder / "selection.safetensors",
        inputs=inputs,
        outputs=answers,
    )


@pytest.fixture(scope="session")
def answers() -> Callable[[Path, dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """Run an ONNX file."""
    return run


@pytest.fixture(scope="session")
def cnn(tmp_path_factory: pytest.TempPathFactory) -> Example:
    """A small CNN with two outputs."""
    images = np.random.default_rng(3).standard_normal((ROWS, 3, 12, 12)).astype(np.float32)
    folder = tmp_path_factory.mktemp("cnn")
    return example(folder, Cnn(), {"image": images}, ("logits", "features"))


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Example:
    """A small transformer."""
    tokens = np.random.default_rng(4).integers(0, 64, (ROWS, 10)).astype(np.int64)
    folder = tmp_path_factory.mktemp("encoder")
    return example(folder, Encoder(), {"tokens": tokens}, ("embedding",))


WorkOf = Callable[..., Work]


@pytest.fixture
def work_on(tmp_path: Path) -> WorkOf:
    """A step's work on an example or an ONNX file, its target an empty folder."""

    def make_work(given: Example | Path, *, seconds: float = 60, **parameters: Parameter) -> Work:
        target = tmp_path / f"target-{len(list(tmp_path.iterdir()))}"
        target.mkdir()
        has_data = isinstance(given, Example)
        return Work(
            parent=given.model if has_data else given,
            target=target,
            parameters=parameters,
            source=SourceAccess(request=SourceRequest(kind="onnx", uri=""), folder=tmp_path),
            max_batch_size=MAX_BATCH,
            seconds=seconds,
            calibration=given.calibration if has_data else None,
            selection=given.selection if has_data else None,
        )

    return make_work


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of a maker: nothing of the tests' own, and a home that can be written to."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH")}
    return {**kept, "HOME": str(home), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def made(environment: dict[str, str], tmp_path: Path) -> Callable[[str, Work], Made]:
    """Make a step in a maker process."""

    def in_process(technique: str, work: Work) -> Made:
        return maker.make(
            Step(technique=technique, label=technique, parameters=work.parameters),
            work,
            limits=Limits(memory_bytes=0),
            environment=environment,
            timeout=100,
            cwd=tmp_path,
        )

    return in_process
