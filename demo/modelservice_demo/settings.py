"""What the person who runs the demo chose, from the environment, parsed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LOCAL = "local"
CURRENT = "current"
DEFAULT_BACKEND = "onnxruntime"


class SettingsError(ValueError):
    """A variable has a value that means nothing; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``cluster``: ``local`` or ``current``; the rest counts only for ``current``.

    ``images``: registry path of our images, None if it was not given. ``prometheus_url``: as
    the operator's pod reaches it, empty: the balancer has no metrics. ``storage_class``: empty
    means the cluster's default. ``agreed``: no question is asked.
    """

    cluster: str = LOCAL
    images: str | None = None
    prometheus_url: str = ""
    storage_class: str = ""
    backend: str = DEFAULT_BACKEND
    agreed: bool = False


def settings_from(environ: Mapping[str, str]) -> Settings:
    """Read the DEMO_ variables.

    Raises:
        SettingsError: one of them is not understood.
    """
    cluster = environ.get("DEMO_CLUSTER") or LOCAL
    if cluster not in (LOCAL, CURRENT):
        raise SettingsError(f"DEMO_CLUSTER={cluster}: either {LOCAL} (the default) or {CURRENT}")
    backend = environ.get("DEMO_BACKEND") or DEFAULT_BACKEND
    if backend not in ("onnxruntime", "python"):
        raise SettingsError(f"DEMO_BACKEND={backend}: either onnxruntime or python")
    return Settings(
        cluster=cluster,
        images=environ.get("DEMO_IMAGES"),
        prometheus_url=environ.get("DEMO_PROMETHEUS_URL", ""),
        storage_class=environ.get("DEMO_STORAGE_CLASS", ""),
        backend=backend,
        agreed=environ.get("DEMO_YES") == "1",
    )


def image_prefix(images: str | None) -> str:
    """``registry.example/team`` → ``registry.example/team/``; empty stays empty."""
    return f"{images.rstrip('/')}/" if images else ""
