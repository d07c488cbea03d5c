"""``report.json``: the report and what follows from it, sorted and indented."""

from __future__ import annotations

import json
import math
from typing import Any

from modelservice_runtime.contract import codec

from . import terms
from .document import Report
from .front import front
from .words import headline


def encode(report: Report) -> str:
    """The JSON text. Numbers that JSON does not know (NaN, Inf) become null.

    Beside the fields of ``Report``: ``oneLine``, ``front`` (names), ``pruning`` (the fit) and
    ``parallel``.
    """
    document = codec.encode(report)
    document["oneLine"] = headline(report)
    document["front"] = [candidate.recipe.name for candidate in front(report.candidates)]
    document["pruning"] = codec.encode(terms.fit_pruning(report.candidates))
    document["parallel"] = codec.encode(terms.parallel(report.cost))
    return json.dumps(_finite(document), indent=2, sort_keys=True, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:  # noqa: ANN401 - JSON has no narrower type here
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
