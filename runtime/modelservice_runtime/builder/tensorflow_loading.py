"""A ``.keras`` file or a SavedModel folder → a ``Program``. Worker process only.

No code in the file runs: Keras' safe mode refuses what carries Python code, and a SavedModel is
a graph.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from .errors import MODEL_INVALID, UserError
from .tensorflow_errors import failed
from .tensorflow_program import Program, trace

_SIGNATURE = "serving_default"
_AS_SAVED_MODEL = "give it as a SavedModel instead: model.export(FOLDER) keeps the graph, no code"
#: What Keras says → what that means here.
_KNOWN = (
    (r"[Ll]ambda", "it has a Lambda layer, whose Python code is not run"),
    (r"Could not locate (\w+) '([^']*)'", r"the code of its \1 \2 is not known here"),
    (r"parent module (\S+) cannot be imported", r"\1 is missing; add it to requirements.txt"),
)


def load_program(model: Path) -> Program:
    """The model at ``model`` (a file or a folder, see ``tensorflow_finding``).

    Raises:
        UserError: it cannot be loaded or served, in words.
    """
    return _load_saved_model(model) if model.is_dir() else _load_keras(model)


def _load_keras(path: Path) -> Program:
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        raise _not_loaded(path.name, error) from error
    taken, given = _structures(model, path.name)
    names = _names(keras.tree.flatten_with_path(taken), [i.name for i in model.inputs])
    inputs = {}
    for name, tensor in zip(names, model.inputs, strict=True):
        _check_dense(name, tensor)
        # A batch size that the example call or the Input had is not part of the model.
        inputs[name] = tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype)
    layers = getattr(model, "output_names", None) or [model.layers[-1].name]
    outputs = _names(keras.tree.flatten_with_path(given), layers)

    def compute(tensors: Sequence[Any]) -> list[Any]:
        returned = model(keras.tree.pack_sequence_as(taken, list(tensors)), training=False)
        flat: list[Any] = keras.tree.flatten(returned)
        return flat

    return trace(compute, inputs, outputs, model)


def _not_loaded(name: str, error: Exception) -> Exception:
    for pattern, words in _KNOWN:
        found = re.search(pattern, str(error))
        if found:
            return UserError(
                MODEL_INVALID,
                f"{name} cannot be loaded: {found.expand(words)}; {_AS_SAVED_MODEL}",
            )
    return failed(MODEL_INVALID, f"{name} cannot be loaded", error)


def _structures(model: Any, name: str) -> tuple[Any, Any]:  # noqa: ANN401 - keras has no types
    """Nested structures of the symbolic inputs and outputs.

    Raises:
        UserError: the model does not say what it takes.
    """
    if isinstance(model, keras.Sequential):
        if not model.built or not getattr(model, "inputs", None):
            raise UserError(
                MODEL_INVALID,
                f"{name}: the model does not know its inputs; begin it with keras.Input, or call"
                " it once before it is saved",
            )
        return model.inputs[0], model.outputs[0]
    if getattr(model, "inputs", None) is None:
        raise UserError(
            MODEL_INVALID,
            f"{name}: {type(model).__name__} does not say what it takes (a subclassed model);"
            f" {_AS_SAVED_MODEL}",
        )
    return model.input, model.output


def _names(paths: Sequence[tuple[tuple[Any, ...], Any]], otherwise: Sequence[str]) -> list[str]:
    """The keys of a dict; else the layers' own names, numbered where one comes twice."""
    names = [
        "_".join(map(str, path)) if any(isinstance(key, str) for key in path) else own
        for (path, _), own in zip(paths, otherwise, strict=True)
    ]
    unique: list[str] = []
    for name in names:
        free = (f"{name}_{number}" if number else name for number in count())
        unique.append(next(candidate for candidate in free if candidate not in unique))
    return unique


def _check_dense(name: str, tensor: Any) -> None:  # noqa: ANN401 - keras has no types
    if getattr(tensor, "sparse", False) or getattr(tensor, "ragged", False):
        raise UserError(MODEL_INVALID, f"input {name!r} is sparse or ragged; only dense ones serve")


def _load_saved_model(folder: Path) -> Program:
    try:
        loaded = tf.saved_model.load(str(folder))
    except Exception as error:
        raise failed(
            MODEL_INVALID,
            f"the SavedModel {folder.name} cannot be loaded",
            error,
            "operators of other packages (TensorFlow Text …) are not known here",
        ) from error
    signature = _signature(loaded)
    inputs = dict(sorted(signature.structured_input_signature[1].items()))
    for name, spec in inputs.items():
        _check_batch(name, spec)
    outputs = sorted(signature.structured_outputs)

    def compute(tensors: Sequence[Any]) -> list[Any]:
        returned = signature(**dict(zip(inputs, tensors, strict=True)))
        return [returned[name] for name in outputs]

    return trace(compute, inputs, outputs, loaded)


def _signature(loaded: Any) -> Any:  # noqa: ANN401 - tensorflow has no types
    signatures = dict(getattr(loaded, "signatures", {}))
    if _SIGNATURE in signatures:
        return signatures[_SIGNATURE]
    found = ", ".join(sorted(signatures)) or "none"
    raise UserError(
        MODEL_INVALID,
        f"the SavedModel has no signature {_SIGNATURE!r} (it has: {found}); save it with"
        f" signatures={{{_SIGNATURE!r}: function}}, or with Keras' model.export(FOLDER)",
    )


def _check_batch(name: str, spec: Any) -> None:  # noqa: ANN401 - tensorflow has no types
    if not isinstance(spec, tf.TensorSpec) or spec.shape.rank is None:
        raise UserError(
            MODEL_INVALID, f"input {name!r} is {spec}; only dense tensors of a known rank serve"
        )
    if spec.shape.rank == 0 or spec.shape[0] is not None:
        raise UserError(
            MODEL_INVALID,
            f"input {name!r} has shape {spec.shape.as_list()}; its first dimension must be a"
            " dynamic batch: save the signature with tf.TensorSpec([None, …])",
        )
