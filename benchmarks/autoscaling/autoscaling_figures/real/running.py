"""The windows, one after another: both get the same requests at once; then the faults."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from modelservice_harness.workshop import Workshop

from . import breaking, recorded, sizing
from .setting import (
    HPA,
    LEAD_SECONDS,
    MEAN_REPLICAS,
    NAMESPACES,
    OURS,
    QUICK_PACE,
    QUICK_SECONDS,
    TAIL_SECONDS,
)
from .sides import Balanced, Copied, Profiles, Side, until
from .site import Site, site
from .sizing import Window
from .watching import Watched, watching

#: From the plan's writing to the first request: both senders have it then.
_SOON_SECONDS = 15.0


def run(workshop: Workshop, folder: Path, windows: Sequence[Window], *, quick: bool) -> None:
    """All of it; ``folder`` gets a file for each window, one for the faults, and loses its others.

    Raises:
        HarnessError: the cluster, or something in it, does not come up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    with site(workshop, folder) as found:
        found.say("  services: built, tuned and rolled out, which takes minutes")
        ours = Balanced.started(found)
        profiles = ours.profiles()
        for name, profile in profiles.items():
            found.say(f"  {name}: {_words(profile)}")
        copies = Copied.started(found, ours, profiles)
        sides: dict[str, Side] = {OURS: ours, HPA: copies}
        for side in sides.values():
            side.place.start_sender()
        each = min(profile["capacityRowsPerSecond"] for profile in profiles.values())
        with watching(found.access) as watched:
            for number, shape in enumerate(windows[:1] if quick else windows):
                window = sizing.sized(shape, each, MEAN_REPLICAS)
                window = window.part(QUICK_SECONDS) if quick else window
                pair = Pair(found, sides, watched, profiles)
                text = pair.run(window, number)
                (folder / f"window-{number}.json").write_text(text, encoding="utf-8")
            copies.hold()
            text = breaking.run(found, ours, watched, profiles, QUICK_PACE if quick else 1.0)
            (folder / recorded.FAULTS_FILE).write_text(text, encoding="utf-8")


def _words(profile: Mapping[str, object]) -> str:
    return (
        f"batch {profile['maxBatchSize']}, {profile['instances']} instances,"
        f" {profile['capacityRowsPerSecond']:.1f} rows/s"
    )


class Pair:
    """One window on both sides."""

    def __init__(
        self, found: Site, sides: Mapping[str, Side], watched: Watched, profiles: Profiles
    ) -> None:
        self._site = found
        self._sides = sides
        self._watched = watched
        self._profiles = profiles

    def run(self, window: Window, number: int) -> str:
        """From one replica of each service to the last answer; the file's text."""
        # Who is set up first takes turns.
        names = list(self._sides) if number % 2 == 0 else list(self._sides)[::-1]
        for name in names:
            self._sides[name].hold()
        for name in names:
            self._sides[name].place.settled()
        led = window.with_lead(LEAD_SECONDS)
        begin = time.time() + _SOON_SECONDS
        for name in names:
            self._sides[name].place.send(led, begin, seed=number + 1)
        for name in names:
            self._sides[name].let_go()
        load = ", ".join(f"{service} {of}" for service, of in window.of.items())
        self._site.say(f"  window {number + 1}: {load}")
        until(begin + led.seconds + TAIL_SECONDS)
        answers = {name: self._sides[name].place.answers() for name in names}
        pods = {name: self._watched.of(NAMESPACES[name], begin) for name in names}
        head = {
            "begin": begin, "lead": led.seconds - window.seconds, "window": asdict(led),
            "profiles": self._profiles,
        }  # fmt: skip
        return recorded.dumps(head, answers, pods)
