"""Makes docs/optimizer.md from results.json.

    python benchmarks/optimizer/table.py [--check] [--print]

Standard library only, so that any Python 3.11 can check the page.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "common"))  # not installed

from bench_figures import keeping_current
from optimizer_figures import page

RESULTS = Path(__file__).with_name("results.json")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "optimizer.md"


def main() -> int:
    """Write the page, compare it, or print the results."""
    return keeping_current.run(Path(__file__), PAGE, RESULTS, page.markdown)


if __name__ == "__main__":
    sys.exit(main())
