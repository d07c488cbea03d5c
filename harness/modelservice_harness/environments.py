"""The Python environments, exactly as uv.lock says, one folder per locked package list.

Image environments hold no project code and no test tool: the project comes from its wheel,
on PYTHONPATH (``project.py``), so that an edit of the sources copies no torch.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from .digests import DIGEST_DIGITS, digest_of_files, digest_of_text
from .interpreter import base_python
from .layout import Layout
from .processes import capture
from .workshop import Workshop


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSpec:
    """What one environment is made of. ``triton``: gets the wrappers of harness/triton."""

    name: str
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    triton: bool = False

    def flags(self) -> list[str]:
        """The options by which uv selects these packages."""
        pairs = [("--extra", extra) for extra in self.extras]
        pairs += [("--group", group) for group in self.groups]
        return ["--no-default-groups", *(word for pair in pairs for word in pair)]


#: What the images of the local cluster hold: the stages of the Dockerfile.
IMAGE_ENVIRONMENTS = (
    EnvironmentSpec(name="operator", extras=("operator",)),
    EnvironmentSpec(name="serving", extras=("tuner", "triton", "aoti"), triton=True),
    EnvironmentSpec(name="builder", extras=("builder",)),
    EnvironmentSpec(name="builder-keras", extras=("keras",)),
)
#: What the examples' clients run in, on this machine.
CLIENT_ENVIRONMENT = EnvironmentSpec(name="client", groups=("client",))
#: NVIDIA's Model Analyzer, which benchmarks/tuner measures ours beside.
ANALYZER_ENVIRONMENT = EnvironmentSpec(name="analyzer", groups=("analyzer",))
#: What benchmarks/autoscaling simulates in.
SIMULATION_ENVIRONMENT = EnvironmentSpec(name="simulation", groups=("simulation",))
#: What the tests run in.
TEST_ENVIRONMENTS = (
    EnvironmentSpec(name="dev", extras=("operator",), groups=("dev",)),
    EnvironmentSpec(name="s3server", groups=("s3server",)),
    EnvironmentSpec(
        name="serving-test", extras=("tuner", "triton", "aoti"), groups=("test",), triton=True
    ),
    EnvironmentSpec(name="builder-test", extras=("builder",), groups=("test", "s3server")),
    EnvironmentSpec(name="keras-test", extras=("keras",), groups=("test",)),
)
ENVIRONMENTS = {
    spec.name: spec
    for spec in (
        *IMAGE_ENVIRONMENTS,
        CLIENT_ENVIRONMENT,
        ANALYZER_ENVIRONMENT,
        SIMULATION_ENVIRONMENT,
        *TEST_ENVIRONMENTS,
    )
}


def ensure_environment(workshop: Workshop, uv: Path, spec: EnvironmentSpec) -> Path:
    """The folder of the environment ``spec``, made if it is not there.

    Raises:
        CommandFailed: uv could not make it; the message holds the end of its output.
    """
    place = workshop.layout.environments / f"{spec.name}-{environment_key(workshop, uv, spec)}"

    def build(folder: Path, lock: int) -> None:
        extra = _uv_variables(workshop, folder)
        command = [str(uv), "sync", "--frozen", "--no-install-project", *spec.flags()]
        workshop.run(f"environment {spec.name}", command, keep=lock, extra=extra)
        if spec.triton:
            script = str(_triton_installer(workshop.layout))
            command = [str(folder / "bin" / "python"), script, str(folder)]
            workshop.run(f"triton in {spec.name}", command, keep=lock)

    return workshop.ensure(place, f"environment {spec.name}", build)


def environment_key(workshop: Workshop, uv: Path, spec: EnvironmentSpec) -> str:
    """Digest of the locked package list, of the interpreter and of the Triton wrappers."""
    listing = capture(
        [
            str(uv),
            "export",
            "--frozen",
            "--quiet",
            "--no-emit-project",
            "--no-header",
            *spec.flags(),
        ],
        env={**workshop.environ, "UV_PYTHON": str(base_python()), "UV_PYTHON_DOWNLOADS": "never"},
        cwd=workshop.layout.repository,
    )
    parts = [listing, sys.base_prefix, sys.version]
    if spec.triton:
        folder = _triton_installer(workshop.layout).parent
        parts.append(digest_of_files(folder, [folder]))
    return digest_of_text("\n".join(parts))[:DIGEST_DIGITS]


def _triton_installer(layout: Layout) -> Path:
    return layout.repository / "harness" / "triton" / "install.py"


def _uv_variables(workshop: Workshop, folder: Path) -> dict[str, str]:
    variables = {
        "UV_PROJECT_ENVIRONMENT": str(folder),
        "UV_PYTHON": str(base_python()),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
        # Pods see the environment read-only, so they could never write their bytecode.
        "UV_COMPILE_BYTECODE": "1",
    }
    own = Path(workshop.environ.get("UV_CACHE_DIR") or workshop.layout.cache.parent / "uv")
    if own.exists() and own.stat().st_dev != workshop.layout.cache.stat().st_dev:
        # uv hard-links from its cache; on another file system torch would be copied each time.
        variables["UV_CACHE_DIR"] = str(workshop.layout.cache / "uv")
    return variables
