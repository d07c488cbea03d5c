"""The one interface of all techniques. Each is produced in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from modelservice_runtime.builder.recipes import Parameter
from modelservice_runtime.contract.requests import SourceRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAccess:
    """The user's model, for techniques that work on the module itself.

    ``folder``: the source, unpacked; ``module_path``: where its requirements are installed.
    """

    request: SourceRequest
    folder: Path
    module_path: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One step. Files are safetensors unless said otherwise.

    ``parent``: the model file that the step starts from (ONNX); the plain export for the first.
    ``target``: an empty folder to fill.
    ``calibration``: input arrays by name (rows first), there if the step is ``calibrated``.
    ``selection``: ``input/<name>`` and ``output/<name>`` (the source model's answers) and, where
    the user gave them, ``label``; there if the step is ``judged``.
    ``training_entrypoint``: ``module:function``, for pruning; ``seconds``: what may be used up.
    """

    parent: Path
    target: Path
    parameters: Mapping[str, Parameter]
    source: SourceAccess
    max_batch_size: int
    seconds: float
    calibration: Path | None = None
    selection: Path | None = None
    training_entrypoint: str = ""
    training_seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a step left in ``target``. ``model_file``: relative to it.

    ``figures``: numbers for the report (``parameters``, ``parameters_before`` …).
    """

    model_file: str
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)


class Technique(Protocol):
    """A module-level object ``TECHNIQUE`` of each module that ``maker.REGISTRY`` names."""

    @property
    def name(self) -> str:
        """``Step.technique``: the module's name."""
        ...

    def produce(self, work: Work) -> Made:
        """Make the candidate.

        Raises:
            CannotProduceError: in words; the candidate is rejected, the build goes on.
        """
        ...


class CannotProduceError(Exception):
    """The technique does not work on this model; one sentence why."""
