"""Make ``tritonserver`` and ``perf_analyzer`` from their PyPI wheels programs on a PATH.

    ENV/bin/python install.py ENV

ENV is an environment with nvidia-pytriton and the full tritonclient. Afterwards ENV/triton/bin
holds both programs, as NVIDIA's image has them on its PATH, so that the operator's manifests
are the same here and there. The wheels leave three things to their own Python code, which is
not used here: the Python backend's stub belongs beside the backend, two libraries have other
names than perf_analyzer looks for, and the stub needs libpython. Standard library only; can be
run again; ENV is not written to later (pods see it read-only).
"""

from __future__ import annotations

import ctypes.util
import shutil
import sys
import sysconfig
from pathlib import Path

#: Library that perf_analyzer asks for -> the wheel's file with the same content.
LIBRARIES = {"libb64.so.0d": "libb64-*.so.0d", "libcudart.so.12": "libcudart-*.so.12*"}

TRITONSERVER = """#!/bin/sh
# Starts the tritonserver of the PyPI wheel as NVIDIA's image starts its own.
export LD_LIBRARY_PATH="{libpython}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"
export PATH="{environment}/bin:$PATH"
exec {server}/bin/tritonserver --backend-directory={server}/backends \\
  --cache-directory={server}/caches "$@"
"""

PERF_ANALYZER = """#!/bin/sh
# Starts the perf_analyzer of the PyPI wheel with the libraries that it looks for.
export LD_LIBRARY_PATH="{libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"
exec {environment}/bin/perf_analyzer "$@"
"""


def main(arguments: list[str]) -> int:
    """Install into the environment that is named. Returns the exit code."""
    if len(arguments) != 1 or arguments[0] in {"-h", "--help"}:
        print(__doc__)
        return 0 if arguments else 2
    try:
        install(Path(arguments[0]).resolve())
    except OSError as error:
        print(f"install.py: {error}", file=sys.stderr)
        return 1
    return 0


def install(environment: Path) -> None:
    """Prepare the backend and write both programs.

    Raises:
        OSError: a wheel is missing, or libpython is; the message says what to install.
    """
    packages = environment / "lib" / _python() / "site-packages"
    server = packages / "pytriton" / "tritonserver"
    if not server.is_dir():
        raise FileNotFoundError(f"{server}: install nvidia-pytriton into {environment} first")
    _place_stub(server)
    libraries = environment / "triton" / "lib"
    _link_libraries(packages / "nvidia_pytriton.libs", libraries)
    places = {"environment": environment, "server": server, "libraries": libraries}
    _program(environment, "tritonserver", TRITONSERVER.format(libpython=_libpython(), **places))
    _program(environment, "perf_analyzer", PERF_ANALYZER.format(**places))


def _python() -> str:
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def _place_stub(server: Path) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    name = "triton_python_backend_stub"
    source = server / "python_backend_stubs" / version / name
    target = server / "backends" / "python" / name
    draft = target.with_suffix(".draft")
    shutil.copy2(source, draft)
    draft.chmod(0o755)
    draft.replace(target)


def _link_libraries(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for name, pattern in LIBRARIES.items():
        found = sorted(source.glob(pattern))
        if not found:
            raise FileNotFoundError(f"{source}/{pattern}: not in this version of nvidia-pytriton")
        link = target / name
        link.unlink(missing_ok=True)
        link.symlink_to(found[0])


def _libpython() -> str:
    """The folder of libpython, empty where the loader finds it by itself."""
    name = f"lib{_python()}.so.1.0"
    folder = Path(str(sysconfig.get_config_var("LIBDIR")))
    if (folder / name).exists():
        return str(folder)
    if ctypes.util.find_library(_python()):
        return ""
    raise FileNotFoundError(f"{name}: install the Debian package lib{_python()}")


def _program(environment: Path, name: str, text: str) -> None:
    folder = environment / "triton" / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{name}.draft"
    draft.write_text(text)
    draft.chmod(0o755)
    draft.replace(folder / name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
