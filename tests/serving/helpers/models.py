"""The models under test, and artifacts of them as the builder publishes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from safetensors.numpy import save_file
from tiny_onnx import FLOAT, INT64, Value, model, node

from modelservice_runtime.contract.codec import dumps
from modelservice_runtime.contract.manifest import FileEntry, Manifest, ParityPoint, files_digest
from modelservice_runtime.contract.requests import SourceRequest
from modelservice_runtime.contract.store_layout import (
    INPUT_PREFIX,
    MANIFEST,
    MODEL_FILE,
    OUTPUT_PREFIX,
    REPORT_JSON,
    SAMPLES_FILE,
    WARMUP_FOLDER,
)
from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec
from modelservice_runtime.store.committing import create_if_absent, upload
from modelservice_runtime.store.digests import files_under, sha256_of
from modelservice_runtime.store.opening import open_store

Arrays = dict[str, np.ndarray]
WRITER = "writer-1"


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


def linear(seed: int = 1) -> Model:
    """Row by row: y = x · w + b, the weights by the seed."""
    width = 4
    random = np.random.default_rng(seed)
    weights = {
        "w": random.standard_normal((width, 3)).astype(np.float32),
        "b": random.standard_normal(3).astype(np.float32),
    }
    nodes = [node("MatMul", ["x", "w"], ["xw"]), node("Add", ["xw", "b"], ["y"])]
    return Model(
        onnx=model(
            nodes,
            [Value(name="x", element=FLOAT, dims=(width,))],
            [Value(name="y", element=FLOAT, dims=(3,))],
            weights,
        ),
        interface=ModelInterface(
            inputs=(TensorSpec(name="x", datatype="FP32", dims=(width,)),),
            outputs=(TensorSpec(name="y", datatype="FP32", dims=(3,)),),
        ),
        inputs={"x": random.standard_normal((5, width)).astype(np.float32)},
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
            [Value(name="x", element=FLOAT, dims=(1,))],
            [Value(name="y", element=FLOAT, dims=(1,))],
            weights,
        ),
        interface=ModelInterface(
            inputs=(TensorSpec(name="x", datatype="FP32", dims=(1,)),),
            outputs=(TensorSpec(name="y", datatype="FP32", dims=(1,)),),
        ),
        inputs={"x": rows},
        outputs={"y": rows},
    )


def _noise(number: int) -> bytes:
    limits = {"low": 0.0, "high": 1.0, "seed": 1.0}
    return node("RandomUniformLike", [f"noise{number}"], [f"noise{number + 1}"], limits)


def write_files(model: Model, folder: Path) -> Path:
    """The artifact's files without a manifest."""
    (folder / WARMUP_FOLDER).mkdir(parents=True)
    (folder / MODEL_FILE).write_bytes(model.onnx)
    (folder / REPORT_JSON).write_text("{}")
    right = model.outputs or model.answers(model.inputs)
    arrays = {INPUT_PREFIX + name: array for name, array in model.inputs.items()}
    arrays |= {OUTPUT_PREFIX + name: array for name, array in right.items()}
    save_file(arrays, str(folder / SAMPLES_FILE))
    for name, array in model.inputs.items():
        (folder / WARMUP_FOLDER / name).write_bytes(np.ascontiguousarray(array[:1]).tobytes())
    return folder


def manifest_of(model: Model, folder: Path, max_batch_size: int = 4) -> Manifest:
    """What the builder says of the files in ``folder``."""
    files = tuple(
        FileEntry(
            path=name,
            size_bytes=(folder / name).stat().st_size,
            sha256=sha256_of(folder / name),
        )
        for name in files_under(folder)
        if name != MANIFEST
    )
    rows = len(next(iter(model.inputs.values())))
    return Manifest(
        namespace="team",
        name="tiny",
        build_key="0123456789",
        attempt=1,
        created_at="2026-01-01T00:00:00Z",
        files=files,
        digest=files_digest(files),
        interface=model.interface,
        source=SourceRequest(kind="onnx", uri="file:///source"),
        source_digest="sha256:0",
        techniques=("fuse",),
        parity=(ParityPoint(batch=1, max_absolute=0.0, max_relative=0.0, cosine=1.0),),
        latency=(),
        sample_inputs=tuple(
            TensorSpec(name=t.name, datatype=t.datatype, dims=model.inputs[t.name].shape[1:])
            for t in model.interface.inputs
        ),
        sample_rows=rows,
        max_batch_size=max_batch_size,
        recipe_version=1,
        hardware="a test",
        folder=WRITER,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """An artifact in a store on this machine."""

    uri: str
    folder: Path
    digest: str
    manifest: Manifest

    @property
    def model_file(self) -> Path:
        """Where the model lies in the store."""
        return self.folder / WRITER / MODEL_FILE


def publish(model: Model, root: Path) -> Published:
    """Put the model into a store under ``root`` in the way the builder does."""
    files = write_files(model, root / "built")
    manifest = manifest_of(model, files)
    folder = root / "store" / "team" / "tiny" / "0123456789" / "1"
    store = open_store(f"file://{folder}")
    for entry in manifest.files:
        upload(store, files / entry.path, f"{WRITER}/{entry.path}")
    assert create_if_absent(store, MANIFEST, dumps(manifest).encode(), writer=WRITER)
    return Published(
        uri=f"file://{folder}", folder=folder, digest=manifest.digest, manifest=manifest
    )
