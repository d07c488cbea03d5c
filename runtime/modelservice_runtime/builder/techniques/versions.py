"""The versions of the packages that made a result."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata


def versions_of(*packages: str) -> Mapping[str, str]:
    """Package → version, of those that are installed."""
    return {name: metadata.version(name) for name in packages if _is_installed(name)}


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
