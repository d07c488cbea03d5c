"""What cannot be exported or batched is refused with the exact line of the user's code."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from modelservice_runtime.builder import exporting, module_calls
from modelservice_runtime.builder.errors import UserError
from modelservice_runtime.builder.places import innermost, place_of

pytestmark = pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.*:FutureWarning")

#: The body of ``forward(self, x)`` begins in line 4 of the module.
NET = """
import torch
class Net(torch.nn.Module):
    def forward(self, x):
{body}
"""


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], torch.nn.Module]:
    """A module with this ``forward``, from a file of its own as a user's."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def made(body: str) -> torch.nn.Module:
        path = tmp_path / "nets" / "shaky.py"
        path.parent.mkdir()
        path.write_text(NET.lstrip().format(body=textwrap.indent(textwrap.dedent(body), " " * 8)))
        names: dict[str, Any] = {}
        exec(compile(path.read_text(), str(path), "exec"), names)  # noqa: S102 - our own text
        module: torch.nn.Module = names["Net"]().eval()
        return module

    return made


def export(module: torch.nn.Module, folder: Path) -> str:
    """The message of the refusal."""
    inputs = {"x": torch.randn(5, 4)}
    with pytest.raises(UserError) as caught:
        exporting.export(
            module,
            inputs,
            ("y",),
            dynamic_axes={},
            max_batch_size=8,
            target=folder / "model.onnx",
        )
    assert caught.value.reason == "ExportFailed"
    return caught.value.message


@pytest.mark.parametrize(
    ("body", "place", "words"),
    [
        ("if x.sum() > 0:\n    x = 2 * x\nreturn x", "4 (`if x.sum() > 0:`)", "data-dependent"),
        ("n = int(x.sum())\nreturn x.repeat(1, n)", "4 (`n = int(x.sum())`)", "data-dependent"),
        ("y = 2 * x\nreturn torch.as_tensor(y.numpy())", "5 (`return", "numpy() is not supported"),
        ("return x.view(3, 4)", "4 (`return x.view(3, 4)`)", "specialized it to be a constant (3)"),
        ("return torch.stack([row for row in x])", "4 (`return torch.stack", "no loop over rows"),
        (
            "if x.shape[0] > 2:\n    x = 2 * x\nreturn x",
            "4 (`if x.shape[0] > 2:`)",
            "x.shape[0] or -1",
        ),
        (
            "y = x[:, :, None] * x[:, None, :]\nreturn torch.linalg.eigvalsh(y)",
            "5 (`return torch.linalg.eigvalsh(y)`)",
            "No ONNX function found for <OpOverload(op='aten._linalg_eigh'",
        ),
    ],
    ids=["branch", "count", "numpy", "fixed size", "loop", "branch on the batch", "operator"],
)
def test_the_place_is_named(
    net: Callable[[str], torch.nn.Module], tmp_path: Path, body: str, place: str, words: str
) -> None:
    message = export(net(body), tmp_path)
    assert f"the module cannot be exported at nets/shaky.py:{place}" in message
    assert words in message
    assert "draft_export" not in message
    assert "TORCH_LOGS" not in message


def test_a_squeeze_that_takes_a_batch_of_one_for_a_dimension_is_found(
    net: Callable[[str], torch.nn.Module],
) -> None:
    with pytest.raises(UserError) as caught:
        module_calls.try_out(net("return (2 * x).squeeze()"), {"x": torch.randn(5, 4)}, ())
    assert "output 'output' has shape [4] for a batch of 1 and [5, 4] for 5 rows" in (
        caught.value.message
    )
    assert "give squeeze() its dimension" in caught.value.message


def test_a_module_that_fails_on_one_row_names_the_line(
    net: Callable[[str], torch.nn.Module],
) -> None:
    module = net("if len(x) == 1:\n    raise ValueError('alone')\nreturn x")
    with pytest.raises(UserError, match=r"fails on a batch of 1 at nets/shaky\.py:5") as caught:
        module_calls.try_out(module, {"x": torch.randn(5, 4)}, ())
    assert "ValueError: alone" in caught.value.message


def test_outputs_of_other_shapes_at_other_batches_are_no_matter_of_the_first_dimension_alone(
    net: Callable[[str], torch.nn.Module],
) -> None:
    module = net("return x[:, : len(x)]")
    with pytest.raises(UserError, match=r"has shape \[1, 1\] for a batch of 1"):
        module_calls.try_out(module, {"x": torch.randn(5, 4)}, ())


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_module_that_takes_any_batch_passes_whatever_the_examples_have(
    net: Callable[[str], torch.nn.Module], rows: int
) -> None:
    outputs = module_calls.try_out(net("return 2 * x"), {"x": torch.ones(rows, 4)}, ("y",))
    assert outputs["y"].shape == (rows, 4)


def test_what_is_not_the_users_is_no_place() -> None:
    with pytest.raises(TypeError) as caught:
        textwrap.dedent(3)  # type: ignore[arg-type]
    assert f"{Path(__file__).name}:" in place_of(caught.value)
    assert innermost([]) == ""
