"""The engine that a configuration names; only what it needs is imported."""

from __future__ import annotations

from .served import CannotServeError, Engine, Served


def load(served: Served) -> Engine:
    """Load the model into its engine.

    Raises:
        CannotServeError: the engine is unknown, is not installed, or refuses; in words.
        Exception: whatever the engine says of a model that it cannot load.
    """
    try:
        return _load(served)
    except ImportError as error:
        raise CannotServeError(
            f"engine {served.engine!r} is not installed in this image: {error}"
        ) from error


def _load(served: Served) -> Engine:
    # torch alone takes seconds and hundreds of megabytes.
    if served.engine == "onnxruntime":
        from .engine_onnxruntime import OnnxRuntimeEngine  # noqa: PLC0415

        return OnnxRuntimeEngine(served)
    if served.engine == "openvino":
        from .engine_openvino import OpenVinoEngine  # noqa: PLC0415

        return OpenVinoEngine(served)
    if served.engine == "aoti":
        from .engine_aoti import AotiEngine  # noqa: PLC0415

        return AotiEngine(served)
    raise CannotServeError(
        f"engine {served.engine!r} is unknown; known are onnxruntime, openvino, aoti"
    )
