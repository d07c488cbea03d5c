"""The pages made from the CRD and from the chart's values are current."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def run(repository: Path, script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(repository / "docs" / script), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("script", ["generate_api.py", "generate_values.py"])
def test_the_page_is_current(repository: Path, script: str) -> None:
    done = run(repository, script)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("script", "source", "change"),
    [
        (
            "generate_api.py",
            "crds/modelservices.modelservice.dev.yaml",
            ("maximum: 1024", "maximum: 1023"),
        ),
        (
            "generate_values.py",
            "charts/modelservice-operator/values.yaml",
            ("resyncSeconds: 60", "resyncSeconds: 61"),
        ),
    ],
)
def test_a_change_without_the_page_is_noticed(
    repository: Path, tmp_path: Path, script: str, source: str, change: tuple[str, str]
) -> None:
    for name in ("docs", "crds", "charts"):
        shutil.copytree(repository / name, tmp_path / name, symlinks=True)
    path = tmp_path / source
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change, 1))

    done = run(tmp_path, script)

    assert done.returncode == 1
    assert f"run python docs/{script}" in done.stderr
