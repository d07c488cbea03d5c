"""``results.json`` as a page, and as a table for the terminal. Pure."""

from __future__ import annotations

from .document import Document
from .rows import Row, Target, group_of

_HEAD = """\
# Figures

What version {version} promised, and what was measured. Measured, not tested: figures depend on
the machine and on what else runs there. `python benchmarks/spine/table.py` makes this page from
[results.json](../benchmarks/spine/results.json), and `benchmarks/spine/run.py` measures.

{machine}. {versions}.
"""
_METHOD = """\
- **F1, F2** on two cores, from a clone with empty caches (cold) or with full ones (warm). The first
  answer is the first one of the model, asked by its client.
- **F3** from `/proc` in the operator's pod, with one service that nobody asks, installed with the
  chart's defaults: it looks at the load every 10 s, and Prometheus scrapes it.
- **F4** from `kubectl apply` until the service is Ready with its tuned setting and nothing is under
  way, without the time in which the containers of its build Job and its tune Job ran.
- **F5** on one Triton, held to as many cores as a replica gets and loaded from the others: closed
  loop, single rows, 2 x batch x instances under way, every setting once in every round. Of those
  set by hand (one instance) only those count whose median p99 is within the goal. Where the tuned
  setting is also one of these, it is the same measurement, and the two are equal.
"""
_NONE = "# Figures\n\nNothing was measured yet: `benchmarks/spine/run.py` does it.\n"


def markdown(document: Document) -> str:
    """The page."""
    if not document.rows:
        return _NONE
    version = document.versions.get("modelservice-operator", "?")
    head = _HEAD.format(
        version=version, machine=machine_line(document), versions=_versions(document)
    )
    return "\n".join([head, *_targets(document), "", "## How", "", _METHOD, *_rows(document), ""])


def machine_line(document: Document) -> str:
    """The machine in a sentence."""
    found = document.machine
    return (
        f"{found['cpu']}, {found['cores']} cores, {found['memoryGiB']:g} GiB, Linux"
        f" {found['kernel']}; load average before the latest run {found['loadAverageBefore']:g}"
    )


def _versions(document: Document) -> str:
    return ", ".join(f"{name} {version}" for name, version in document.versions.items())


def _targets(document: Document) -> list[str]:
    lines = ["| | figure | promised | measured | | on |", "| --- | --- | --- | --- | --- | --- |"]
    for item in document.targets:
        verdict = "kept" if item.holds() else "**missed**"
        lines.append(
            f"| {item.id} | {item.what} | {_sign(item.op)} {item.target:g} |"
            f" {item.value:g} | {verdict} | {_day(document, item)} |"
        )
    return lines


def _rows(document: Document) -> list[str]:
    lines = ["## All that was measured", ""]
    lines += ["| | what | median | least to most | runs |", "| --- | --- | ---: | --- | ---: |"]
    for item in document.rows:
        lines.append(
            f"| {item.group} | {item.what} | {item.value:g}{_unit(item)} |"
            f" {_spread(item)} | {item.runs} |"
        )
    return lines


def text_table(document: Document) -> str:
    """Rows, then targets with pass or fail, aligned for a terminal."""
    lines = [
        f"{item.group:<8} {item.what:<52} {f'{item.value:g}{_unit(item)}':>14}  {_spread(item)}"
        for item in document.rows
    ]
    lines.append("")
    for item in document.targets:
        verdict = "pass" if item.holds() else "FAIL"
        limit = f"{item.value:g} {item.op} {item.target:g}"
        lines.append(f"{verdict}  {item.id:<14} {item.what:<66} {limit:>18}")
    return "\n".join(lines)


def _sign(operator: str) -> str:
    return {"<=": "≤", ">=": "≥", "==": "="}[operator]


def _unit(item: Row) -> str:
    return f" {item.unit}" if item.unit else ""


def _spread(item: Row) -> str:
    return f"{item.low:g} to {item.high:g}" if item.runs > 1 else ""


def _day(document: Document, item: Target) -> str:
    group = group_of(item.id, document.groups())
    dates = [found.date for found in document.rows if found.group == group]
    return max(dates, default="")[:10]
