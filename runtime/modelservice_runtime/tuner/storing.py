"""The report into the store: beside the artifacts, never in one of them."""

from __future__ import annotations

from pathlib import Path

from modelservice_runtime.contract.store_layout import REPORT_HTML, REPORT_JSON
from modelservice_runtime.store.committing import upload
from modelservice_runtime.store.errors import StoreError
from modelservice_runtime.store.opening import open_store

from .report import TuningReport, write


def store_report(report: TuningReport, uri: str, scratch: Path) -> str:
    """Write it and copy it to ``uri``; why that could not be done, or empty.

    The profile is worth more than its report: a store that refuses it ends nothing.
    """
    folder = scratch / "report"
    try:
        folder.mkdir(exist_ok=True)
        write(report, folder)
        store = open_store(uri)
        for name in (REPORT_JSON, REPORT_HTML):
            upload(store, folder / name, name)
    except (StoreError, OSError) as error:
        return f"the report could not be stored: {error}"
    return ""
