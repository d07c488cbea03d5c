"""The Dockerfile: each image holds exactly what uv.lock has for its extra, and runs unprivileged.

It is not built here (no registry, no container runtime): it is linted, read, and the uv commands
in it are run as dry runs on the files that it copies.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from dockerfile_parse import DockerfileParser
from packaging.markers import Marker

from modelservice_harness.bootstrap import UV_VERSION
from modelservice_harness.environments import ENVIRONMENTS
from modelservice_harness.images import USER

#: Stage → the extra whose environment it holds.
IMAGES = {
    "operator": "operator",
    "builder": "builder",
    "builder-keras": "keras",
    "serving": "serving",
    "tuner": "tuner",
}

#: What the images run on.
MACHINE = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.11.18",
    "python_version": "3.11",
    "sys_platform": "linux",
}


@dataclass(slots=True, kw_only=True)
class Stage:
    """One FROM with its instructions, in order."""

    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        """The arguments of every such instruction."""
        return [value for name, value in self.steps if name == instruction]


@pytest.fixture(scope="module")
def arguments(repository: Path) -> dict[str, str]:
    """The ARGs before the first FROM: every version in one place."""
    parser = DockerfileParser(path=str(repository / "Dockerfile"))
    found: dict[str, str] = {}
    for step in parser.structure:
        if step["instruction"] == "FROM":
            return found
        if step["instruction"] == "ARG":
            name, value = step["value"].split("=")
            found[name] = value
    raise AssertionError("no FROM")


@pytest.fixture(scope="module")
def stages(repository: Path) -> dict[str, Stage]:
    """Every stage by its name."""
    found: dict[str, Stage] = {}
    stage: Stage | None = None
    for step in DockerfileParser(path=str(repository / "Dockerfile")).structure:
        if step["instruction"] == "FROM":
            base, name = re.fullmatch(r"(\S+) AS (\S+)", step["value"]).groups()  # type: ignore[union-attr]
            stage = found[name] = Stage(name=name, base=base)
        elif stage is not None and step["instruction"] != "COMMENT":
            stage.steps.append((step["instruction"], step["value"]))
    return found


def lineage(stages: Mapping[str, Stage], name: str) -> Iterator[Stage]:
    """The stage and those it is built on, nearest first."""
    while name in stages:
        yield stages[name]
        name = stages[name].base


def environment_of(stages: Mapping[str, Stage], image: str) -> Stage:
    """The stage that the image's /opt/venv is copied from."""
    (source,) = re.findall(
        r"^--from=(\S+) /opt/venv /opt/venv$", "\n".join(stages[image].all("COPY")), re.MULTILINE
    )
    return stages[source]


def uv_command(stage: Stage) -> list[str]:
    """The words of the stage's one RUN, without its mounts."""
    (run,) = stage.all("RUN")
    return [word for word in shlex.split(run) if not word.startswith("--mount=")]


def program(name: str) -> str:
    """A program of this environment, or of the machine; fails where there is none."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    if found is None:
        pytest.fail(f"{name} is not installed: it belongs to the dependency group dev")
    return found


def test_hadolint_has_nothing_to_say(repository: Path) -> None:
    command = [program("hadolint"), "--failure-threshold", "style", str(repository / "Dockerfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_would_speak(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python:latest\nRUN cd /tmp\n")
    done = subprocess.run([program("hadolint"), str(bad)], capture_output=True, check=False)

    assert done.returncode != 0


@pytest.fixture(scope="module")
def context(repository: Path, stages: Mapping[str, Stage], tmp_path_factory: Any) -> Path:
    """A folder with what the Dockerfile copies and nothing else."""
    folder: Path = tmp_path_factory.mktemp("context")
    for copy in stages["sources"].all("COPY"):
        if copy.startswith("--from="):
            continue
        *sources, target = copy.split()
        for source in sources:
            copy_into(repository / source, folder / target / (source if target == "./" else ""))
    return folder


def copy_into(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def dry_run(context: Path, command: list[str], venv: Path) -> set[str]:
    """``name==version`` of what this ``uv sync`` would install; the project: its name alone."""
    assert command[:2] == ["uv", "sync"]
    done = subprocess.run(
        [program("uv"), *command[1:], "--dry-run", "--offline", "--no-progress"],
        cwd=context,
        env={
            **os.environ,
            "UV_PROJECT_ENVIRONMENT": str(venv),
            "UV_PYTHON": sys.executable,
            "UV_PYTHON_DOWNLOADS": "never",
            "NO_COLOR": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.removeprefix(" + ") for line in done.stderr.splitlines() if line[:3] == " + "]
    return {line.split(" ")[0] for line in lines}


class Lock:
    """uv.lock, read apart from uv: what an extra of the project needs, all the way down."""

    def __init__(self, path: Path) -> None:
        self._packages: list[Mapping[str, Any]] = tomllib.loads(path.read_text())["package"]
        self._root = next(p for p in self._packages if p["name"] == "modelservice-operator")

    def closure(self, extra: str) -> set[str]:
        """``name==version`` of every package of the extra, the project itself left out."""
        marker = f"extra-{len(self._root['name'])}-{self._root['name']}-{extra}"
        active = {marker, *self._included(extra)}
        seen: dict[tuple[str, str], str] = {}
        queue = [
            dependency
            for name in self._extras(extra)
            for dependency in self._root["optional-dependencies"][name]
        ]
        while queue:
            dependency = queue.pop()
            if not applies(dependency.get("marker", ""), active):
                continue
            package = self._find(dependency)
            for wanted in ["", *dependency.get("extra", ())]:
                if (package["name"], wanted) in seen:
                    continue
                seen[package["name"], wanted] = package["version"]
                further = (
                    package.get("optional-dependencies", {}).get(wanted, ())
                    if wanted
                    else package.get("dependencies", ())
                )
                queue += further
        own = self._root["name"]
        return {f"{name}=={version}" for (name, _), version in seen.items() if name != own}

    def _extras(self, extra: str) -> list[str]:
        return [extra, *(name.rsplit("-", 1)[-1] for name in self._included(extra))]

    def _included(self, extra: str) -> set[str]:
        """Markers of further extras of the project that this one asks for."""
        own = self._root["name"]
        asked = self._root["optional-dependencies"][extra]
        names = {e for item in asked if item["name"] == own for e in item.get("extra", ())}
        return {f"extra-{len(own)}-{own}-{name}" for name in names}

    def _find(self, dependency: Mapping[str, Any]) -> Mapping[str, Any]:
        """A dependency names its version only where the lock has several."""
        candidates = [
            package
            for package in self._packages
            if package["name"] == dependency["name"]
            and dependency.get("version", package["version"]) == package["version"]
        ]
        (only,) = candidates
        return only


def applies(marker: str, active: set[str]) -> bool:
    """Whether a marker of the lock holds on Linux, x86-64, Python 3.11, with these extras."""
    if not marker:
        return True

    def decided(match: re.Match[str]) -> str:
        holds = (match[2] in active) == (match[1] == "==")
        return f"sys_platform {'==' if holds else '!='} 'linux'"

    return Marker(re.sub(r"extra (==|!=) '([^']+)'", decided, marker)).evaluate(MACHINE)


@pytest.fixture(scope="module")
def lock(repository: Path) -> Lock:
    """uv.lock."""
    return Lock(repository / "uv.lock")


@pytest.mark.parametrize(("image", "extra"), IMAGES.items())
def test_an_image_installs_exactly_what_is_locked_for_its_extra(
    context: Path, lock: Lock, stages: Mapping[str, Stage], image: str, extra: str
) -> None:
    command = uv_command(environment_of(stages, image))
    installed = dry_run(context, command, context / f"venv-{image}")

    assert {"--frozen", "--no-editable", "--no-default-groups"} <= set(command)
    assert installed == {"modelservice-operator", *lock.closure(extra)}


def test_each_framework_is_in_one_image_and_only_the_tuner_has_perf_analyzer(lock: Lock) -> None:
    def names(extra: str) -> set[str]:
        return {item.split("==")[0] for item in lock.closure(extra)}

    assert {extra for extra in IMAGES.values() if "torch" in names(extra)} == {"builder"}
    assert {extra for extra in IMAGES.values() if "tensorflow-cpu" in names(extra)} == {"keras"}
    assert {extra for extra in IMAGES.values() if "kopf" in names(extra)} == {"operator"}
    assert names("serving") < names("tuner")


def test_the_local_cluster_runs_the_same_environments() -> None:
    """What the tests run and what the images hold: the same extras; Triton comes on top.

    And torch: the local Triton has the Python that the runner needs for it, NVIDIA's has another.
    """
    names = ("operator", "builder", "builder-keras", "serving")
    local = {name: set(ENVIRONMENTS[name].extras) for name in names}

    assert local == {
        "operator": {IMAGES["operator"]},
        "builder": {IMAGES["builder"]},
        "builder-keras": {IMAGES["builder-keras"]},
        "serving": {IMAGES["tuner"], "triton", "aoti"},
    }


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_the_unprivileged_user(stages: Mapping[str, Stage], image: str) -> None:
    steps = stages[image].steps
    (user,) = stages[image].all("USER")

    assert user == f"{USER}:{USER}"
    # Nothing is made after it, so nothing in the image belongs to that user.
    after = [name for name, _ in steps[steps.index(("USER", user)) + 1 :]]
    assert set(after) <= {"ENTRYPOINT", "CMD"}


@pytest.mark.parametrize("image", IMAGES)
def test_programs_of_the_environment_come_first(stages: Mapping[str, Stage], image: str) -> None:
    variables = [text for stage in lineage(stages, image) for text in stage.all("ENV")]

    assert any("PATH=/opt/venv/bin:$PATH" in text for text in variables)


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_starts_a_module_that_exists(stages: Mapping[str, Stage], image: str) -> None:
    (text,) = stages[image].all("ENTRYPOINT")
    command = json.loads(text)

    if image == "operator":
        assert command == ["modelservice-operator"]
    else:
        assert command[:2] == ["python", "-m"]
        assert find_spec(command[2]) is not None


def test_copied_environments_keep_their_place(stages: Mapping[str, Stage]) -> None:
    """A virtual environment cannot be moved, and needs the Python that it was made with."""
    for image in IMAGES:
        made = environment_of(stages, image)
        variables = " ".join(
            text for stage in lineage(stages, made.name) for text in stage.all("ENV")
        )
        bases = {stage.name for stage in lineage(stages, image)}
        assert "UV_PROJECT_ENVIRONMENT=/opt/venv" in variables
        if "UV_PYTHON_INSTALL_DIR=/opt/python" in variables:
            assert f"--from={made.name} /opt/python /opt/python" in stages[image].all("COPY")
        else:
            assert "python" in bases & {stage.name for stage in lineage(stages, made.name)}


def test_every_base_is_pinned(stages: Mapping[str, Stage], arguments: Mapping[str, str]) -> None:
    outside = {stage.base for stage in stages.values() if stage.base not in stages}

    for base in outside:
        repository, tag = base.rsplit(":", 1)
        assert repository
        assert re.search(r"\$\{\w+_VERSION\}", tag), base
        assert set(re.findall(r"\$\{(\w+)\}", tag)) <= arguments.keys()
    assert all(re.fullmatch(r"[0-9]+(\.[0-9]+)+", value) for value in arguments.values())


def test_uv_is_the_one_that_made_the_lock_here(arguments: Mapping[str, str]) -> None:
    assert arguments["UV_VERSION"] == UV_VERSION


def test_uv_knows_the_python_that_it_is_to_bring(arguments: Mapping[str, str]) -> None:
    done = subprocess.run(
        [
            program("uv"),
            "python",
            "list",
            "3.11",
            "--all-versions",
            "--only-downloads",
            "--offline",
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert f"cpython-{arguments['PYTHON_VERSION']}-linux-x86_64-gnu" in done.stdout


def test_the_context_holds_what_is_copied_and_no_more(
    repository: Path, stages: Mapping[str, Stage]
) -> None:
    first, *rules = [
        line
        for line in (repository / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    kept = {rule[1:].rstrip("/") for rule in rules if rule.startswith("!")}
    copied = {
        source.rstrip("/")
        for copy in stages["sources"].all("COPY")
        if not copy.startswith("--from=")
        for source in copy.split()[:-1]
    }

    assert first == "*"
    assert kept == copied


def test_what_the_wheel_is_built_from_is_copied(repository: Path, context: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())
    needed = [
        project["project"]["readme"],
        *project["project"]["license-files"],
        *project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"],
        "uv.lock",
    ]

    assert [name for name in needed if not (context / name).exists()] == []
