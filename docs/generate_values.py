"""The value table in the chart's README from values.yaml; ``--check`` as in generate_api.py.

``python docs/generate_values.py [--check]``
"""
# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parent.parent / "charts" / "modelservice-operator"
VALUES = CHART / "values.yaml"
README = CHART / "README.md"
BEGIN, END = "<!-- values: begin -->\n", "<!-- values: end -->"

_KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z]\w*):")
_COMMENT = re.compile(r"^ *# -- (?P<words>.+)$")


def described(text: str) -> Iterator[tuple[str, str]]:
    """(dotted path, words) of every value that has a ``# --`` comment."""
    path: list[tuple[int, str]] = []
    words = ""
    for line in text.splitlines():
        comment, key = _COMMENT.match(line), _KEY.match(line)
        if comment:
            words = comment["words"]
        elif key:
            indent = len(key["indent"])
            path = [*(part for part in path if part[0] < indent), (indent, key["key"])]
            if words:
                yield ".".join(name for _, name in path), words
            words = ""


def lookup(values: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - YAML
    """The value at a dotted path."""
    node: Any = values
    for part in path.split("."):
        node = node[part]
    return node


def table(text: str) -> str:
    """The table as Markdown."""
    values = yaml.safe_load(text)
    lines = ["| value | default | meaning |", "| --- | --- | --- |"]
    for path, words in described(text):
        default = json.dumps(lookup(values, path)).replace("|", "\\|")
        cell = words.replace("|", "\\|")
        lines.append(f"| `{path}` | `{default}` | {cell} |")
    return "\n".join(lines) + "\n"


def with_table(readme: str, fresh: str) -> str:
    """The README with the table between its markers replaced."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + fresh + END + after


def main() -> int:
    """Write the README, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when not current")
    check = parser.parse_args().check
    old = README.read_text(encoding="utf-8")
    new = with_table(old, table(VALUES.read_text(encoding="utf-8")))
    if not check:
        README.write_text(new, encoding="utf-8")
    elif old != new:
        sys.stderr.write(f"{README} is not current: run python docs/generate_values.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
