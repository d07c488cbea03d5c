"""How a candidate is made, as a value: a chain of steps from the plain export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from modelservice_runtime.contract.codec import digest_of
from modelservice_runtime.contract.requests import ONNXRUNTIME

Parameter: TypeAlias = str | int | float | bool

#: Techniques whose result is for the machine that it was made on.
COMPILED = frozenset({"aot_inductor", "tensorrt"})

FP32, INT8, BF16, FP16 = "fp32", "int8", "bf16", "fp16"
EXPORT = "export"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One technique with its parameters.

    ``technique``: a module of ``techniques``; ``label``: short, for names (``int8-static``).
    ``from_module``: works on the source's own module, not on an ONNX file.
    ``calibrated``: reads the calibration part of the data, so the result depends on it.
    ``judged``: reads the selection part and the metric as well (accuracy control).
    """

    technique: str
    label: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    from_module: bool = False
    calibrated: bool = False
    judged: bool = False

    def __hash__(self) -> int:
        return hash((self.technique, self.label, *sorted(self.parameters)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A chain of steps and what comes out of the last one.

    ``exact``: the arithmetic is the source model's but for rounding, so parity decides;
    else the task metric does. ``depends_on_cpu``: the numbers differ between CPU classes.
    """

    steps: tuple[Step, ...]
    engine: str = ONNXRUNTIME
    precision: str = FP32
    exact: bool = False
    depends_on_cpu: bool = False

    @property
    def name(self) -> str:
        """``fuse+int8-dynamic``; ``export`` for the plain export."""
        return "+".join(step.label for step in self.steps) or EXPORT

    @property
    def techniques(self) -> tuple[str, ...]:
        """The labels, for people."""
        return tuple(step.label for step in self.steps)


#: The plain export as a recipe: what is served where nothing better can be proven.
PLAIN = Recipe(steps=(), exact=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredients:
    """Everything besides the recipe that decides a candidate's bytes.

    ``data_digest``: of the calibration part; ``selection_digest``: of the selection part and
    the metric; ``hardware``: for engines that compile for it.
    """

    source_digest: str
    max_batch_size: int
    data_digest: str
    selection_digest: str
    hardware: str
    versions: Mapping[str, str]


def candidate_key(steps: tuple[Step, ...], ingredients: Ingredients) -> str:
    """Names the outcome of ``steps`` (40 hex digits): the same key, the same candidate."""
    words = {
        "steps": steps,
        "source": ingredients.source_digest,
        "maxBatchSize": ingredients.max_batch_size,
        "data": ingredients.data_digest if any(s.calibrated for s in steps) else "",
        "selection": ingredients.selection_digest if any(s.judged for s in steps) else "",
        "hardware": ingredients.hardware if any(s.technique in COMPILED for s in steps) else "",
        "versions": ingredients.versions,
    }
    return digest_of(words)[:40]
