"""Whatever a benchmark's page tells as missed has its reason there, and nothing else has."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks" / "common"))

from bench_figures import document  # noqa: E402

_HEAD = "## What falls short, and why"
#: At the beginning of a reason: ``**A3**, **A3.violations**:``.
_IDS = re.compile(r"^- (\*\*.+?\*\*):", re.MULTILINE | re.DOTALL)


def missed(area: str) -> set[str]:
    """The targets that the latest run did not keep."""
    found = document.read(ROOT / "benchmarks" / area / "results.json")
    return {item.id for item in found.targets if not item.holds()}


def explained(page: str) -> list[str]:
    """The targets of each reason, as often as they are named."""
    _, _, reasons = page.partition(_HEAD)
    return [name for ids in _IDS.findall(reasons) for name in re.findall(r"\*\*(.+?)\*\*", ids)]


@pytest.mark.parametrize("area", ["tuner", "autoscaling"])
def test_what_is_missed_has_its_reason(area: str) -> None:
    named = explained((ROOT / "docs" / f"{area}.md").read_text())
    assert sorted(named) == sorted(missed(area))


def test_reasons_name_one_target_or_several() -> None:
    page = (
        f"**X**: no.\n\n{_HEAD}\n\n- **A1**, **A2.b**,\n  **A3**: why.\n- **B**: so. **C**: no.\n"
    )
    assert explained(page) == ["A1", "A2.b", "A3", "B"]
