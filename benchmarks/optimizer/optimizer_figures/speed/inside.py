"""Makes, judges and times all engines of one case; runs in the builder's environment.

    python -m optimizer_figures.speed.inside WORK

WORK is JSON: ``service``, ``out``, ``claims``, ``scratch``, ``extra`` (folders and files),
``engines`` (names), ``picked``, ``rounds``, ``seconds`` (of one engine at one batch in one round).
One JSON object a line goes to standard output: ``{"say"}``, ``{"verdict"}``, or ``{"engine",
"batch", "milliseconds"}`` for a round. Engines rest while one of them is timed; each round begins
with another one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from modelservice_runtime.builder import measuring
from modelservice_runtime.builder.errors import BuildError, Infrastructure, Interrupted
from modelservice_runtime.builder.locking import alone
from modelservice_runtime.builder.techniques.base import CannotProduceError

from . import at_the_gate
from .findings import Verdict
from .setting import Paths, Setting, open_setting
from .starting import Started, Starter

_MOST_CHARACTERS = 200


def main() -> int:
    """Measure what the first argument says."""
    work = json.loads(sys.argv[1])
    with ExitStack() as processes:
        paths = Paths(**{name: Path(work[name]) for name in Paths.__slots__})
        setting = open_setting(paths, say, processes)
        starter = Starter(
            setting=setting,
            processes=processes,
            extra=Path(work["extra"]),
            picked=str(work["picked"]),
        )
        engines = list(_judged(setting, starter, work["engines"]))
        with alone():
            _time(setting, engines, work)
    return 0


def say(text: str) -> None:
    """One line of progress."""
    tell({"say": text})


def tell(found: Mapping[str, Any]) -> None:
    """One line for the parent."""
    print(json.dumps(found), flush=True)


def _judged(setting: Setting, starter: Starter, names: Sequence[str]) -> Iterator[Started]:
    """The engines that run, each told with its verdict."""
    for name in names:
        say(f"{name}: making it")
        try:
            started = starter.start(name)
            verdict = at_the_gate.judge(setting, started)
            for file in _files(setting).values():
                started.model.time(file, 0.0)
        except (Interrupted, Infrastructure):
            raise
        except (BuildError, CannotProduceError) as error:
            failure = " ".join(str(error).split())[:_MOST_CHARACTERS]
            tell({"verdict": asdict(Verdict(engine=name, failure=failure))})
            continue
        tell({"verdict": asdict(verdict)})
        yield started


def _files(setting: Setting) -> Mapping[int, Path]:
    """Batch size → the file of so many rows."""
    build = setting.build
    sizes = measuring.batches(build.request.max_batch_size)
    return {batch: setting.ground.baseline.batch_file(build, batch) for batch in sizes}


def _time(setting: Setting, engines: Sequence[Started], work: Mapping[str, Any]) -> None:
    files = _files(setting)
    for number in range(int(work["rounds"])):
        say(f"round {number + 1} of {work['rounds']}")
        begin = number % len(engines)
        for batch, file in files.items():
            for engine in (*engines[begin:], *engines[:begin]):
                taken = engine.model.time(file, float(work["seconds"]))
                tell({"engine": engine.name, "batch": batch, "milliseconds": median(taken)})


if __name__ == "__main__":
    sys.exit(main())
