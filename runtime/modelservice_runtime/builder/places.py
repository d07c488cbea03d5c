"""Where in the user's code something happened: ``nets/model.py:12``.

Room: tracebacks only. What belongs to Python, to its installed packages or to the builder is not
the user's; the innermost frame that is left is the exact place.
"""

from __future__ import annotations

import sys
import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path

_OURS = Path(__file__).resolve().parents[1]
_MAX_CODE = 80


def place_of(error: BaseException) -> str:
    """The innermost place in the user's code that ``error`` came through, or an empty string."""
    return innermost(traceback.extract_tb(error.__traceback__))


def place_with_code(error: BaseException) -> str:
    """As ``place_of``, with the line itself: ``model.py:12 (`if x.sum() > 0:`)``."""
    return innermost(traceback.extract_tb(error.__traceback__), code=True)


def innermost(frames: Iterable[traceback.FrameSummary], *, code: bool = False) -> str:
    """The last of ``frames`` (outermost first) that is the user's, or an empty string."""
    found = [frame for frame in frames if is_users(frame.filename)]
    return _words(found[-1], code=code) if found else ""


def is_users(filename: str) -> bool:
    """Whether a frame's file is the user's, and not Python's, a package's or the builder's."""
    if filename.startswith("<"):
        return False
    path = Path(filename).resolve()
    return not any(path.is_relative_to(folder) for folder in _foreign())


def _foreign() -> list[Path]:
    paths = sysconfig.get_paths()
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return [_OURS, *(Path(paths[name]).resolve() for name in names)]


def _words(frame: traceback.FrameSummary, *, code: bool) -> str:
    where = f"{_short(Path(frame.filename))}:{frame.lineno}"
    line = (frame.line or "").strip()
    return f"{where} (`{line[:_MAX_CODE]}`)" if code and line else where


def _short(path: Path) -> str:
    """Relative to where it was imported from, as the user knows it."""
    folders = [Path(entry) for entry in sys.path if entry]
    inside = [path.relative_to(folder) for folder in folders if path.is_relative_to(folder)]
    return str(min(inside, key=lambda p: len(p.parts))) if inside else path.name
