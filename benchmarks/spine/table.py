"""Makes docs/figures.md from results.json.

    python benchmarks/spine/table.py [--check] [--print]

Standard library only, so that any Python 3.11 can check the page.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from spine_figures import document, page

RESULTS = Path(__file__).with_name("results.json")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "figures.md"


def main() -> int:
    """Write the page, compare it, or print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when not current")
    parser.add_argument("--print", action="store_true", help="the results on this terminal")
    options = parser.parse_args()
    found = document.read(RESULTS)
    fresh = page.markdown(found)
    if options.print:
        print(page.text_table(found))
    elif not options.check:
        PAGE.write_text(fresh, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != fresh:
        sys.stderr.write(f"{PAGE} is not current: run python benchmarks/spine/table.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
