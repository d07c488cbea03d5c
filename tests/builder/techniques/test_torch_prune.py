"""Pruning with distillation: real modules, trained on made data for a second."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from modelservice_runtime.builder.techniques.base import (
    CannotProduceError,
    Made,
    SourceAccess,
    Work,
)
from modelservice_runtime.builder.techniques.prune import TECHNIQUE, TOLERANCE, Prune
from modelservice_runtime.contract.requests import SourceRequest

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*isinstance.treespec, LeafSpec.*:FutureWarning",
    "ignore:.*does not have a deterministic implementation.*:UserWarning",
)

#: Waves in one of six directions, in noise. ``load`` trains the dense module, ``train`` the other.
PICTURES = """
    import torch
    from torch import nn

    def data(rows, seed):
        generator = torch.Generator().manual_seed(seed)
        labels = torch.randint(0, 6, (rows,), generator=generator)
        angle = labels[:, None, None] * torch.pi / 6
        phase = torch.rand(rows, 1, 1, generator=generator) * 2 * torch.pi
        down, right = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
        waves = torch.sin(1.5 * (down * torch.cos(angle) + right * torch.sin(angle)) + phase)
        return (waves + 0.5 * torch.randn(rows, 8, 8, generator=generator))[:, None], labels

    class Cnn(nn.Module):
        def __init__(self):
            super().__init__()
            layers, before = [], 1
            for width in (16, 32, 48):
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
                before = width
            self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
            self.classes = nn.Linear(before, 6)
        def forward(self, picture):
            return {"scores": self.classes(self.features(picture))}

    def fit(module, loss, steps, seed):
        optimizer = torch.optim.Adam(module.parameters(), 3e-3)
        for step in range(steps):
            pictures, labels = data(64, 1000 * seed + step)
            optimizer.zero_grad()
            loss(module(picture=pictures)["scores"], pictures, labels).backward()
            optimizer.step()

    def load():
        torch.manual_seed(0)
        module = Cnn()
        fit(module, lambda scores, _, labels: nn.functional.cross_entropy(scores, labels), 60, 1)
        return module.eval(), {"picture": data(4, 7)[0]}

    def train(student, teacher, *, distillation_loss, seconds, seed):
        def loss(scores, pictures, labels):
            with torch.no_grad():
                taught = teacher(picture=pictures)["scores"]
            return distillation_loss(scores, taught)
        fit(student, loss, 60, 2)
"""

#: A module of one line, and training entrypoints of which each does one thing.
SMALL = """
    import json, os, sys
    from pathlib import Path
    import torch
    from torch import nn

    {module}

    def load():
        torch.manual_seed(0)
        return Net().eval(), {inputs}

    def nothing(student, teacher, *, distillation_loss, seconds, seed):
        pass

    def noted(student, teacher, *, distillation_loss, seconds, seed):
        seen = {{
            "seconds": seconds,
            "seed": seed,
            "train": student.training,
            "teacher trains": teacher.training,
            "gradients": all(p.requires_grad for p in student.parameters()),
            "teacher's": any(p.requires_grad for p in teacher.parameters()),
            "fewer": sum(p.numel() for p in student.parameters())
            < sum(p.numel() for p in teacher.parameters()),
            "grad mode": torch.is_grad_enabled(),
        }}
        (Path(__file__).parent / "seen.json").write_text(json.dumps(seen))

    def shaken(student, teacher, *, distillation_loss, seconds, seed):
        with torch.no_grad():
            for p in student.parameters():
                p.add_(torch.randn_like(p))

    def raises(student, teacher, *, distillation_loss, seconds, seed):
        raise ValueError("the corpus is gone")

    def leaves(student, teacher, *, distillation_loss, seconds, seed):
        sys.exit("bye")

    def old(student, teacher):
        pass

    def dense(student, teacher, *, distillation_loss, seconds, seed):
        return teacher

    def words(student, teacher, *, distillation_loss, seconds, seed):
        return "done"

    def diverges(student, teacher, *, distillation_loss, seconds, seed):
        with torch.no_grad():
            next(student.parameters()).fill_(float("nan"))
"""
MLP = """
    class Net(nn.Sequential):
        def __init__(self):
            parts = [nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3)]
            super().__init__(*parts)
        def forward(self, row):
            return super().forward(row)
"""
TRANSFORMER = """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(40, 32)
            self.place = nn.Parameter(torch.randn(1, 6, 32))
            layer = nn.TransformerEncoderLayer(32, 4, 128, dropout=0.0, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
            self.tags = nn.Linear(32, 5)
        def forward(self, ids):
            return self.tags(self.encoder(self.embedding(ids) + self.place))
"""
OWN_ATTENTION = """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(40, 32)
            self.q, self.k, self.v, self.o = (nn.Linear(32, 32) for _ in range(4))
            self.wide, self.narrow = nn.Linear(32, 128), nn.Linear(128, 32)
            self.tags = nn.Linear(32, 5)
        def heads(self, x):
            return x.view(x.shape[0], 6, 4, 8).transpose(1, 2)
        def forward(self, ids):
            x = self.embedding(ids)
            q, k, v = (self.heads(part(x)) for part in (self.q, self.k, self.v))
            seen = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2)
            x = x + self.o(seen.reshape(x.shape[0], 6, 32))
            return self.tags(x + self.narrow(self.wide(x).relu()))
"""
RECURRENT = """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.up, self.memory, self.tags = nn.Linear(4, 32), nn.GRU(32, 32), nn.Linear(32, 5)
        def forward(self, x):
            return self.tags(self.memory(self.up(x).relu())[0])
"""
IDS = '{"ids": torch.randint(0, 40, (4, 6))}'
ROWS = '{"row": torch.randn(4, 12)}'


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What is imported from a source is forgotten afterwards."""
    paths = list(sys.path)
    yield
    sys.path[:] = paths
    sys.modules.pop("prune_model", None)


def work(folder: Path, code: str, ratio: float = 0.5, train: str = "nothing") -> Work:
    """A source with this code and an empty target."""
    for name in ("source", "target"):
        (folder / name).mkdir()
    (folder / "source/prune_model.py").write_text(textwrap.dedent(code))
    request = SourceRequest(kind="pytorch", uri="", entrypoint="prune_model:load")
    return Work(
        parent=folder / "model.onnx",
        target=folder / "target",
        parameters={"ratio": ratio},
        source=SourceAccess(request=request, folder=folder / "source"),
        max_batch_size=16,
        seconds=60,
        training_entrypoint=f"prune_model:{train}",
    )


def small(module: str = MLP, inputs: str = ROWS) -> str:
    text = textwrap.indent(textwrap.dedent(module), "    ")
    return textwrap.dedent(SMALL).format(module=textwrap.dedent(text), inputs=inputs)


def answers(asked: Work, made: Made, inputs: dict[str, Any]) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(
        str(asked.target / made.model_file), providers=["CPUExecutionProvider"]
    )
    names = [tensor.name for tensor in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def test_a_cnn_loses_half_of_its_parameters_and_keeps_its_accuracy(tmp_path: Path) -> None:
    asked = work(tmp_path, PICTURES, train="train")
    made = TECHNIQUE.produce(asked)
    figures = made.figures
    removed = 1 - figures["parameters"] / figures["parameters_before"]
    assert removed == pytest.approx(0.5, abs=TOLERANCE)
    assert figures["macs"] < 0.7 * figures["macs_before"]
    assert 0 < figures["channel_ratio"] < 1
    assert figures["training_seconds"] > 0
    pictures, labels = sys.modules["prune_model"].data(1000, 99)
    for rows in (1, 3, 16, 1000):
        found = answers(asked, made, {"picture": pictures[:rows].numpy()})
        assert list(found) == ["scores"]
        assert found["scores"].shape == (rows, 6)
    assert (found["scores"].argmax(1) == labels.numpy()).mean() > 0.95
    assert "left whole: classes (the answer's shape depends on it)" in made.notes
    assert set(made.versions) == {"torch", "torch-pruning"}


def test_without_training_it_would_not_have_kept_it(tmp_path: Path) -> None:
    """What distillation is good for: the same pruning, nothing learned."""
    code = PICTURES.replace("fit(student, loss, 60, 2)", "pass")
    asked = work(tmp_path, code, train="train")
    made = TECHNIQUE.produce(asked)
    pictures, labels = sys.modules["prune_model"].data(1000, 99)
    found = answers(asked, made, {"picture": pictures.numpy()})
    assert (found["scores"].argmax(1) == labels.numpy()).mean() < 0.8


@pytest.mark.parametrize("ratio", [0.3, 0.5, 0.7])
def test_an_mlp_reaches_the_ratio_that_was_asked_for(tmp_path: Path, ratio: float) -> None:
    made = TECHNIQUE.produce(work(tmp_path, small(), ratio))
    removed = 1 - made.figures["parameters"] / made.figures["parameters_before"]
    assert removed == pytest.approx(ratio, abs=TOLERANCE)


def test_a_transformer_keeps_its_heads_and_says_so(tmp_path: Path) -> None:
    asked = work(tmp_path, small(TRANSFORMER, IDS), 0.4)
    made = TECHNIQUE.produce(asked)
    assert "left whole: encoder.layers.*.self_attn (the heads of attention)" in made.notes
    assert made.figures["macs"] < made.figures["macs_before"]
    for rows in (1, 3, 16):
        found = answers(asked, made, {"ids": np.ones((rows, 6), np.int64)})
        assert found["output"].shape == (rows, 6, 5)


def test_attention_by_hand_is_found_by_trying_and_named_with_its_place(tmp_path: Path) -> None:
    asked = work(tmp_path, small(OWN_ATTENTION, IDS), 0.4)
    made = TECHNIQUE.produce(asked)
    (note,) = [note for note in made.notes if "x.view(x.shape[0], 6, 4, 8)" in note]
    assert "prune_model.py:" in note
    assert answers(asked, made, {"ids": np.ones((3, 6), np.int64)})["output"].shape == (3, 6, 5)


def test_layers_that_torch_pruning_cannot_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(CannotProduceError, match=r"cannot read these layers: memory \(GRU\)"):
        TECHNIQUE.produce(work(tmp_path, small(RECURRENT, '{"x": torch.randn(4, 3, 4)}')))


def test_a_module_without_gradients_has_no_graph_to_prune(tmp_path: Path) -> None:
    best = MLP.replace("super().forward(row)", "super().forward(row).argmax(1)")
    with pytest.raises(CannotProduceError, match="none of its outputs depends on its parameters"):
        TECHNIQUE.produce(work(tmp_path, small(best)))


def test_a_ratio_that_cannot_be_reached_says_how_far_it_goes(tmp_path: Path) -> None:
    with pytest.raises(
        CannotProduceError, match=r"95% of the parameters were to go, \d+% is as near as it gets"
    ):
        TECHNIQUE.produce(work(tmp_path, small(TRANSFORMER, IDS), 0.95))


def test_the_training_gets_what_it_is_promised(tmp_path: Path) -> None:
    asked = replace(work(tmp_path, small(), train="noted"), training_seed=11)
    TECHNIQUE.produce(asked)
    seen = json.loads((asked.source.folder / "seen.json").read_text())
    assert 0 < seen.pop("seconds") <= 60
    assert seen == {
        "seed": 11,
        "train": True,
        "teacher trains": False,
        "gradients": True,
        "teacher's": False,
        "fewer": True,
        "grad mode": True,
    }


def test_the_seed_decides_the_training(tmp_path: Path) -> None:
    found = []
    for number, seed in enumerate((1, 1, 2)):
        folder = tmp_path / str(number)
        folder.mkdir()
        asked = replace(work(folder, small(), train="shaken"), training_seed=seed)
        made = TECHNIQUE.produce(asked)
        found.append(answers(asked, made, {"row": np.ones((2, 12), np.float32)})["output"])
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.allclose(found[0], found[2])


@pytest.mark.parametrize(
    ("train", "words"),
    [
        (
            "raises",
            r"'prune_model:raises' raised ValueError: the corpus is gone at prune_model\.py",
        ),
        ("leaves", r"raised SystemExit: bye at prune_model\.py:\d+"),
        ("old", r"unexpected keyword argument.*it is called as train\(student, teacher, \*"),
        ("dense", r"returned a module of \d+ parameters, the pruned one has \d+"),
        ("words", "returned str; it must train the student in place"),
        ("diverges", "output 'output' has NaN or Inf; did it diverge"),
        ("missing", "has no function 'missing'"),
    ],
)
def test_a_training_that_fails_is_told_in_words(tmp_path: Path, train: str, words: str) -> None:
    with pytest.raises(CannotProduceError, match=words):
        TECHNIQUE.produce(work(tmp_path, small(), train=train))


def test_without_a_training_entrypoint_it_says_where_to_name_one(tmp_path: Path) -> None:
    asked = replace(work(tmp_path, small()), training_entrypoint="")
    with pytest.raises(CannotProduceError, match=r"spec\.optimization\.pruning\.training"):
        TECHNIQUE.produce(asked)


@pytest.mark.parametrize("ratio", [0.0, 1.0, -0.5])
def test_a_ratio_that_is_none_is_refused(tmp_path: Path, ratio: float) -> None:
    with pytest.raises(CannotProduceError, match="ratio must be between 0 and 1"):
        TECHNIQUE.produce(work(tmp_path, small(), ratio))


@pytest.mark.parametrize("kind", ["onnx", "torchExport", "tensorflow"])
def test_a_finished_graph_cannot_be_pruned(tmp_path: Path, kind: str) -> None:
    asked = work(tmp_path, small())
    asked = replace(
        asked, source=replace(asked.source, request=replace(asked.source.request, kind=kind))
    )
    with pytest.raises(CannotProduceError, match=f"the source is {kind}, a finished graph"):
        TECHNIQUE.produce(asked)


def test_a_step_that_has_no_time_left_to_train_says_so(tmp_path: Path) -> None:
    times = iter([0.0, 59.5])
    with pytest.raises(CannotProduceError, match="all of the 60 s that it had"):
        Prune(lambda: next(times)).produce(work(tmp_path, small()))
