"""The versions of what is measured on this machine."""

from __future__ import annotations

from pathlib import Path

from bench_figures.machine import environment_versions, found, project_versions

from modelservice_harness.layout import Layout

_PACKAGES = ("nvidia_pytriton", "onnxruntime", "tritonclient")


def versions(layout: Layout, serving: Path | None) -> dict[str, str]:
    """Versions of the project and of what it runs on. ``serving``: that environment, if made."""
    go_modules = (layout.repository / "localcluster" / "go.mod").read_text()
    kubernetes = {"kubernetes": found(r"^\s*k8s\.io/kubernetes v(\S+)$", go_modules)}
    packages = environment_versions(serving, _PACKAGES) if serving is not None else {}
    return project_versions(layout) | kubernetes | packages
