"""The scratch folder of a build: everything is written under it, nothing outside.

The pod's root is read-only and there may be no home, so every cache of every library is
pointed here.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .errors import SCRATCH_UNUSABLE, Infrastructure

#: Never handed to user code: the store's credentials and the request.
_SECRET_PREFIXES = ("AWS_", "MODELSERVICE_", "KUBERNETES_")

_MORE_SPACE = "give the build Job more ephemeral storage, or a smaller source"
_WRITABLE = "mount a volume there that the pod's user may write"
_ADVICE = {
    errno.ENOSPC: _MORE_SPACE,
    errno.EDQUOT: _MORE_SPACE,
    errno.EFBIG: _MORE_SPACE,
    errno.EROFS: _WRITABLE,
    errno.EACCES: _WRITABLE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """Paths under ``root``."""

    root: Path

    @property
    def source(self) -> Path:
        """The user's folder, unpacked."""
        return self.root / "source"

    @property
    def prefix(self) -> Path:
        """Where pip installs the source's requirements."""
        return self.root / "installed"

    @property
    def work(self) -> Path:
        """Tensors that travel between the processes."""
        return self.root / "work"

    @property
    def artifact(self) -> Path:
        """The artifact's files as they will be published."""
        return self.root / "artifact"

    @property
    def candidates(self) -> Path:
        """A folder for each candidate."""
        return self.root / "candidates"

    @property
    def evaluation(self) -> Path:
        """The evaluation data and its parts."""
        return self.root / "evaluation"

    def create(self) -> None:
        """Make the folders.

        Raises:
            OSError: the scratch folder cannot be written.
        """
        folders = (self.source, self.prefix, self.work, self.artifact, self.candidates)
        for folder in (*folders, self.evaluation, self._home, self._tmp):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def _home(self) -> Path:
        return self.root / "home"

    @property
    def _tmp(self) -> Path:
        return self.root / "tmp"

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Variables for pip and the workers: no secrets, one thread, caches under scratch."""
        kept = {k: v for k, v in inherited.items() if not k.startswith(_SECRET_PREFIXES)}
        threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        caches = ("XDG_CACHE_HOME", "TORCH_HOME", "TORCHINDUCTOR_CACHE_DIR", "HF_HOME")
        return {
            **kept,
            **threads,
            **{name: str(self._home / name.lower()) for name in caches},
            "HOME": str(self._home),
            # A user without an entry in passwd has no name otherwise.
            "USER": "builder",
            "TMPDIR": str(self._tmp),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        }


@contextmanager
def scratch_errors(scratch: Scratch) -> Iterator[None]:
    """A scratch volume that is full or read-only is said in words; else nothing changes.

    Raises:
        Infrastructure: the scratch folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _ADVICE:
            raise
        raise Infrastructure(
            SCRATCH_UNUSABLE,
            f"the builder's scratch folder {scratch.root} cannot be used ({error.strerror});"
            f" {_ADVICE[error.errno]}",
        ) from error
