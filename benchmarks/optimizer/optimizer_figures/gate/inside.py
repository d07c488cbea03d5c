"""Runs in the builder's environment: faults, populations, trials.

    python -m optimizer_figures.gate.inside '{"work": …}' → one JSON object a line

``{"progress": words}``, ``{"finding": …}``, ``{"precision": …}``. Outputs of the models are kept in
the work folder, so a run that was stopped goes on where it was.
"""

from __future__ import annotations

import functools
import json
import logging
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelservice_runtime.builder.techniques import quiet

from . import answers, faults, sources, trials
from .kinds import DIGITS, KINDS, ROWS, Kind
from .population import Population
from .populations import population
from .sources import Place, Source
from .task import Task, task

#: Those whose models take longest first, so that no process is left alone with one at the end.
_ORDER = ("image-classifier", "sentence-encoder", "token-tagger", "digits", "recommender")
_PRECISION_ROWS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is asked. ``share``: of the populations' rows; ``processes``: side by side."""

    work: str
    repository: str
    seeds: int
    share: float
    processes: int

    @property
    def place(self) -> Place:
        """Where to read and write."""
        return Place(work=Path(self.work), repository=Path(self.repository))

    def rows(self, example: str) -> int:
        """Of its population."""
        return round(ROWS[example] * self.share)


def main() -> int:
    """Measure everything that the first argument asks for."""
    work = Work(**json.loads(sys.argv[1]))
    work.place.work.mkdir(parents=True, exist_ok=True)
    sources.prepare(work.place, _ORDER)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(work.processes, context, _begin) as pool:
        # First what several kinds need: two processes would otherwise both make it.
        for made in [pool.submit(_source_answers, work, example) for example in _ORDER]:
            made.result()
        for found in _findings(pool, work):
            _print(found)
    return 0


def _findings(pool: ProcessPoolExecutor, work: Work) -> Iterator[dict[str, Any]]:
    kinds = sorted(KINDS, key=lambda kind: _ORDER.index(kind.example))
    calls: list[Future[dict[str, Any]]] = [
        pool.submit(_fault, work, kind, strength) for kind in kinds for strength in kind.strengths()
    ]
    calls.append(pool.submit(_precision, work))
    for done in as_completed(calls):
        yield done.result()


def _begin() -> None:
    """First thing in every process."""
    quiet.forbid_telemetry()
    quiet.no_advice()


def _source_answers(work: Work, example: str) -> None:
    began, say = time.monotonic(), _saying(f"{example}, source model")
    say(f"{work.rows(example)} rows are being made")
    _everything(work, example)
    say(f"done in {time.monotonic() - began:.0f} s")


def _fault(work: Work, kind: Kind, strength: str) -> dict[str, Any]:
    """Make the candidate, run it, judge it."""
    began, head = time.monotonic(), f"{kind.name}, {strength}"
    say = _saying(head)
    source, rows, its_task = _everything(work, kind.example)
    folder, words = work.place.work, kind.strengths()[strength]
    key = faults.key(source, kind, words)
    model = folder / "faults" / f"{key}.onnx"
    path = folder / "answers" / f"{key}-{rows.digest}.npy"
    if not path.is_file():
        faults.candidate(source, kind, words, model)
    given = answers.answers(model, rows, path, say)
    model.unlink(missing_ok=True)
    found = trials.finding(its_task, kind, strength, given, work.seeds)
    say(f"{found.share:.2f} x the goal, {time.monotonic() - began:.0f} s")
    return {"finding": found.encode()}


def _precision(work: Work) -> dict[str, Any]:
    from .precision import precision  # noqa: PLC0415 - telemetry is forbidden first

    source = sources.source(work.place, DIGITS)
    rows = population(work.place, DIGITS, min(_PRECISION_ROWS, work.rows(DIGITS)))
    its_task = task(source, rows.labels, _answers_of_source(work, source, rows))
    return {"precision": precision(source, rows, its_task).encode()}


@functools.lru_cache(maxsize=2)
def _everything(work: Work, example: str) -> tuple[Source, Population, Task]:
    """Once in a process, as long as it works on that example."""
    source = sources.source(work.place, example)
    rows = population(work.place, example, work.rows(example))
    return source, rows, task(source, rows.labels, _answers_of_source(work, source, rows))


def _answers_of_source(work: Work, source: Source, rows: Population) -> Any:  # noqa: ANN401
    path = work.place.work / "answers" / f"{source.example}-{source.digest}-{rows.digest}.npy"
    return answers.answers(source.path, rows, path, _saying(f"{source.example}, source model"))


def _saying(head: str) -> Callable[[str], None]:
    return lambda words: _print({"progress": f"{head}: {words}"})


def _print(found: Mapping[str, Any]) -> None:
    """One write, so that lines of several processes do not mix."""
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    logging.captureWarnings(capture=True)
    sys.exit(main())
