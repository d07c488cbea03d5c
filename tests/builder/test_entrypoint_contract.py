"""What the entrypoint may return: each mistake is named. In one process, without an export."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from modelservice_runtime.builder import entrypoint, module_calls
from modelservice_runtime.builder.errors import UserError

ROWS = torch.ones(2, 3)


class Double(torch.nn.Module):
    """A module that works."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Twice ``x``."""
        return x * 2


def returning(inputs: object, options: object = None) -> tuple[object, ...]:
    module = Double().eval()
    return (module, inputs) if options is None else (module, inputs, options)


BAD = {
    "a module alone": (Double(), "returned a module alone"),
    "nothing": (None, "returned NoneType"),
    "four values": ((1, 2, 3, 4), "it must return (module, inputs)"),
    "no inputs": (returning({}), "no example inputs"),
    "inputs as a tensor": (returning(ROWS), "must be a dict of tensors by name"),
    "a list among the inputs": (returning({"x": [1, 2]}), "input 'x' must be a tensor"),
    "a single value": (returning({"x": torch.tensor(1.0)}), "first dimension must be the batch"),
    "no rows": (returning({"x": torch.ones(0, 3)}), "have no rows"),
    "rows that disagree": (
        returning({"x": ROWS, "z": torch.ones(3, 1)}),
        "disagree on the number of rows (x: 2, z: 3)",
    ),
    "a type nobody serves": (returning({"x": ROWS.to(torch.bfloat16)}), "bfloat16"),
    "a name with a slash": (returning({"a/b": ROWS}), "tensor name 'a/b'"),
    "an unknown option": (returning({"x": ROWS}, {"opset": 9}), "options must be a dict"),
    "an output twice": (returning({"x": ROWS}, {"output_names": ["y", "y"]}), "twice"),
    "an axis of no input": (
        returning({"x": ROWS}, {"dynamic_axes": {"z": {1: "t"}}}),
        "'z', which is no input",
    ),
    "the batch as an axis": (
        returning({"x": ROWS}, {"dynamic_axes": {"x": {0: "t"}}}),
        "must map axes 1 … 1",
    ),
}


@pytest.mark.parametrize(("returned", "words"), BAD.values(), ids=BAD.keys())
def test_each_mistake_is_named(returned: object, words: str) -> None:
    with pytest.raises(UserError) as caught:
        entrypoint.check(returned, "model:load")
    assert words in caught.value.message


def test_a_module_in_training_mode_is_switched_and_told() -> None:
    loaded = entrypoint.check((Double().train(), {"x": ROWS}), "model:load")
    assert not loaded.module.training
    assert loaded.notes == ("the module was in training mode; eval() was called",)


def test_very_many_rows_are_cut_and_told() -> None:
    loaded = entrypoint.check(returning({"x": torch.ones(1000, 3)}), "model:load")
    assert len(loaded.inputs["x"]) == entrypoint.MAX_SAMPLE_ROWS
    assert "1000 example rows were given" in loaded.notes[0]


class Returns(torch.nn.Module):
    """A module that returns what it is told."""

    def __init__(self, make: Callable[[torch.Tensor], object]) -> None:
        super().__init__()
        self.make = make

    def forward(self, x: torch.Tensor) -> object:
        """Whatever the test makes of ``x``."""
        return self.make(x)


BAD_OUTPUTS = {
    "no batch": (lambda x: x.sum(), "shape [] for 2 rows"),
    "another batch": (lambda x: x[:1], "shape [1, 3] for 2 rows"),
    "a nested tuple": (lambda x: (x, (x, x)), "output 'output_1' is tuple"),
    "nothing": (lambda _: (), "returns no outputs"),
    "an input's name": (lambda x: {"x": x * 1}, "names an input and an output"),
    "an error": (lambda x: x @ x, "fails on its own example inputs: RuntimeError"),
}


@pytest.mark.parametrize(("make", "words"), BAD_OUTPUTS.values(), ids=BAD_OUTPUTS.keys())
def test_each_bad_output_is_named(make: Callable[[torch.Tensor], object], words: str) -> None:
    with pytest.raises(UserError) as caught:
        module_calls.try_out(Returns(make).eval(), {"x": ROWS}, ())
    assert words in caught.value.message


def test_an_input_that_forward_does_not_take_is_explained() -> None:
    with pytest.raises(UserError, match="names must be those of forward"):
        module_calls.try_out(Double().eval(), {"wrong": ROWS}, ())


@pytest.mark.parametrize(
    ("make", "names", "expected"),
    [
        (lambda x: x * 2, (), ["output"]),
        (lambda x: (x * 2, x * 3), (), ["output_0", "output_1"]),
        (lambda x: {"a": x * 2, "b": x * 3}, (), ["a", "b"]),
        (lambda x: [x * 2, x * 3], ("p", "q"), ["p", "q"]),
    ],
    ids=["tensor", "tuple", "dict", "named"],
)
def test_outputs_get_stable_names(
    make: Callable[[torch.Tensor], object], names: tuple[str, ...], expected: list[str]
) -> None:
    assert list(module_calls.try_out(Returns(make).eval(), {"x": ROWS}, names)) == expected
