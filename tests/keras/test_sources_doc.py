"""docs/sources.md is true: its Keras and TensorFlow snippets make sources that build."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modelservice_runtime.builder.onnx_model import check

if TYPE_CHECKING:
    from conftest import Source

#: Each runs two processes that import TensorFlow.
pytestmark = pytest.mark.timeout(180)

DOCUMENT = Path(__file__).parents[2] / "docs" / "sources.md"
NAMES = ["Sequential", "subclassed", "module"]


def snippets() -> list[str]:
    """The Python blocks of the section on Keras, in their order."""
    _, _, rest = DOCUMENT.read_text(encoding="utf-8").partition("## Keras and TensorFlow\n")
    section, _, _ = rest.partition("\n## ")
    found: list[str] = re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return found


def test_there_is_a_snippet_for_each_way() -> None:
    assert len(snippets()) == len(NAMES)


@pytest.mark.parametrize("index", range(len(NAMES)), ids=NAMES)
def test_the_script_writes_a_source_that_builds(
    open_source: Callable[[Path], Source], tmp_path: Path, index: int
) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", snippets()[index]],
        cwd=folder,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    source = open_source(folder)
    source.load()
    interface = check(source.export())
    assert [(spec.name, spec.dims) for spec in interface.inputs] == [("features", (13,))]
    assert [(spec.name, spec.dims) for spec in interface.outputs] == [("scores", (3,))]
