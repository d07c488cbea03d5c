"""All searches of a model, repeat by repeat; one that was made is not made again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from modelservice_harness.digests import digest_of_files, digest_of_text
from tuner_figures.bench import Bench
from tuner_figures.models.artifacts import Artifact

from . import ours
from .analyzer import Search
from .modes import BRUTE, EXHAUSTIVE, MODES, OURS, THREADS, Mode
from .picks import Pick, together

#: What an earlier run found counts for so long, so that one that was stopped can go on.
_KEPT_SECONDS = 3 * 24 * 3600.0
_OUR_FILES = ("ours.py",)
_ITS_FILES = ("analyzer.py", "circling.py", "found.py", "profile.py")

Picks = Mapping[str, tuple[Pick, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """A line for each search that ended."""

    path: Path

    def once(self, key: str, search: Callable[[], Pick]) -> tuple[Pick, bool]:
        """What was found under ``key``, searched now if nothing was; and whether it was.

        One that came to no load at all is made again: what was in its way may be gone.
        """
        kept = self._read().get(key)
        if kept is not None and time.time() - kept["at"] < _KEPT_SECONDS:
            before = Pick.load(kept["pick"])
            if before.setting is not None or before.runs:
                return before, True
        found = search()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"key": key, "at": time.time(), "pick": found.dump()}) + "\n")
        return found, False

    def _read(self) -> dict[str, dict[str, Any]]:
        if not self.path.is_file():
            return {}
        lines = self.path.read_text(encoding="utf-8").splitlines()
        return {item["key"]: item for item in map(json.loads, lines)}


def picks(bench: Bench, artifact: Artifact, *, waiting: bool) -> Picks:
    """What each searcher found, by repeat; ours, and those of ``bench.modes``.

    ``waiting``: ours is told that at most as many clients as the bounds allow wait for their
    answers, which is what the others search for; else nothing, and it expects random arrivals.
    See ``turn``.
    """
    ledger = Ledger(path=bench.work / "picks" / f"{artifact.model.name}.jsonl")
    found: dict[tuple[str, int], list[Pick]] = {}
    names = [*single(bench.modes), (OURS, 0)]
    for repeat in range(bench.repeats):
        for name in turn(names, repeat):
            digest = _digest(bench, artifact, name[0], waiting=waiting)
            search = partial(_search, bench, artifact, *name, waiting=waiting)
            pick, known = ledger.once(f"{repeat} {name[0]} {name[1]} {digest}", search)
            head = f"{artifact.model.name}, repeat {repeat + 1}, {name[0]}"
            threads = f" with {name[1]} threads" if name[1] > 1 else ""
            bench.say(f"{head}{threads}{' (before)' if known else ''}: {pick.words()}")
            found.setdefault(name, []).append(pick)
    return {OURS: tuple(found[OURS, 0]), **{mode.name: _of(found, mode) for mode in bench.modes}}


def single(modes: Sequence[Mode]) -> list[tuple[str, int]]:
    """Each search that is one program, by mode and threads: ``THREADS`` puts two together."""
    return list(dict.fromkeys((_program(m), threads) for m in modes for threads in m.threads))


def turn(names: Sequence[tuple[str, int]], repeat: int) -> list[tuple[str, int]]:
    """The searches of a repeat: another one is first each time, ``EXHAUSTIVE`` ones only once."""
    shift = repeat % len(names)
    turned = [*names[shift:], *names[:shift]]
    return [name for name in turned if repeat == 0 or name[0] not in EXHAUSTIVE]


def _program(mode: Mode) -> str:
    return BRUTE.name if mode is THREADS else mode.name


def _of(found: Mapping[tuple[str, int], list[Pick]], mode: Mode) -> tuple[Pick, ...]:
    """Two searches by brute force are also what whoever sweeps threads by hand does."""
    searches = [found[_program(mode), threads] for threads in mode.threads]
    return tuple(together(by_repeat) for by_repeat in zip(*searches, strict=True))


def _search(bench: Bench, artifact: Artifact, name: str, threads: int, *, waiting: bool) -> Pick:
    bounds = artifact.model.bounds(quick=bench.quick)
    folder = bench.work / "searches" / artifact.model.name
    if name == OURS:
        clients = bounds.concurrency if waiting else 0
        return ours.search(bench, artifact, bounds, folder / OURS, clients)
    mode = next(mode for mode in MODES if mode.name == name)
    search = Search(bench=bench, artifact=artifact, bounds=bounds, folder=folder)
    return search.by(mode, threads)


def _digest(bench: Bench, artifact: Artifact, name: str, *, waiting: bool) -> str:
    """Of all that decides what is found on this machine."""
    here, tuner = Path(__file__).parent, bench.repository / "runtime/modelservice_runtime/tuner"
    parts = [artifact.key, repr(artifact.model.bounds(quick=bench.quick))]
    parts += [repr(artifact.model.goal_ms), *(repr(m) for m in MODES if m.name == name)]
    parts += ["waiting"] if waiting and name == OURS else []
    made_by = [here / file for file in (_OUR_FILES if name == OURS else _ITS_FILES)]
    parts += [digest_of_files(bench.repository, made_by + ([tuner] if name == OURS else []))]
    return digest_of_text("\n".join(parts))[:12]
