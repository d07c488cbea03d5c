"""Totals over JUnit files and Go's test events: the one line at the end of `make test`."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Counts of test cases. An error outside of a test (collection, build) counts as failed."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            passed=self.passed + other.passed,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
        )

    def line(self) -> str:
        """``12 passed, 0 failed``, and the skipped ones if there are any."""
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def junit_totals(path: Path) -> Totals:
    """Counts of one JUnit file; a file that is missing or broken is one failure."""
    try:
        root = ET.parse(path).getroot()  # noqa: S314 - written by pytest a moment ago
    except (OSError, ET.ParseError):
        return Totals(failed=1)
    cases = list(root.iter("testcase"))
    failed = {
        id(case) for case in cases for kind in ("failure", "error") if case.find(kind) is not None
    }
    skipped = {id(case) for case in cases if case.find("skipped") is not None} - failed
    return Totals(
        passed=len(cases) - len(failed) - len(skipped), failed=len(failed), skipped=len(skipped)
    )


def go_totals(lines: Iterable[str]) -> Totals:
    """Counts from ``go test -json``: tests without subtests, plus packages that failed bare."""
    results: dict[tuple[str, str], str] = {}
    for line in lines:
        event = _event(line)
        if event.get("Action") in ("pass", "fail", "skip"):
            results[(event.get("Package", ""), event.get("Test", ""))] = event["Action"]
    parents = {(package, test.rpartition("/")[0]) for package, test in results if "/" in test}
    leaves = {key: action for key, action in results.items() if key[1] and key not in parents}
    bare = sum(
        1
        for (package, test), action in results.items()
        if not test and action == "fail" and not _has_failed_test(leaves, package)
    )
    actions = list(leaves.values())
    return Totals(
        passed=actions.count("pass"),
        failed=actions.count("fail") + bare,
        skipped=actions.count("skip"),
    )


def _has_failed_test(leaves: dict[tuple[str, str], str], package: str) -> bool:
    return any(action == "fail" for (owner, _), action in leaves.items() if owner == package)


def _event(line: str) -> dict[str, str]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
