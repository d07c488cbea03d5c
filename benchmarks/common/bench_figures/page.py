"""Parts of a page, and the table for the terminal. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .document import Document
from .rows import Row, Target, group_of

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
#: The lines of one figure; none while it was not measured.
Section = Callable[[Document], list[str]]


def figures(document: Document, *, head: str, none: str, sections: Iterable[Section]) -> str:
    """What stands between the markers.

    ``head``: with ``{machine}`` and ``{versions}``; ``none``: while nothing was measured.
    """
    if not document.rows:
        return none
    words = head.format(machine=machine_line(document), versions=versions_line(document))
    lines = [line for section in sections for line in section(document)]
    return "\n".join([words, *targets_table(document), *lines])


def renewed(page: str, figures: str) -> str:
    """The page with these figures in place of those that it had.

    Raises:
        ValueError: it has not each marker once, in order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in after or END in before or END in after:
        raise ValueError(f"the page needs {BEGIN} and {END} once each, in this order")
    return f"{before}{BEGIN}\n{figures}\n{END}{after}"


def machine_line(document: Document) -> str:
    """The machine in a sentence."""
    found = document.machine
    return (
        f"{found['cpu']}, {found['cores']} cores, {found['memoryGiB']:g} GiB, Linux"
        f" {found['kernel']}; load average before the latest run {found['loadAverageBefore']:g}"
    )


def versions_line(document: Document) -> str:
    """``python 3.11.9, onnxruntime 1.31.1``."""
    return ", ".join(f"{name} {version}" for name, version in document.versions.items())


def targets_table(document: Document) -> list[str]:
    """What was promised beside what was measured."""
    lines = ["| | figure | promised | measured | | on |", "| --- | --- | --- | --- | --- | --- |"]
    for item in document.targets:
        verdict = "kept" if item.holds() else "**missed**"
        lines.append(
            f"| {item.id} | {item.what} | {sign(item.op)} {item.target:g} |"
            f" {item.value:g} | {verdict} | {_measured_on(document, item)} |"
        )
    return lines


def rows_table(document: Document) -> list[str]:
    """Every row with its spread."""
    head = ["| | what | median | least to most | runs |", "| --- | --- | ---: | --- | ---: |"]
    return head + [
        f"| {item.group} | {item.what} | {item.value:g}{_unit(item)} |"
        f" {_spread(item)} | {item.runs} |"
        for item in document.rows
    ]


def text_table(document: Document) -> str:
    """Rows, then targets with pass or fail, aligned for a terminal.

    Rows that are cells of a table are on the page alone: there are too many of them.
    """
    lines = [
        f"{item.group:<8} {item.what:<52} {f'{item.value:g}{_unit(item)}':>14}  {_spread(item)}"
        for item in document.rows
        if not item.of
    ]
    lines.append("")
    for item in document.targets:
        verdict = "pass" if item.holds() else "FAIL"
        limit = f"{item.value:g} {item.op} {item.target:g}"
        lines.append(f"{verdict}  {item.id:<14} {item.what:<66} {limit:>18}")
    return "\n".join(lines)


def sign(operator: str) -> str:
    """A comparison as one writes it."""
    return {"<=": "≤", ">=": "≥", "==": "="}[operator]


def _unit(item: Row) -> str:
    return f" {item.unit}" if item.unit else ""


def _spread(item: Row) -> str:
    return f"{item.low:g} to {item.high:g}" if item.runs > 1 else ""


def _measured_on(document: Document, item: Target) -> str:
    """The day, and the machine where it was not the same for all figures."""
    group = group_of(item.id, document.groups())
    rows = [found for found in document.rows if found.group == group]
    last = max(rows, key=lambda found: found.date, default=None)
    if last is None:
        return ""
    several = len({found.machine for found in document.rows}) > 1
    return f"{last.date[:10]}, {last.machine}" if several else last.date[:10]
