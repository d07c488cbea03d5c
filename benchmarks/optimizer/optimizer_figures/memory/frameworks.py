"""What each kind of process of a build imports: the framework itself. Pure.

Modules that a library only loads when it is used are named too, where they weigh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from optimizer_figures.builds.reports import BUILDER, SOURCE_MODEL, Candidate, Report

_BUILDER = "modelservice_runtime.builder"
_TECHNIQUES = f"{_BUILDER}.techniques"
_TORCH_EXPORT = ("torch._dynamo", "torch.onnx._internal.exporter._core", "onnxscript")
_KERAS = (f"{_BUILDER}.tensorflow_engine", "tf2onnx.tf_loader", "tf2onnx.tfonnx")
_SOURCES: Mapping[str, tuple[str, ...]] = {
    "pytorch": (f"{_BUILDER}.torch_worker", *_TORCH_EXPORT),
    "torchExport": (f"{_BUILDER}.torch_export_worker", *_TORCH_EXPORT),
    "onnx": (f"{_BUILDER}.onnx_worker",),
    "tensorflow": (f"{_BUILDER}.tensorflow_worker", *_KERAS),
}
_ENGINES: Mapping[str, tuple[str, ...]] = {
    "onnxruntime": (f"{_BUILDER}.onnx_worker",),
    "openvino": (f"{_BUILDER}.openvino_worker", f"{_TECHNIQUES}.openvino_model"),
    "aoti": (f"{_BUILDER}.aoti_worker",),
    "tensorrt": (f"{_BUILDER}.tensorrt_worker",),
}
#: Technique, or the label of its step where that decides → what it imports beside its module.
_SLIM = "slim"
_MAKING: Mapping[str, tuple[str, ...]] = {
    "fuse": ("onnx_ir", "onnxscript.rewriter.ort_fusions", "onnxruntime"),
    _SLIM: ("onnxslim", "onnxruntime"),
    "quantize_dynamic": ("onnxruntime.quantization",),
    "quantize_static": ("onnxruntime.quantization",),
    "openvino_int8": ("nncf",),
    "accuracy_control": ("nncf", "onnxruntime.quantization"),
    "half": ("onnxruntime.transformers.float16",),
    "prune": _TORCH_EXPORT,
    "aot_inductor": ("torch._inductor.compile_fx",),
}
#: NNCF is told that these are not there.
_WITHOUT: Mapping[str, tuple[str, ...]] = dict.fromkeys(
    ("openvino_int8", "accuracy_control"), ("torch", "tensorflow")
)
_NOT_MADE = {"Failed", "Skipped"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imports:
    """Modules in their order; ``without``: packages that are not to be had."""

    modules: tuple[str, ...]
    without: tuple[str, ...] = ()

    def words(self) -> list[str]:
        """As ``bare`` takes them."""
        return [*self.modules, *(word for name in self.without for word in ("--without", name))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process of a build. ``kind``: what it is one of; ``name``: which one."""

    kind: str
    name: str
    peak_bytes: int
    imports: Imports


RUNNING, MAKING, SOURCE, PARENT = (
    "running a candidate",
    "making a candidate",
    "the source model",
    "the builder itself",
)


def processes(report: Report) -> list[Process]:
    """Every process whose peak the report knows."""
    parent = Imports(modules=(f"{_BUILDER}.__main__",))
    source = Imports(modules=_SOURCES[report.source_kind])
    found = [
        Process(kind=PARENT, name=BUILDER, peak_bytes=report.peaks[BUILDER], imports=parent),
        Process(
            kind=SOURCE, name=SOURCE_MODEL, peak_bytes=report.peaks[SOURCE_MODEL], imports=source
        ),
    ]
    for name, candidate in report.candidates.items():
        if name in report.peaks:
            imports = Imports(modules=_ENGINES[candidate.engine])
            peak = report.peaks[name]
            found.append(Process(kind=RUNNING, name=name, peak_bytes=peak, imports=imports))
        if candidate.maker_peak_bytes and candidate.outcome not in _NOT_MADE:
            peak, imports = candidate.maker_peak_bytes, made_with(candidate)
            found.append(Process(kind=MAKING, name=name, peak_bytes=peak, imports=imports))
    return found


def made_with(candidate: Candidate) -> Imports:
    """What the process imported that made the candidate's last step."""
    technique = candidate.techniques[-1]
    label = candidate.name.split("+")[-1]
    own = (f"{_TECHNIQUES}.maker", f"{_TECHNIQUES}.{technique}")
    extra = _MAKING.get(label if label == _SLIM else technique, ())
    return Imports(modules=(*own, *extra), without=_WITHOUT.get(technique, ()))
