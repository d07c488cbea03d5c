"""Makes the figures of docs/autoscaling.md from results.json.

    python benchmarks/autoscaling/table.py [--check] [--print]

Standard library only, so that any Python 3.11 can check the page.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "common"))  # not installed
sys.path.append(str(Path(__file__).resolve().parents[2] / "harness"))

from autoscaling_figures import page
from bench_figures import keeping_current
from bench_figures.document import Document

RESULTS = Path(__file__).with_name("results.json")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "autoscaling.md"


def markdown(document: Document) -> str:
    """The page as it should be."""
    return page.renewed(PAGE.read_text(encoding="utf-8"), document)


def main() -> int:
    """Write the page, compare it, or print the results."""
    return keeping_current.run(Path(__file__), PAGE, RESULTS, markdown)


if __name__ == "__main__":
    sys.exit(main())
