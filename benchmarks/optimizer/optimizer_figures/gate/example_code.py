"""The examples' own scripts as modules: what they read and make, this benchmark does not repeat.

Runs in the builder's environment.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np


def prepare_script(repository: Path) -> ModuleType:
    """``examples/prepare.py``; afterwards the package ``preparing`` beside it can be imported."""
    name, path = "examples_prepare", repository / "examples" / "prepare.py"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def data_script(repository: Path, example: str) -> Any:  # noqa: ANN401 - a module, each another one
    """``data.py`` of an example, a copy of our own: its constants may be changed."""
    return prepare_script(repository).load_data(example)


def array(tensor: Any) -> np.ndarray:  # noqa: ANN401 - the examples' preparing.tensors.Tensor
    """What an example's ``tensors`` gives, as numpy has it."""
    dtypes = {"F16": np.float16, "F32": np.float32, "I64": np.int64}
    return np.frombuffer(tensor.data, dtypes[tensor.datatype]).reshape(tensor.shape)
