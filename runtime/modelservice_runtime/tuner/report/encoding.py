"""``report.json``: the report and what follows from it, sorted and indented."""

from __future__ import annotations

from modelservice_runtime.contract import codec
from modelservice_runtime.pages.indented import indented

from .agreement import agreements
from .document import TuningReport


def encode(report: TuningReport) -> str:
    """The JSON text. Numbers that JSON does not know (NaN, Inf) become null.

    Beside the fields of ``TuningReport``: ``agreement``, simulated against measured.
    """
    document = codec.encode(report)
    document["agreement"] = codec.encode(agreements(report))
    return indented(document)
