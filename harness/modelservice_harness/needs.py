"""What the machine must have, looked at before anything is downloaded; all gaps in one message."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .debian import find_program
from .errors import MissingNeeds
from .interpreter import version_problem
from .layout import Layout

#: A cold run of all tests writes about 18 GB (environments 9, Go caches 5, the rest downloads).
COLD_DISK_BYTES = 20 * 1000**3
#: Control plane 0.9 GB, build Job up to 4 GB, Triton pods 0.5 GB each.
MEMORY_BYTES = 6 * 1000**3
#: The Triton of the PyPI package is built for this C library.
GLIBC = (2, 35)

#: Program → the Debian package that has it.
PROGRAMS = {
    "git": "git",
    "make": "make",
    "tar": "tar",
    "ip": "iproute2",
    "unshare": "util-linux",
    "mount": "mount",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What was found. ``namespaces``: empty if user namespaces work (or are not needed)."""

    python: tuple[int, int]
    system: str
    processor: str
    glibc: tuple[int, int]
    missing: tuple[str, ...]
    fetchable: bool
    namespaces: str
    free_disk: int
    memory: int
    cached: bool = field(default=False)


def problems(machine: Machine) -> list[str]:
    """One line for each thing that stands in the way, each with its remedy."""
    found = [version_problem(machine.python), _platform_problem(machine)]
    packages = sorted({PROGRAMS.get(name, name) for name in machine.missing})
    if packages:
        found.append(f"missing programs: sudo apt-get install {' '.join(packages)}")
    if machine.namespaces:
        found.append(machine.namespaces)
    if not machine.cached and machine.free_disk < COLD_DISK_BYTES:
        found.append(
            f"{machine.free_disk / 1e9:.0f} GB of disk are free in the cache folder; the first "
            f"run needs {COLD_DISK_BYTES / 1e9:.0f} (XDG_CACHE_HOME chooses another place)"
        )
    if machine.memory < MEMORY_BYTES:
        found.append(f"{machine.memory / 1e9:.1f} GB of memory; at least 6 are needed")
    return [line for line in found if line]


def _platform_problem(machine: Machine) -> str | None:
    if machine.system != "Linux" or machine.processor != "x86_64":
        return f"{machine.system} on {machine.processor}: the local cluster needs Linux on x86_64"
    if machine.glibc < GLIBC:
        return (
            f"the C library is {machine.glibc[0]}.{machine.glibc[1]}, Triton's PyPI package needs "
            f"{GLIBC[0]}.{GLIBC[1]} (Debian 12, Ubuntu 22.04 or newer)"
        )
    if not machine.fetchable:
        return (
            "no apt-get and dpkg-deb to fetch programs with: install prometheus and nft by hand "
            "so that they are on PATH"
        )
    return None


def inspect(layout: Layout, environ: Mapping[str, str]) -> Machine:
    """Look at this machine."""
    path = environ.get("PATH", "")
    have_both = all(find_program(name, path) for name in ("prometheus", "nft"))
    have_apt = all(find_program(name, path) for name in ("apt-get", "dpkg-deb"))
    return Machine(
        python=sys.version_info[:2],
        system=platform.system(),
        processor=platform.machine(),
        glibc=_glibc(),
        missing=tuple(name for name in PROGRAMS if find_program(name, path) is None),
        fetchable=have_both or have_apt,
        namespaces=_namespace_problem(environ),
        free_disk=_free_disk(layout.cache),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        cached=layout.environments.is_dir() and layout.binaries.is_dir(),
    )


def require(machine: Machine) -> None:
    """Raise if something is missing.

    Raises:
        MissingNeeds: with every problem on a line of its own.
    """
    found = problems(machine)
    if found:
        lines = "".join(f"\n  - {line}" for line in found)
        raise MissingNeeds(f"this machine lacks what the local cluster needs:{lines}")


def _glibc() -> tuple[int, int]:
    words = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else ""
    major, _, minor = (words or "glibc 0.0").split()[-1].partition(".")
    return (int(major), int(minor or 0))


def _free_disk(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _namespace_problem(environ: Mapping[str, str]) -> str:
    """Try what the local cluster does first: a user namespace with a network of its own."""
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "true"]
    if os.geteuid() != 0:
        command[1:1] = ["--user", "--map-root-user"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=dict(environ), check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"unshare does not work here: {error}"
    if done.returncode == 0:
        return ""
    return (
        f"namespaces are forbidden here ({done.stderr.strip()}): run as root, or allow them with "
        "sudo sysctl -w kernel.unprivileged_userns_clone=1 "
        "kernel.apparmor_restrict_unprivileged_userns=0 user.max_user_namespaces=15000, "
        "or use your own cluster: make demo DEMO_CLUSTER=current"
    )
