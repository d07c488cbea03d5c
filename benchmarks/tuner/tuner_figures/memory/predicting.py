"""The tuner's prediction of memory, from what it was shown of other settings.

    python -m tuner_figures.memory.predicting '{"seen": […], "asked": […]}' → JSON: bytes of each

Runs in the serving environment. The only place here that knows the tuner's memory plan.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from modelservice_runtime.tuner.memory_plan import Observation, predicted
from modelservice_runtime.tuner.settings import Option, Setting


def main() -> int:
    """Predict."""
    work = json.loads(sys.argv[1])
    seen = [
        Observation(
            setting=_setting(item["setting"]),
            server_bytes=int(item["server"]),
            instance_bytes=int(item["instances"]),
            file_bytes=int(item["files"]),
        )
        for item in work["seen"]
    ]
    found = [predicted(_setting(item), seen) for item in work["asked"]]
    print(json.dumps([None if parts is None else parts.total for parts in found]))
    return 0


def _setting(words: Mapping[str, Any]) -> Setting:
    return Setting(
        option=Option(
            variant="served", instances=int(words["instances"]), threads=int(words["threads"])
        ),
        max_batch_size=int(words["batch"]),
    )


if __name__ == "__main__":
    sys.exit(main())
