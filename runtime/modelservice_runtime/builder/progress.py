"""Progress as JSON lines on standard output; everything else goes to standard error."""

from __future__ import annotations

import json
import logging
import sys
from typing import TextIO

from modelservice_runtime.contract.codec import encode
from modelservice_runtime.contract.results import Progress

_log = logging.getLogger(__name__)

#: Stage → fraction done when it begins; from the share of time each takes for the examples.
STAGES = {
    "source": 0.0,
    "requirements": 0.1,
    "load": 0.2,
    "export": 0.3,
    "parity": 0.6,
    "measure": 0.75,
    "publish": 0.9,
    "done": 1.0,
}


def say(stage: str, message: str, stream: TextIO | None = None) -> None:
    """One line ``{"progress": {"stage", "fraction", "message"}}``, flushed at once."""
    progress = Progress(stage=stage, fraction=STAGES[stage], message=message)
    text = json.dumps({"progress": encode(progress)}, separators=(",", ":"))
    print(text, file=stream or sys.stdout, flush=True)
    _log.info("%s: %s", stage, message)
