"""The examples' models as the builder sees them: prepared, loaded, exported to ONNX.

Runs in the builder's environment. What was made is kept in the work folder, under names that
change with what it was made from.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
import yaml

from modelservice_runtime.builder import entrypoint, exporting
from modelservice_runtime.contract.build_spec import parse_build_spec
from modelservice_runtime.contract.requests import EvaluationRequest

_DIGITS = 12
_MAX_BATCH = 64
#: Sentences of the population are shorter than the example's limit of 64 tokens, and the model
#: takes any number: exported for this many it gives the same answers in half the time.
SENTENCE_TOKENS = 32
_SHORTER = {"sentence-encoder": SENTENCE_TOKENS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """``work``: what is made here; ``repository``: the checkout."""

    work: Path
    repository: Path

    @property
    def examples(self) -> Path:
        """Where ``prepare.py`` writes to."""
        return self.work / "examples"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source model. ``path``: the plain export; ``folder``: what was prepared.

    ``request``: what the example's manifest says of its evaluation.
    """

    example: str
    folder: Path
    path: Path
    digest: str
    request: EvaluationRequest

    def graph(self) -> onnx.ModelProto:
        """A copy of the plain export, to change."""
        return onnx.load(str(self.path))

    def module(self) -> entrypoint.Loaded:
        """The PyTorch module, as the builder's worker loads it."""
        return _load(self.folder)


def prepare(place: Place, examples: Iterable[str]) -> None:
    """Put the examples' folders together; what is there already is kept.

    Raises:
        CalledProcessError: that failed (a package index is needed the first time).
    """
    names = [word for name in examples for word in ("--example", name)]
    script = place.repository / "examples" / "prepare.py"
    command = [sys.executable, str(script), "--out", str(place.examples), "--large", *names]
    subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603 - the project's own script


def source(place: Place, example: str) -> Source:
    """The prepared example, exported if it was not yet."""
    folder = place.examples / example
    request = _evaluation(place.repository / "examples" / f"{example}.yaml")
    digest = _digest(folder, torch.__version__, exporting.__file__, _SHORTER.get(example, 0))
    path = place.work / "models" / f"{example}-{digest}.onnx"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        export(folder, path, tokens=_SHORTER.get(example, 0))
    return Source(example=example, folder=folder, path=path, digest=digest, request=request)


def export(folder: Path, path: Path, *, tokens: int = 0, weights: Path | None = None) -> None:
    """The plain export of the model in ``folder``; it appears whole or not at all.

    ``tokens``: of its inputs, all of them if 0. ``weights``: in place of the published ones.
    """
    loaded = _load(folder)
    if weights is not None:
        loaded.module.load_state_dict(torch.load(weights, weights_only=True))
    inputs = {
        name: tensor[:, :tokens] if tokens else tensor for name, tensor in loaded.inputs.items()
    }
    part = path.with_suffix(".part")
    exporting.export(
        loaded.module,
        inputs,
        loaded.output_names,
        dynamic_axes={},
        max_batch_size=_MAX_BATCH,
        target=part,
    )
    part.replace(path)


def _load(folder: Path) -> entrypoint.Loaded:
    """Every example calls its module ``model``, so the last one has to be forgotten."""
    path = list(sys.path)
    sys.modules.pop("model", None)
    try:
        return entrypoint.load(folder, "model:load", [])
    finally:
        sys.path[:] = path
        sys.modules.pop("model", None)


def _evaluation(manifest: Path) -> EvaluationRequest:
    spec = yaml.safe_load(manifest.read_text(encoding="utf-8"))["spec"]
    return parse_build_spec(spec).evaluation


def _digest(folder: Path, *words: object) -> str:
    digest = hashlib.sha256(repr(words).encode())
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(folder)}".encode() + path.read_bytes())
    return digest.hexdigest()[:_DIGITS]
