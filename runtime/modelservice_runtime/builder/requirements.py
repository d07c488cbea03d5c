"""The source's own ``requirements.txt``, installed beside the builder's packages.

``--prefix`` and not ``--target``: the latter ignores what is installed and would bring a
second torch. The builder's own versions are constraints, so that a user's requirement can
add packages but not change what the recipe was tested with.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from .errors import REQUIREMENTS_NOT_INSTALLABLE, UserError
from .scratch import Scratch

REQUIREMENTS = "requirements.txt"
WHEELS = "wheels"
_MAX_WORDS = 600
#: As package indexes compare names: ``Own_Package`` and ``own-package`` are the same.
_SEPARATORS = re.compile(r"[-_.]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What the source brought. ``paths``: to put on the module path.

    ``pinned``: a requirement line for each distribution, ``name==version --hash=sha256:…``, that
    brings the same bytes again; the builder's own packages are not among them.
    """

    paths: tuple[Path, ...] = ()
    pinned: tuple[str, ...] = ()


def constraints() -> str:
    """One ``name==version`` line for every distribution of the builder's environment."""
    pinned = {d.metadata["Name"]: d.version for d in metadata.distributions()}
    return "".join(f"{name}=={version}\n" for name, version in sorted(pinned.items()) if name)


def pip_command(source: Path, prefix: Path, constraints_file: Path, report: Path) -> list[str]:
    """The pip call for the requirements of ``source``: hashes required, wheels only.

    ``report``: where pip writes what it installed, as JSON.
    """
    wheels = source / WHEELS
    offline = ["--no-index", "--find-links", str(wheels)] if wheels.is_dir() else []
    return [
        *(sys.executable, "-m", "pip", "install", "--no-input", "--no-cache-dir"),
        *("--disable-pip-version-check", "--no-warn-script-location", "--root-user-action=ignore"),
        *("--only-binary", ":all:", "--require-hashes", "--retries", "2", "--timeout", "10"),
        *offline,
        *("--prefix", str(prefix), "--constraint", str(constraints_file)),
        *("--report", str(report)),
        *("--requirement", str(source / REQUIREMENTS)),
    ]


def install(scratch: Scratch, environment: Mapping[str, str], timeout: float) -> Installed:
    """Install the requirements, where there are any.

    ``timeout``: seconds.

    Raises:
        UserError: pip refused; its essential lines and what to do.
        subprocess.TimeoutExpired: it took longer than ``timeout``.
    """
    if not (scratch.source / REQUIREMENTS).is_file():
        return Installed()
    report = scratch.work / "installed.json"
    constraints_file = scratch.work / "constraints.txt"
    constraints_file.write_text(constraints())
    command = pip_command(scratch.source, scratch.prefix, constraints_file, report)
    done = subprocess.run(  # noqa: S603 - arguments are ours, no shell
        command,
        env=dict(environment),
        cwd=scratch.source,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    sys.stderr.write(done.stdout + done.stderr)
    if done.returncode != 0:
        raise explain(done.stdout + done.stderr, offline=(scratch.source / WHEELS).is_dir())
    paths = sorted(scratch.prefix.glob("**/*-packages"))
    return Installed(paths=tuple(paths), pinned=pins(paths, json.loads(report.read_text())))


def pins(paths: Sequence[Path], report: Mapping[str, Any]) -> tuple[str, ...]:
    """A requirement line for each distribution in the folders ``paths``, by name.

    What lies there is what counts; ``report`` (pip's, version 1) adds the hashes of the wheels.
    """
    hashes = {
        _normal(item["metadata"]["name"]): item["download_info"].get("archive_info", {})
        for item in report.get("install", ())
    }
    found = {
        _normal(distribution.metadata["Name"]): distribution.version
        for distribution in metadata.distributions(path=[str(path) for path in paths])
    }
    return tuple(
        f"{name}=={version}{_hash_option(hashes.get(name, {}))}"
        for name, version in sorted(found.items())
    )


def _hash_option(archive: Mapping[str, Any]) -> str:
    sha256 = archive.get("hashes", {}).get("sha256", "")
    return f" --hash=sha256:{sha256}" if sha256 else ""


def _normal(name: str) -> str:
    return _SEPARATORS.sub("-", name).lower()


def explain(output: str, *, offline: bool) -> UserError:
    """What pip said, shortened, with what to do about it."""
    words = " ".join(essential_lines(output))[:_MAX_WORDS]
    return UserError(
        REQUIREMENTS_NOT_INSTALLABLE,
        f"{REQUIREMENTS}: {words or 'pip failed'}; {_advice(output, offline=offline)}",
    )


def essential_lines(output: str) -> Iterable[str]:
    """The error lines of pip and the conflict's causes, without prefixes."""
    kept = re.compile(
        r"^(ERROR: (?!ResolutionImpossible)|    \S.* depends on |    The user requested )"
    )
    lines = (line for line in output.splitlines() if kept.match(line))
    return [line.removeprefix("ERROR: ").strip() for line in lines]


def _advice(output: str, *, offline: bool) -> str:
    if "hash" in output.lower():
        return "pin every package with ==, give its --hash (pip-compile --generate-hashes does)"
    if "(constraint)" in output:
        return (
            "it asks for another version than the builder has (named as constraint above);"
            " allow that version"
        )
    if offline:
        return f"put the missing wheels for Linux x86-64, Python 3.11 into {WHEELS}/"
    return (
        "the pod may have no way out to a package index: put the wheels for Linux x86-64,"
        f" Python 3.11 into a folder {WHEELS}/ beside {REQUIREMENTS}"
    )
