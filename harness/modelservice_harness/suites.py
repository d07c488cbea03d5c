"""The test suites: which folders run in which environment, and how."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .binary import BINARY_VARIABLE
from .console import clock_text
from .golang import go_variables
from .junit import Totals, go_totals, junit_totals
from .local import cluster_environ
from .provision import Provisioned, Wanted
from .workshop import Workshop

GO_SUITE = "localcluster"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One run of pytest.

    ``cluster``: the tests start local clusters with the image map. ``workers``: processes side by
    side, where no test expects a certain speed; those of one file stay together and files start in
    their order if ``by_file``, else no test shares anything with another. ``whole``: judges what
    all tests before have done, so it is left out where only some were asked for.
    """

    name: str
    environment: str
    folders: tuple[str, ...]
    cluster: bool = False
    workers: int = 1
    by_file: bool = False
    whole: bool = False


SUITES = (
    Suite(
        name="quick",
        environment="dev",
        folders=("tests/unit", "tests/contract", "tests/golden"),
        workers=2,
    ),
    Suite(
        name="builder",
        environment="builder-test",
        folders=("tests/builder", "tests/device"),
        workers=2,
    ),
    Suite(name="keras", environment="keras-test", folders=("tests/keras",), workers=2),
    Suite(
        name="serving",
        environment="serving-test",
        folders=("tests/serving", "tests/tuner"),
        workers=2,
    ),
    Suite(
        name="cluster",
        environment="dev",
        folders=("tests/cluster",),
        cluster=True,
        workers=2,
        by_file=True,
    ),
    Suite(name="rights", environment="dev", folders=("tests/rights",), whole=True),
)
#: In the order in which they run: what fails fast comes first.
SUITE_NAMES = ("quick", GO_SUITE, "keras", "serving", "builder", "cluster", "rights")
#: Subfolder of the logs: what the operator of each cluster was granted and has asked for.
RIGHTS_FOLDER = "rights"
#: What the pods of the local cluster are made of.
CLUSTER_ENVIRONMENTS = ("operator", "serving", "builder", "builder-keras", "s3server", "client")


def wanted_for(names: tuple[str, ...]) -> Wanted:
    """What has to be provisioned for these suites."""
    chosen = [suite for suite in SUITES if suite.name in names]
    environments = [suite.environment for suite in chosen]
    needs_cluster = any(suite.cluster for suite in chosen)
    if needs_cluster:
        environments += CLUSTER_ENVIRONMENTS
    return Wanted(
        environments=tuple(dict.fromkeys(environments)),
        # tests/contract renders the chart with the helm inside the localcluster program.
        cluster=needs_cluster or "quick" in names,
        project=bool(chosen),
        go=GO_SUITE in names,
    )


def run_suites(
    workshop: Workshop, provisioned: Provisioned, names: tuple[str, ...], extra: tuple[str, ...]
) -> Totals:
    """Run the suites one after another, printing what they print; the totals over all."""
    results: list[tuple[str, Totals, float]] = []
    for name in (item for item in SUITE_NAMES if item in names):
        began = time.monotonic()
        workshop.console.raw(f"\n=== {name} ===")
        totals = _run_one(workshop, provisioned, name, extra)
        results.append((name, totals, time.monotonic() - began))
    workshop.console.raw("\n=== all suites ===")
    for name, totals, seconds in results:
        workshop.console.raw(f"{name:>14}: {totals.line()} in {clock_text(seconds)}")
    total = sum((totals for _, totals, _ in results), start=Totals())
    workshop.console.raw(total.line())
    return total


def _run_one(
    workshop: Workshop, provisioned: Provisioned, name: str, extra: tuple[str, ...]
) -> Totals:
    if name == GO_SUITE:
        return _run_go(workshop, provisioned)
    suite = next(suite for suite in SUITES if suite.name == name)
    if suite.whole and extra:
        workshop.console.raw("left out: it judges what all tests did, and only some were run")
        return Totals()
    if suite.cluster:
        shutil.rmtree(workshop.layout.logs / RIGHTS_FOLDER, ignore_errors=True)
    return _run_pytest(workshop, provisioned, suite, extra)


def _run_pytest(
    workshop: Workshop, provisioned: Provisioned, suite: Suite, extra: tuple[str, ...]
) -> Totals:
    folders = [item for item in suite.folders if (workshop.layout.repository / item).is_dir()]
    report = workshop.layout.logs / f"junit-{suite.name}.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    python = provisioned.environments[suite.environment] / "bin" / "python"
    options = [f"--junitxml={report}", *_side_by_side(suite), *extra]
    command = [str(python), "-m", "pytest", *folders, *options]
    done = subprocess.run(
        command,
        cwd=workshop.layout.repository,
        env=pytest_environ(workshop, provisioned),
        check=False,
    )
    totals = junit_totals(report)
    if done.returncode != 0 and totals.failed == 0:
        # pytest ended badly without a failed test: nothing collected, or an internal error.
        return totals + Totals(failed=1)
    return totals


def _side_by_side(suite: Suite) -> list[str]:
    """The options of pytest-xdist."""
    if suite.workers == 1:
        return []
    shared = ["--dist", "loadfile", "--no-loadscope-reorder"]
    return ["-n", str(suite.workers), *(shared if suite.by_file else ["--dist", "worksteal"])]


def pytest_environ(workshop: Workshop, provisioned: Provisioned) -> dict[str, str]:
    """Variables for the tests: the packages of the checkout, and the programs they drive."""
    variables = cluster_environ(workshop.layout, workshop.environ, provisioned.nft)
    folders = list(workshop.layout.import_paths())
    if provisioned.project is not None:
        # Last: the packages are the checkout's, only the distribution's metadata is from here.
        folders.append(provisioned.project / "site")
    variables["PYTHONPATH"] = os.pathsep.join(str(folder) for folder in folders)
    if provisioned.localcluster is not None:
        variables[BINARY_VARIABLE] = str(provisioned.localcluster)
    return variables


def _run_go(workshop: Workshop, provisioned: Provisioned) -> Totals:
    if provisioned.go is None:
        raise ValueError("the Go suite needs wanted_for('localcluster')")
    folder = workshop.layout.repository / "localcluster"
    variables = {
        **cluster_environ(workshop.layout, workshop.environ, provisioned.nft),
        **go_variables(provisioned.go, workshop.environ),
    }
    vet = subprocess.run(
        [str(provisioned.go), "vet", "./..."], cwd=folder, env=variables, check=False
    )
    lines = list(_go_test(workshop, provisioned.go, folder, variables))
    return go_totals(lines) + Totals(
        passed=int(vet.returncode == 0), failed=int(vet.returncode != 0)
    )


def _go_test(
    workshop: Workshop, go: Path, folder: Path, variables: Mapping[str, str]
) -> Iterator[str]:
    with subprocess.Popen(
        [str(go), "test", "-json", "./..."], cwd=folder, env=dict(variables),
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        for line in process.stdout or ():
            text = go_output(line)
            if text is not None:
                workshop.console.raw(text)
            yield line


def go_output(line: str) -> str | None:
    """What a person reads of one test event: package lines and failures, not every run."""
    try:
        event = json.loads(line)
    except ValueError:
        return line.rstrip()
    text = str(event.get("Output", "")).rstrip()
    if not text or text.lstrip().startswith(("=== ", "--- PASS", "PASS")):
        return None
    return text
