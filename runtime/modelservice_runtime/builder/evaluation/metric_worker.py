"""Worker process of the user's own metric: one command, arrays as ``.npy`` files in folders."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np

from modelservice_runtime.builder.tensors import Arrays
from modelservice_runtime.builder.worker_loop import Handler, Reply, serve

from .user_function import find, scores

LABELS = "labels"
_SUFFIX = ".npy"


def score(
    *,
    source: str,
    module_path: list[str],
    entrypoint: str,
    part: str,
    outputs: str,
    scores_file: str,
    rows: int,
) -> Reply:
    """Call the function on a part and one model's outputs for it; write what it gives.

    ``part``: a folder with ``inputs/`` and perhaps ``labels.npy``; ``outputs``: a folder.
    """
    sys.path[:0] = [source, *module_path]
    importlib.invalidate_caches()
    labels = Path(part, LABELS + _SUFFIX)
    arrays = (
        read_folder(Path(outputs)),
        _read(labels) if labels.is_file() else None,
        read_folder(Path(part, "inputs")),
    )
    found = scores(find(entrypoint), entrypoint, arrays, rows)
    np.save(scores_file, found, allow_pickle=False)
    return {}


def read_folder(folder: Path) -> Arrays:
    """The arrays of a folder, by file name. Writing into them does not reach the files."""
    return {path.name.removesuffix(_SUFFIX): _read(path) for path in sorted(folder.iterdir())}


def _read(path: Path) -> np.ndarray:
    array: np.ndarray = np.load(path, mmap_mode="c", allow_pickle=False)
    return array


def main() -> None:
    """Serve one parent until it closes the pipe."""
    handlers: dict[str, Handler] = {"score": score}
    serve(handlers, sys.argv[1:])


if __name__ == "__main__":
    main()
