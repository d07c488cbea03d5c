"""JSON for people and programs: sorted and indented."""

from __future__ import annotations

import json
import math
from typing import Any


def indented(document: Any) -> str:  # noqa: ANN401 - JSON has no narrower type here
    """The text. Numbers that JSON does not know (NaN, Inf) become null."""
    return json.dumps(_finite(document), indent=2, sort_keys=True, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
