"""The user's training entrypoint: called with the pruned module, bounded, seeded, checked.

``module:function`` in the source, called as
``train(student, teacher, *, distillation_loss, seconds, seed)``:

* student: the pruned module, in train mode, all its parameters with gradients; trained in place
  (or another module of the same make is returned);
* teacher: the dense module, in eval mode, without gradients;
* distillation_loss: ``techniques.distillation.distillation_loss``;
* seconds: what it may use up; the step is killed some time after, with nothing to show;
* seed: for its own generators; torch's, numpy's and Python's are seeded with it before.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch

from modelservice_runtime.builder import entrypoint
from modelservice_runtime.builder.errors import UserError
from modelservice_runtime.builder.pickles import watching
from modelservice_runtime.builder.places import place_of
from modelservice_runtime.builder.techniques.base import CannotProduceError
from modelservice_runtime.builder.techniques.distillation import distillation_loss

_CALL = "it is called as train(student, teacher, *, distillation_loss, seconds, seed)"


def train(
    name: str, student: torch.nn.Module, teacher: torch.nn.Module, *, seconds: float, seed: int
) -> tuple[torch.nn.Module, tuple[str, ...]]:
    """Run the entrypoint ``name``; the trained module in eval mode, and notes.

    Raises:
        CannotProduceError: it does not exist, raises (with its place) or returns something else.
        MemoryError: an allocation failed.
    """
    try:
        function = entrypoint.find(name)
        with watching(strict=False) as watch, _seeded(seed), torch.enable_grad():
            returned = _call(
                name,
                lambda: function(
                    student.train(),
                    teacher,
                    distillation_loss=distillation_loss,
                    seconds=seconds,
                    seed=seed,
                ),
            )
    except UserError as error:
        raise CannotProduceError(f"training: {error.message}") from error
    trained = student if returned is None else returned
    if not isinstance(trained, torch.nn.Module):
        raise CannotProduceError(
            f"training entrypoint {name!r} returned {type(trained).__name__}; it must train the"
            " student in place and return None, or return the module"
        )
    return trained.eval().requires_grad_(requires_grad=False).cpu(), watch.notes()


def _call(name: str, function: Callable[[], object]) -> object:
    try:
        return function()
    except (Exception, SystemExit) as error:
        # A wrong signature fails before the user's code is reached.
        advice = "" if place_of(error) or not isinstance(error, TypeError) else _CALL
        raise entrypoint.failed(name, error, advice) from error


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """The same seed, the same training, as far as torch's operators allow."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - the generator that user code may rely on
    torch.manual_seed(seed)
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(mode=before)
