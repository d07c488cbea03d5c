"""The report's files."""

from __future__ import annotations

from pathlib import Path

from modelservice_runtime.contract.store_layout import REPORT_HTML, REPORT_JSON

from .document import TuningReport
from .encoding import encode
from .page import page


def write(report: TuningReport, folder: Path) -> None:
    """``report.json`` and ``report.html`` in ``folder``, which is there already.

    Raises:
        OSError: the folder cannot be written.
    """
    (folder / REPORT_JSON).write_text(encode(report), encoding="utf-8")
    (folder / REPORT_HTML).write_text(page(report), encoding="utf-8")
