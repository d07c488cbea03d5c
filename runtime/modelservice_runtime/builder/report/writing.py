"""The report's files."""

from __future__ import annotations

from pathlib import Path

from modelservice_runtime.contract.store_layout import REPORT_HTML, REPORT_JSON, TENSORBOARD_FOLDER

from .document import Report
from .encoding import encode
from .page import page
from .tensorboard_files import write_events


def write(report: Report, folder: Path) -> None:
    """``report.json``, ``report.html`` and ``tensorboard/`` in ``folder``.

    Raises:
        OSError: the folder cannot be written.
    """
    (folder / REPORT_JSON).write_text(encode(report), encoding="utf-8")
    (folder / REPORT_HTML).write_text(page(report), encoding="utf-8")
    write_events(report, folder / TENSORBOARD_FOLDER)
