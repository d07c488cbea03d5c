"""Faults by name. Runs in the builder's environment."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import onnx
import onnxruntime

from modelservice_runtime.builder.techniques import quantize_static

from . import convolutions, quantized, retrained, transformers
from .kinds import Kind, Strength
from .sources import Source

#: From a source model and the strength's words to a faulty candidate.
FAULTS: Mapping[str, Callable[..., onnx.ModelProto]] = {
    "coarse_embedding": quantized.coarse_embedding,
    "dropped": transformers.dropped,
    "forgotten_norm": convolutions.forgotten_norm,
    "off_by_one": transformers.off_by_one,
    "older_vocabulary": transformers.older_vocabulary,
    "other_epoch": retrained.other_epoch,
    "outliers": quantized.outliers,
    "overflow": convolutions.overflow,
    "stale_calibration": quantized.stale_calibration,
    "swapped_classes": convolutions.swapped_classes,
    "truncated": convolutions.truncated,
    "weak_mask": transformers.weak_mask,
    "wrong_layout": convolutions.wrong_layout,
    "wrong_scale": convolutions.wrong_scale,
}
_DIGITS = 12


def candidate(source: Source, kind: Kind, strength: Strength, path: Path) -> None:
    """Write the faulty model to ``path``, a valid one: whole or not at all."""
    made = FAULTS[kind.fault](source, **strength)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    onnx.save(made, str(part))
    onnx.checker.check_model(str(part))
    part.replace(path)


def key(source: Source, kind: Kind, strength: Strength) -> str:
    """Another one for another source, strength, code of the fault, or runtime."""
    words = (source.digest, kind.fault, sorted(strength.items()), onnxruntime.__version__)
    digest = hashlib.sha256(repr(words).encode())
    for path in _code(FAULTS[kind.fault]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:_DIGITS]


def _code(fault: Callable[..., onnx.ModelProto]) -> list[Path]:
    """The files that decide what a fault makes."""
    own = Path(fault.__code__.co_filename)
    found = [own, own.with_name("surgery.py")]
    if own == Path(quantized.__file__):
        found += sorted(Path(quantize_static.__file__).parent.glob("*.py"))
    return found
