"""O1, case by case: the artifact is built, then measured beside stock recipes."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench_figures.rows import Figures

from modelservice_harness.digests import digest_of_files
from modelservice_harness.errors import CommandFailed
from modelservice_harness.processes import tail
from optimizer_figures.bench import Bench
from optimizer_figures.builds import building
from optimizer_figures.builds.building import Built
from optimizer_figures.builds.cases import Case, chosen
from optimizer_figures.builds.site import Site

from .findings import Measured, Verdict, figures
from .peers import EAGER, PICKED, SHIPPED, peers_for

_HERE = Path(__file__).parent
_REQUIREMENTS = Path(__file__).resolve().parents[2] / "peers.txt"
ROUNDS, QUICK_ROUNDS = 15, 3
_ROUND_SECONDS = 0.15


def measure(bench: Bench) -> Iterator[Figures]:
    """The figures of each case, as they come.

    Raises:
        HarnessError: no such case; a build or a measuring broke off.
    """
    site = Site(bench=bench)
    for case in chosen(bench.cases, quick=bench.quick):
        built = building.ensure(site, case, building.TWO_WORKERS)
        yield figures(_measured(site, case, built, bench.picked.get(case.name, "")))


def _measured(site: Site, case: Case, built: Built, picked: str) -> Measured:
    """What an earlier run measured counts, if nothing has changed since."""
    way = "quick" if site.bench.quick else "full"
    name = f"speed-{way}-{digest_of_files(_HERE, [_HERE])}-{picked or 'first'}.jsonl"
    kept = built.folder / name
    report = built.report()
    if site.is_kept(kept):
        site.say(f"{case.name}: measured before ({kept})")
        lines = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
    else:
        engines = [SHIPPED, *([PICKED] if picked else [])]
        engines += [peer.name for peer in peers_for(report.source_kind)]
        lines = list(_lines(site, case, built, {"engines": engines, "picked": picked}))
        draft = kept.with_suffix(".draft")
        draft.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        draft.replace(kept)
    return gathered(case.name, report.max_batch_size, lines)


def gathered(case: str, batch: int, lines: Sequence[Mapping[str, Any]]) -> Measured:
    """The lines that ``inside`` tells, in order.

    Raises:
        CommandFailed: the source model or the artifact itself does not run.
    """
    found = [Verdict(**line["verdict"]) for line in lines if "verdict" in line]
    verdicts = {verdict.engine: verdict for verdict in found}
    times: dict[tuple[str, int], list[float]] = defaultdict(list)
    for line in lines:
        if "milliseconds" in line:
            times[line["engine"], line["batch"]].append(float(line["milliseconds"]))
    measured = Measured(case=case, batch=batch, verdicts=verdicts, times=dict(times))
    for name in (EAGER, measured.ours):
        if name not in verdicts or verdicts[name].failure or (name, batch) not in times:
            failure = verdicts[name].failure if name in verdicts else "it was not measured"
            raise CommandFailed(f"{case}: {name} does not run: {failure}")
    return measured


def _lines(
    site: Site, case: Case, built: Built, words: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    log, scratch = built.folder / "speed.log", built.folder / "speed-scratch"
    work = {
        **words,
        "service": str(built.service),
        "out": str(built.out),
        "claims": str(site.claims),
        "scratch": str(scratch),
        "extra": str(stock_packages(site, case)),
        "rounds": QUICK_ROUNDS if site.bench.quick else ROUNDS,
        "seconds": _ROUND_SECONDS,
    }
    scratch.mkdir(exist_ok=True)
    command = [str(site.python(case)), "-m", "optimizer_figures.speed.inside", json.dumps(work)]
    with log.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stream,
            env=site.environ(case), start_new_session=True,
        )  # fmt: skip
    try:
        for text in process.stdout or ():
            line = json.loads(text)
            _tell(site, case, line)
            yield line
        if process.wait() != 0:
            raise CommandFailed(f"{case.name}: the measuring broke off: {tail(log)}\n({log})")
    finally:
        building.end(process)
        if process.stdout is not None:
            process.stdout.close()
        shutil.rmtree(scratch, ignore_errors=True)


def _tell(site: Site, case: Case, line: Mapping[str, Any]) -> None:
    if "say" in line:
        site.say(f"  {case.name}: {line['say']}")
    if "verdict" in line:
        verdict = Verdict(**line["verdict"])
        outcome = "within the goals" if verdict.within else "not within the goals"
        reason = verdict.failure or f"{outcome}: {verdict.reason}"
        site.say(f"  {case.name}: {verdict.engine} {verdict.words}: {reason}"[:200])


def stock_packages(site: Site, case: Case) -> Path:
    """The folder of what a stock recipe needs that no environment has; made if it is not there.

    Raises:
        CommandFailed: the package index did not give it.
    """
    python = site.python(case)
    place = site.bench.work / f"peers-{digest_of_files(_REQUIREMENTS.parent, [_REQUIREMENTS])}"

    def build(folder: Path, lock: int) -> None:
        command = [str(site.bench.provisioned.uv), "pip", "install", "--target", str(folder)]
        command += ["--python", str(python), "--no-deps", "--require-hashes"]
        command += ["--only-binary", ":all:", "-r", str(_REQUIREMENTS)]
        site.bench.workshop.run("packages of stock recipes", command, keep=lock)

    return site.bench.workshop.ensure(place, "packages of stock recipes", build)
