"""Pickles in a source: refused without a digest pin, told of with one.

A pickle names functions to call, so whoever can change the bytes runs code; a pin says whose bytes
they are. Three guards, for mistakes rather than against an attacker (an entrypoint is code anyway,
and its process is isolated as such):

* ``torch.load`` reads tensors alone in a worker of an unpinned source (``torch_environment``);
* other unpickling while an entrypoint of an unpinned source runs is stopped by an audit hook;
* the parts of a ``torch.export`` program are looked at before it is loaded (``program_parts``).
"""

from __future__ import annotations

import pickle
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from modelservice_runtime.contract.requests import PYTORCH, TORCH_EXPORT, SourceRequest

from .errors import UserError
from .places import innermost

#: The source holds a pickle, and no digest pins its bytes.
PICKLE_NOT_PINNED = "PickleNotPinned"

#: torch's own variables; the second one would win over the first with an error.
FORCE_WEIGHTS_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
FORCE_NO_WEIGHTS_ONLY = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"

_EVENT = "pickle.find_class"
_MAX_NAMES = 5
#: Worker processes of a data loader answer with pickles of this process's own making.
_OWN_PICKLES = ("multiprocessing", "concurrent.futures", "torch.multiprocessing")


def torch_environment(request: SourceRequest) -> dict[str, str]:
    """Variables for every process that runs the source's code or loads its program."""
    if request.kind not in {PYTORCH, TORCH_EXPORT}:
        return {}
    forced = "0" if request.digest else "1"
    return {FORCE_WEIGHTS_ONLY: forced, FORCE_NO_WEIGHTS_ONLY: "0"}


def is_pinned(environment: Mapping[str, str]) -> bool:
    """Whether a digest pins the source that this process was started for."""
    return environment.get(FORCE_WEIGHTS_ONLY, "1") == "0"


def not_pinned(what: str, kind: str) -> UserError:
    """The refusal. ``what``: a sentence's beginning, ``model.py:7 loads a pickle``."""
    return UserError(
        PICKLE_NOT_PINNED,
        f"{what}; a pickle can run code of whoever wrote it, so it needs"
        f" spec.model.source.{kind}.digest to pin the source's bytes; or save the weights as"
        " safetensors",
    )


def is_refused_load(error: BaseException) -> bool:
    """Whether ``torch.load`` refused something that is more than tensors."""
    while error.__cause__ is not None:
        error = error.__cause__
    return isinstance(error, pickle.UnpicklingError) and "eights only" in str(error)


@dataclass(slots=True)
class Watch:
    """What was unpickled by name in one thread. ``strict``: nothing may be; ``kind``: of source."""

    strict: bool
    kind: str
    thread: int
    names: dict[str, None] = field(default_factory=dict)

    def see(self, name: str) -> None:
        """Note ``name`` (``module.attribute``).

        Raises:
            UserError: ``strict``.
        """
        self.names.setdefault(name)
        if self.strict:
            where = innermost(traceback.extract_stack()) or "the source's code"
            raise not_pinned(f"{where} unpickles {name}", self.kind)

    def notes(self) -> tuple[str, ...]:
        """What to tell about it, if there was something."""
        if not self.names:
            return ()
        first = ", ".join(list(self.names)[:_MAX_NAMES])
        more = f" and {len(self.names) - _MAX_NAMES} more" if len(self.names) > _MAX_NAMES else ""
        return (f"the source's code unpickles objects ({first}{more}), which can run code",)


class _Watches:
    """The audit hook of this process; one for all, since none can be taken back."""

    def __init__(self) -> None:
        self.active: list[Watch] = []
        self._hooked = False

    def hook(self) -> None:
        if not self._hooked:
            sys.addaudithook(self._audit)
            self._hooked = True

    def _audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if event != _EVENT or not self.active:
            return
        watch = self.active[-1]
        if threading.get_ident() == watch.thread and not _is_own():
            watch.see(".".join(str(argument) for argument in arguments))


_watches = _Watches()


@contextmanager
def watching(*, strict: bool, kind: str = PYTORCH) -> Iterator[Watch]:
    """Watch what this thread unpickles within the block."""
    watch = Watch(strict=strict, kind=kind, thread=threading.get_ident())
    _watches.hook()
    _watches.active.append(watch)
    try:
        yield watch
    finally:
        _watches.active.remove(watch)


def _is_own() -> bool:
    """Whether the caller of the unpickler (past this module) is one of ``_OWN_PICKLES``."""
    frame = sys._getframe(1)  # noqa: SLF001 - there is no public way to a caller's frame
    while frame is not None and frame.f_globals.get("__name__") in {__name__, "pickle"}:
        frame = frame.f_back  # type: ignore[assignment]
    name = str(frame.f_globals.get("__name__", "")) if frame is not None else ""
    return name.startswith(_OWN_PICKLES)
