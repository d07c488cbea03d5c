"""Memory of a process that imports modules and does nothing else: the framework itself.

    python -m optimizer_figures.memory.bare MODULE … [--without PACKAGE]

Runs in the builder's environment; prints the most resident bytes that it had.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys

from modelservice_runtime.builder.techniques import quiet
from modelservice_runtime.builder.worker_loop import peak_bytes


def main() -> int:
    """Import what the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="+")
    parser.add_argument("--without", action="append", default=[])
    options = parser.parse_args()
    quiet.forbid_telemetry()
    for package in options.without:
        quiet.leave_out(package)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        for module in options.modules:
            importlib.import_module(module)
    print(peak_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
