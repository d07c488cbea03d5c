"""Where the TensorFlow model lies in the source. Knows nothing of TensorFlow itself."""

from __future__ import annotations

from pathlib import Path

from .errors import MODEL_INVALID, UserError

KERAS_SUFFIX = ".keras"
SAVED_MODEL_FILE = "saved_model.pb"
#: Formats of older Keras: said apart, because people have them.
_OLD_SUFFIXES = (".h5", ".hdf5")


def find_model(source: Path) -> Path:
    """The one ``.keras`` file, or the one SavedModel folder (``source`` itself may be one).

    Raises:
        UserError: there is none, or several; an old format is named.
    """
    found = sorted(path for path in source.rglob(f"*{KERAS_SUFFIX}") if path.is_file())
    found += sorted(path.parent for path in source.rglob(SAVED_MODEL_FILE))
    if len(found) == 1:
        return found[0]
    names = ", ".join(path.relative_to(source).as_posix() for path in found) or "none"
    raise UserError(
        MODEL_INVALID,
        f"the source must hold exactly one {KERAS_SUFFIX} file or one SavedModel folder (with"
        f" {SAVED_MODEL_FILE}); it has: {names}{_old_format(source)}",
    )


def samples_anchor(model: Path, source: Path) -> Path:
    """A path whose folder may hold the samples: that of the model, as a person sees it."""
    return model / SAVED_MODEL_FILE if model == source else model


def _old_format(source: Path) -> str:
    old = sorted(path.name for path in source.rglob("*") if path.suffix in _OLD_SUFFIXES)
    if not old:
        return ""
    return f"; {old[0]} is Keras' old format: load it and save it again as {KERAS_SUFFIX}"
