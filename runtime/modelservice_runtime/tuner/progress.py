"""Progress as JSON lines on standard output; everything else goes to standard error."""

from __future__ import annotations

import json
import logging
import sys

from modelservice_runtime.contract.codec import encode
from modelservice_runtime.contract.results import Progress

_log = logging.getLogger(__name__)


def say(stage: str, fraction: float, message: str) -> None:
    """One line ``{"progress": {"stage", "fraction", "message"}}``, flushed at once."""
    value = Progress(stage=stage, fraction=round(fraction, 3), message=message)
    text = json.dumps({"progress": encode(value)}, separators=(",", ":"))
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    _log.info("%s: %s", stage, message)
