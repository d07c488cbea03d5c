"""``table.py`` of a benchmark: makes its page from ``results.json``, or checks that it is current.

    python benchmarks/<name>/table.py [--check] [--print]

Standard library only, so that any Python 3.11 can check the page.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from . import document
from .document import Document
from .page import text_table


def run(script: Path, page: Path, results: Path, markdown: Callable[[Document], str]) -> int:
    """Write the page, compare it, or print the results, as the command line says; exit code.

    ``script``: the one that was started, for what is said when the page is not current.
    """
    parser = argparse.ArgumentParser(description=f"Makes docs/{page.name} from {results.name}.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail when not current")
    parser.add_argument("--print", action="store_true", help="the results on this terminal")
    options = parser.parse_args()
    found = document.read(results)
    fresh = markdown(found)
    if options.print:
        print(text_table(found))
    elif not options.check:
        page.write_text(fresh, encoding="utf-8")
    elif not page.is_file() or page.read_text(encoding="utf-8") != fresh:
        command = f"python benchmarks/{script.parent.name}/{script.name}"
        sys.stderr.write(f"{page} is not current: run {command}\n")
        return 1
    return 0
