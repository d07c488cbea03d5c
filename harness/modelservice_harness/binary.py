"""The ``localcluster`` program, built from the checkout, kept by the digest of its sources."""

from __future__ import annotations

from pathlib import Path

from .digests import digest_of_files
from .golang import ensure_go, go_variables
from .layout import Layout
from .workshop import MARKER, Workshop, is_complete

BINARY_VARIABLE = "MODELSERVICE_LOCALCLUSTER"


def ensure_localcluster(workshop: Workshop, uv: Path) -> Path:
    """The program; its first build takes minutes (Kubernetes is in it), later ones seconds.

    A program that the caller names in ``MODELSERVICE_LOCALCLUSTER`` is taken as it is.
    """
    given = workshop.environ.get(BINARY_VARIABLE)
    if given:
        return Path(given)
    sources = workshop.layout.repository / "localcluster"
    place = workshop.layout.binaries / f"localcluster-{localcluster_digest(workshop.layout)}"

    def build(folder: Path, lock: int) -> None:
        go = ensure_go(workshop, uv)
        output = str(folder / "localcluster")
        extra = go_variables(go, workshop.environ)
        workshop.run(
            "localcluster", ["sh", "build.sh", output], keep=lock, cwd=sources, extra=extra
        )

    return (
        workshop.ensure(place, "localcluster (Kubernetes in one program)", build) / "localcluster"
    )


def any_localcluster(workshop: Workshop, uv: Path) -> Path:
    """The program for a cluster that is there: the newest built one, built only if there is none.

    Stopping a cluster must work while the sources do not compile.
    """
    built = [path for path in workshop.layout.binaries.glob("localcluster-*") if is_complete(path)]
    if not built or workshop.environ.get(BINARY_VARIABLE):
        return ensure_localcluster(workshop, uv)
    return max(built, key=lambda path: (path / MARKER).stat().st_mtime) / "localcluster"


def localcluster_digest(layout: Layout) -> str:
    """Digest of the Go module without its tests: a changed test builds nothing."""
    folder = layout.repository / "localcluster"
    sources = [
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not path.name.endswith(("_test.go", ".md"))
        and "testdata" not in path.relative_to(folder).parts
    ]
    return digest_of_files(folder, sources)
