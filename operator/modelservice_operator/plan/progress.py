"""The running Job's own words, from the JSON lines of its log."""

from __future__ import annotations

import json

from modelservice_runtime.contract.codec import ContractError, decode
from modelservice_runtime.contract.results import Progress


def last_progress(log: str) -> str:
    """``exporting (40 %): words`` of the last progress line, or an empty string."""
    for line in reversed(log.splitlines()):
        progress = _parse(line)
        if progress is not None:
            return f"{progress.stage} ({progress.fraction:.0%}): {progress.message}"
    return ""


def _parse(line: str) -> Progress | None:
    if not line.startswith("{"):
        return None
    try:
        return decode(Progress, json.loads(line).get("progress"))
    except (ValueError, ContractError, AttributeError):
        return None
