"""The models under test."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import onnxruntime
from tiny_onnx import FLOAT, INT64, Value, model, node

from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec

Arrays = dict[str, np.ndarray]
WIDTH, CLASSES = 4, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model, what it takes and gives, and sample rows.

    ``outputs``: of the sample rows, where they need not be computed.
    """

    onnx: bytes
    interface: ModelInterface
    inputs: Arrays
    outputs: Arrays | None = None

    def answers(self, inputs: Arrays) -> Arrays:
        """What the model gives, asked directly."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(self.onnx, options)
        names = [tensor.name for tensor in self.interface.outputs]
        return dict(zip(names, session.run(names, inputs), strict=True))


def linear_weights(seed: int = 1) -> Arrays:
    """Of ``linear``: w and b."""
    random = np.random.default_rng(seed)
    return {
        "w": random.standard_normal((WIDTH, CLASSES)).astype(np.float32),
        "b": random.standard_normal(CLASSES).astype(np.float32),
    }


def linear(seed: int = 1) -> Model:
    """Row by row: y = x · w + b, the weights by the seed."""
    nodes = [node("MatMul", ["x", "w"], ["xw"]), node("Add", ["xw", "b"], ["y"])]
    return Model(
        onnx=model(
            nodes,
            [Value(name="x", element=FLOAT, dims=(WIDTH,))],
            [Value(name="y", element=FLOAT, dims=(CLASSES,))],
            linear_weights(seed),
        ),
        interface=ModelInterface(
            inputs=(TensorSpec(name="x", datatype="FP32", dims=(WIDTH,)),),
            outputs=(TensorSpec(name="y", datatype="FP32", dims=(CLASSES,)),),
        ),
        inputs={"x": np.random.default_rng(seed).standard_normal((5, WIDTH)).astype(np.float32)},
    )


def lookup(words: int = 10) -> Model:
    """A table of rows: y = table[ids]. An id that is not in it is an error at run time."""
    table = np.arange(words * 2, dtype=np.float32).reshape(words, 2)
    nodes = [node("Gather", ["table", "ids"], ["y"], {"axis": 0})]
    return Model(
        onnx=model(
            nodes,
            [Value(name="ids", element=INT64, dims=(3,))],
            [Value(name="y", element=FLOAT, dims=(3, 2))],
            {"table": table},
        ),
        interface=ModelInterface(
            inputs=(TensorSpec(name="ids", datatype="INT64", dims=(3,)),),
            outputs=(TensorSpec(name="y", datatype="FP32", dims=(3, 2)),),
        ),
        inputs={"ids": np.arange(6, dtype=np.int64).reshape(2, 3)},
    )


def slow(rounds: int, *, per_row: bool = True) -> Model:
    """The identity, after making ``rounds`` million random numbers for each row (or call).

    A million take about ten milliseconds.
    """
    base = "x" if per_row else "one"
    nodes = [
        node("Expand", [base, "count"], ["noise0"]),
        *(_noise(number) for number in range(rounds)),
        node("ReduceMax", [f"noise{rounds}"], ["most"], {"axes": [1], "keepdims": 1}),
        node("Floor", ["most"], ["zero"]),  # below 1, so this is 0
        node("Add", ["x", "zero"], ["y"]),
    ]
    weights = {
        "count": np.array([1, 1_000_000], dtype=np.int64),
    }
    if not per_row:
        weights["one"] = np.zeros((1, 1), dtype=np.float32)
    rows = np.array([[1.0], [2.0]], dtype=np.float32)
    return Model(
        onnx=model(
            nodes,
            _ONE_IN,
            _ONE_OUT,
            weights,
        ),
        interface=ModelInterface(
            inputs=(TensorSpec(name="x", datatype="FP32", dims=(1,)),),
            outputs=(TensorSpec(name="y", datatype="FP32", dims=(1,)),),
        ),
        inputs={"x": rows},
        outputs={"y": rows},
    )


def same() -> Model:
    """The identity, as ``slow`` is, at once."""
    return replace(slow(0), onnx=model([node("Identity", ["x"], ["y"])], _ONE_IN, _ONE_OUT, {}))


def over_an_open_axis(kind: str) -> Model:
    """Of each row the Sum or the Mean over an axis of any size, and its double, which keeps that.

    Zeros behind a row change the mean alone.
    """
    axes = {"axes": np.array([1], dtype=np.int64)} if kind == "Sum" else {}
    attributes = {"keepdims": 0} if kind == "Sum" else {"keepdims": 0, "axes": [1]}
    return Model(
        onnx=model(
            [
                node(f"Reduce{kind}", ["x", *axes], ["y"], attributes),
                node("Add", ["x", "x"], ["double"]),
            ],
            [Value(name="x", element=FLOAT, dims=(-1, WIDTH))],
            [
                Value(name="y", element=FLOAT, dims=(WIDTH,)),
                Value(name="double", element=FLOAT, dims=(-1, WIDTH)),
            ],
            axes,
        ),
        interface=ModelInterface(
            inputs=(TensorSpec(name="x", datatype="FP32", dims=(-1, WIDTH)),),
            outputs=(
                TensorSpec(name="y", datatype="FP32", dims=(WIDTH,)),
                TensorSpec(name="double", datatype="FP32", dims=(-1, WIDTH)),
            ),
        ),
        inputs={"x": np.random.default_rng(2).standard_normal((4, 8, WIDTH)).astype(np.float32)},
    )


def twice_as_long() -> Model:
    """Each row, and the same behind it."""
    return Model(
        onnx=model(
            [node("Concat", ["x", "x"], ["y"], {"axis": 1})],
            [Value(name="x", element=FLOAT, dims=(-1, WIDTH))],
            [Value(name="y", element=FLOAT, dims=(-1, WIDTH))],
            {},
        ),
        interface=ModelInterface(
            inputs=(TensorSpec(name="x", datatype="FP32", dims=(-1, WIDTH)),),
            outputs=(TensorSpec(name="y", datatype="FP32", dims=(-1, WIDTH)),),
        ),
        inputs={"x": np.random.default_rng(2).standard_normal((4, 8, WIDTH)).astype(np.float32)},
    )


def at_most(places: int = 16) -> Model:
    """Adds to each place of a row what stands for it in a table: of more there is no table."""
    table = np.arange(places, dtype=np.float32)
    nodes = [
        node("NonZero", ["x"], ["found"]),
        node("Gather", ["found", "last"], ["at"], {"axis": 0}),
        node("Gather", ["table", "at"], ["values"], {"axis": 0}),
        node("ReduceMax", ["values"], ["most"], {"keepdims": 1}),
        node("Mul", ["most", "zero"], ["nothing"]),
        node("Add", ["x", "nothing"], ["y"]),
    ]
    values = [Value(name=name, element=FLOAT, dims=(-1,)) for name in ("x", "y")]
    weights = {
        "table": table,
        "last": np.array(1, dtype=np.int64),
        "zero": np.zeros(1, dtype=np.float32),
    }
    x, y = (TensorSpec(name=name, datatype="FP32", dims=(-1,)) for name in ("x", "y"))
    return Model(
        onnx=model(nodes, values[:1], values[1:], weights),
        interface=ModelInterface(inputs=(x,), outputs=(y,)),
        inputs={"x": np.ones((4, 8), dtype=np.float32)},
    )


def joined_badly() -> Model:
    """The identity for one row alone; of several, each is answered with the others in it."""
    nodes = [
        node("ReduceMean", ["x"], ["mean"], {"axes": [0], "keepdims": 1}),
        node("Sub", ["x", "mean"], ["rest"]),
        node("Add", ["x", "rest"], ["y"]),
    ]
    return replace(slow(0), onnx=model(nodes, _ONE_IN, _ONE_OUT, {}))


_ONE_IN = [Value(name="x", element=FLOAT, dims=(1,))]
_ONE_OUT = [Value(name="y", element=FLOAT, dims=(1,))]


def _noise(number: int) -> bytes:
    limits = {"low": 0.0, "high": 1.0, "seed": 1.0}
    return node("RandomUniformLike", [f"noise{number}"], [f"noise{number + 1}"], limits)
