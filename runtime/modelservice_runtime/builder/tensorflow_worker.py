"""Worker process of a TensorFlow source: a Keras file or a SavedModel.

Commands (arguments → result) are the methods of ``TensorflowEngine``; tensors travel as
safetensors files. One thread, CPU. TensorFlow reads its variables when it is imported, so
they are set first.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator

from .errors import INTERNAL_ERROR, BuildError
from .worker_loop import Handler, Reply, serve

_VARIABLES = {
    # A user's own ~/.keras/keras.json may say another one.
    "KERAS_BACKEND": "tensorflow",
    "CUDA_VISIBLE_DEVICES": "-1",
    # Warnings of the runtime are no news for the user; errors come as exceptions.
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


def main() -> None:
    """Serve one parent until it closes the pipe."""
    os.environ.update(_VARIABLES)
    serve(_handlers(), sys.argv[1:])


def _handlers() -> dict[str, Handler]:
    if importlib.util.find_spec("tensorflow") is None:
        return {"load": _no_tensorflow}
    with _heard_only_if_it_fails():
        from .tensorflow_engine import TensorflowEngine  # noqa: PLC0415 - after the variables

    engine = TensorflowEngine()
    return {
        "load": engine.load,
        "export": engine.export,
        "run": engine.run,
        "time": engine.time,
    }


@contextlib.contextmanager
def _heard_only_if_it_fails() -> Iterator[None]:
    """Hold standard error back: TensorFlow's own library greets before it reads its log level."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        except BaseException:
            said.seek(0)
            os.write(kept, said.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _no_tensorflow(**_: object) -> Reply:
    raise BuildError(
        INTERNAL_ERROR,
        "this builder has no TensorFlow; a source of kind tensorflow needs the image"
        " modelservice-builder-keras (in Python: modelservice-operator[keras])",
    )


if __name__ == "__main__":
    main()
