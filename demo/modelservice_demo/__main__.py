"""``python -m modelservice_demo``: composes the story and writes its report."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from modelservice_harness.commands import guarded, open_workshop, prepare
from modelservice_harness.environments import CLIENT_ENVIRONMENT
from modelservice_harness.errors import HarnessError
from modelservice_harness.provision import Wanted
from modelservice_harness.workshop import Workshop

from . import example as examples
from . import story
from .ending import facts, last_words
from .observe import Observer
from .page import render
from .settings import CURRENT, Settings, SettingsError, settings_from
from .story import NAMESPACE, Told
from .target import Target, current_target, local_target
from .timeline import Timeline

_WANTED = Wanted(environments=(CLIENT_ENVIRONMENT.name,))


def main() -> int:
    """Parse the command line and tell the story."""
    parser = argparse.ArgumentParser(prog="modelservice_demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=None, help="folder of the report")
    parser.add_argument("--no-load", action="store_true", help="stop after the first answer")
    options = parser.parse_args()
    try:
        settings = settings_from(os.environ)
    except SettingsError as error:
        parser.error(str(error))
    workshop = open_workshop(os.environ)
    out = options.out or workshop.layout.repository / "out" / "demo"
    return guarded(
        lambda: _tell(workshop, settings, out, no_load=options.no_load), workshop.console
    )


def _target(workshop: Workshop, settings: Settings, environ: Mapping[str, str]) -> Target:
    if settings.cluster == CURRENT:
        return current_target(workshop, settings, environ, input)
    return local_target(workshop)


def _tell(workshop: Workshop, settings: Settings, out: Path, *, no_load: bool) -> None:
    target = _target(workshop, settings, os.environ)
    provisioned = prepare(workshop, _WANTED)
    workshop.console.say("the example's code and weights")
    example = examples.prepare(
        workshop.layout.repository, workshop.layout.cache, provisioned.uv, workshop.environ
    )
    timeline = Timeline()
    observer = Observer(
        access=target.access,
        console=workshop.console,
        namespace=NAMESPACE,
        name=examples.NAME,
        timeline=timeline,
    )
    try:
        can_balance = story.install(observer, target, workshop.layout)
        story.serve(observer, target, example)
        python = provisioned.environments[CLIENT_ENVIRONMENT.name] / "bin" / "python"
        table = story.ask(observer, target, example, python, workshop.environ)
        first_answer = workshop.console.elapsed()
        outcome = None
        if not no_load:
            outcome = story.swing(observer, target, example, can_balance=can_balance)
        told = Told(first_answer_seconds=first_answer, table=table, outcome=outcome)
    except HarnessError:
        timeline.save(out / "timeline.json")
        raise
    _report(workshop, target, timeline, out, told)


def _report(workshop: Workshop, target: Target, timeline: Timeline, out: Path, told: Told) -> None:
    timeline.save(out / "timeline.json")
    page = out / "report.html"
    page.write_text(render("One ModelService, end to end", facts(told), timeline))
    workshop.console.raw(last_words(timeline, told, page, target.kubectl_hint))


if __name__ == "__main__":
    sys.exit(main())
