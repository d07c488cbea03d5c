"""Artifacts of the models under test, as the builder publishes them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from models import Arrays, Model
from safetensors.numpy import save_file

from modelservice_runtime.contract.codec import dumps, loads
from modelservice_runtime.contract.manifest import (
    FileEntry,
    Manifest,
    ParityPoint,
    Variant,
    files_digest,
)
from modelservice_runtime.contract.requests import AOTI, ONNXRUNTIME, OPENVINO, SourceRequest
from modelservice_runtime.contract.store_layout import (
    INPUT_PREFIX,
    MANIFEST,
    MODEL_FILE,
    OUTPUT_PREFIX,
    REPORT_JSON,
    SAMPLES_FILE,
    VARIANT_OUTPUTS,
    VARIANTS_FOLDER,
    WARMUP_FOLDER,
)
from modelservice_runtime.contract.tensors import TensorSpec
from modelservice_runtime.store.committing import create_if_absent, upload
from modelservice_runtime.store.digests import files_under, sha256_of
from modelservice_runtime.store.opening import open_store

WRITER = "writer-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A variant to be made of a model. ``write``: its files into a folder; the model file's name.

    ``off``: how far its answers are from the source model's.
    """

    name: str
    write: Callable[[Model, Path], str]
    engine: str = ONNXRUNTIME
    precision: str = "fp32"
    cpu_class: str = ""
    off: float = 0.0


def onnx_file(model: Model, folder: Path) -> str:
    """The model as it is."""
    (folder / MODEL_FILE).write_bytes(model.onnx)
    return MODEL_FILE


def openvino_files(model: Model, folder: Path) -> str:
    """As OpenVINO's IR, in fp32."""
    import openvino  # noqa: PLC0415 - a second that most tests do not need

    source = folder.parent / "source.onnx"
    source.write_bytes(model.onnx)
    read = openvino.Core().read_model(str(source))
    openvino.save_model(read, str(folder / "model.xml"), compress_to_fp16=False)
    source.unlink()
    return "model.xml"


def aoti_files(model: Model, folder: Path) -> str:
    """What AOTInductor makes of ``linear``; takes a C++ compiler and half a minute."""
    program = Path(__file__).with_name("compile_aoti.py")
    subprocess.run([sys.executable, str(program), str(folder)], check=True, capture_output=True)
    (folder / "interface.json").write_text(dumps(model.interface))
    return "model.pt2"


EXPORT = Kind(name="export", write=onnx_file)
OPENVINO_FP32 = Kind(name="openvino", write=openvino_files, engine=OPENVINO)
AOTI_FP32 = Kind(name="aoti", write=aoti_files, engine=AOTI)


def write_files(model: Model, folder: Path, kinds: Sequence[Kind] = (EXPORT,)) -> Path:
    """A whole artifact, its manifest too."""
    (folder / WARMUP_FOLDER).mkdir(parents=True)
    (folder / REPORT_JSON).write_text("{}")
    right = model.outputs or model.answers(model.inputs)
    arrays = {INPUT_PREFIX + name: array for name, array in model.inputs.items()}
    save_file(arrays | _outputs(right), str(folder / SAMPLES_FILE))
    for name, array in model.inputs.items():
        (folder / WARMUP_FOLDER / name).write_bytes(np.ascontiguousarray(array[:1]).tobytes())
    variants = tuple(_variant(model, folder, kind, right) for kind in kinds)
    (folder / MANIFEST).write_text(dumps(manifest_of(model, folder, variants)))
    return folder


def _outputs(arrays: Arrays) -> Arrays:
    return {OUTPUT_PREFIX + name: array for name, array in arrays.items()}


def _variant(model: Model, folder: Path, kind: Kind, answers: Arrays) -> Variant:
    place = f"{VARIANTS_FOLDER}/{kind.name}"
    (folder / place).mkdir(parents=True)
    model_file = kind.write(model, folder / place)
    save_file(_outputs(answers), str(folder / place / VARIANT_OUTPUTS))
    point = ParityPoint(batch=1, max_absolute=kind.off, max_relative=kind.off, cosine=1.0)
    return Variant(
        name=kind.name,
        engine=kind.engine,
        precision=kind.precision,
        folder=place,
        model_file=model_file,
        techniques=(kind.name,),
        size_bytes=sum(path.stat().st_size for path in (folder / place).iterdir()),
        parity=(point,),
        latency=(),
        cpu_class=kind.cpu_class,
    )


def manifest_of(
    model: Model, folder: Path, variants: tuple[Variant, ...], max_batch_size: int = 4
) -> Manifest:
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
        variants=variants,
        sample_inputs=tuple(
            TensorSpec(name=t.name, datatype=t.datatype, dims=model.inputs[t.name].shape[1:])
            for t in model.interface.inputs
        ),
        sample_rows=len(next(iter(model.inputs.values()))),
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
        """Where the first variant's model lies in the store."""
        first = self.manifest.variants[0]
        return self.folder / WRITER / first.folder / first.model_file


def publish(model: Model, root: Path, kinds: Sequence[Kind] = (EXPORT,)) -> Published:
    """Put the model into a store under ``root`` in the way the builder does."""
    files = write_files(model, root / "built", kinds)
    manifest = read_manifest(files)
    folder = root / "store" / "team" / "tiny" / "0123456789" / "1"
    store = open_store(f"file://{folder}")
    for entry in manifest.files:
        upload(store, files / entry.path, f"{WRITER}/{entry.path}")
    assert create_if_absent(store, MANIFEST, dumps(manifest).encode(), writer=WRITER)
    return Published(
        uri=f"file://{folder}", folder=folder, digest=manifest.digest, manifest=manifest
    )


def read_manifest(artifact: Path) -> Manifest:
    """Of an artifact on this machine."""
    return loads(Manifest, (artifact / MANIFEST).read_bytes())
