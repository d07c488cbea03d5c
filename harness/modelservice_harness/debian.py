"""Programs from Debian packages, unpacked into the cache and never installed: no root needed."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from .errors import CommandFailed, MissingNeeds
from .processes import capture
from .workshop import Workshop

#: Folders that an ordinary user's PATH lacks.
SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
#: Shared library → the package it comes in, for those that ldd may find missing.
LIBRARY_PACKAGES = {
    "libnftables.so.1": "libnftables1",
    "libnftnl.so.11": "libnftnl11",
    "libmnl.so.0": "libmnl0",
    "libjansson.so.4": "libjansson4",
    "libedit.so.2": "libedit2",
    "libbsd.so.0": "libbsd0",
    "libmd.so.0": "libmd0",
    "libtinfo.so.6": "libtinfo6",
    "libxtables.so.12": "libxtables12",
    "libgmp.so.10": "libgmp10",
    "libreadline.so.8": "libreadline8",
}
_LIBRARY_FOLDERS = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")
_MAX_ROUNDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program and where its shared libraries lie, empty if the machine's own suffice."""

    path: Path
    libraries: tuple[Path, ...] = ()

    def folders(self) -> tuple[Path, ...]:
        """What a container that runs it has to see, besides the system's folders."""
        return () if str(self.path).startswith("/usr/") else (self.path.parent, *self.libraries)


def ensure_program(workshop: Workshop, name: str, package: str) -> Program:
    """``name`` from PATH or the system's folders, else from ``package``.

    Raises:
        MissingNeeds: the package cannot be fetched; the message says what to install.
    """
    own = find_program(name, workshop.environ.get("PATH", ""))
    if own is not None:
        return Program(path=own)
    place = workshop.layout.debian / package

    def build(folder: Path, _lock: int) -> None:
        _refresh_lists(workshop)
        _unpack(workshop, folder, [package])
        _complete_libraries(workshop, folder, name)

    workshop.ensure(place, f"{name} (Debian package {package})", build)
    return _program_in(place, name)


def find_program(name: str, path: str) -> Path | None:
    """A program on ``path`` or in the system's folders, its links resolved."""
    found = shutil.which(name, path=f"{path}:{SYSTEM_PATH}")
    return Path(found).resolve() if found else None


def missing_libraries(ldd_output: str) -> list[str]:
    """The libraries that ``ldd`` did not find."""
    return re.findall(r"^\s*(\S+) => not found", ldd_output, flags=re.MULTILINE)


def lists_are_empty(folder: Path = Path("/var/lib/apt/lists")) -> bool:
    """Whether apt has never been told what packages there are (a fresh container)."""
    return not any(folder.glob("*Packages*"))


def _refresh_lists(workshop: Workshop) -> None:
    if not lists_are_empty():
        return
    try:
        capture(["apt-get", "update"], env=workshop.environ, timeout=300)
    except CommandFailed as error:
        raise MissingNeeds(
            f"apt has no package lists: run sudo apt-get update ({error})"
        ) from error


def _unpack(workshop: Workshop, folder: Path, packages: list[str]) -> None:
    downloads = folder / "downloads"
    downloads.mkdir(exist_ok=True)
    try:
        capture(
            ["apt-get", "download", *packages], env=workshop.environ, cwd=downloads, timeout=300
        )
        for package in downloads.glob("*.deb"):
            capture(["dpkg-deb", "-x", str(package), str(folder)], env=workshop.environ)
    except CommandFailed as error:
        names = " ".join(packages)
        raise MissingNeeds(f"sudo apt-get install {names}, then run it again ({error})") from error
    shutil.rmtree(downloads)


def _program_in(place: Path, name: str) -> Program:
    path = next(
        place / sub / name
        for sub in ("usr/bin", "usr/sbin", "bin", "sbin")
        if (place / sub / name).exists()
    )
    folders = tuple(place / sub for sub in _LIBRARY_FOLDERS if (place / sub).is_dir())
    return Program(path=path, libraries=folders)


def _complete_libraries(workshop: Workshop, folder: Path, name: str) -> None:
    for _ in range(_MAX_ROUNDS):
        missing = _missing_now(workshop, _program_in(folder, name))
        unknown = [library for library in missing if library not in LIBRARY_PACKAGES]
        if unknown:
            raise MissingNeeds(f"{name} needs {', '.join(unknown)}: install the package of {name}")
        if not missing:
            return
        _unpack(workshop, folder, sorted({LIBRARY_PACKAGES[library] for library in missing}))


def _missing_now(workshop: Workshop, program: Program) -> list[str]:
    path = ":".join(str(folder) for folder in program.libraries)
    objects = [program.path, *(p for f in program.libraries for p in f.glob("*.so.*"))]
    env = {**workshop.environ, "LD_LIBRARY_PATH": path}
    texts = [capture(["ldd", str(item)], env=env) for item in objects]
    return sorted({name for text in texts for name in missing_libraries(text)})
