"""The last words of the demo: what happened, and what to try next. Pure."""

from __future__ import annotations

from pathlib import Path

from .scale import minutes
from .story import NAMESPACE, Told
from .timeline import Timeline

_TRIES = (
    f"get msvc -n {NAMESPACE} -o wide",
    f"describe msvc sentence-encoder -n {NAMESPACE}",
    "explain modelservice.spec --recursive",
    f"scale msvc sentence-encoder -n {NAMESPACE} --replicas=2",
    "logs -n modelservice-system deployment/modelservice-operator",
)


def facts(told: Told) -> dict[str, str]:
    """Rows for the head of the report."""
    rows = {"First answer": f"{minutes(told.first_answer_seconds)} after the start"}
    if told.outcome is not None:
        found = told.outcome
        rows["Replicas"] = f"{found.before} → {found.most} → {found.after}"
        rows["More replicas ready"] = f"{found.grow_seconds:.0f} s after the load went up"
        rows["Back again"] = f"{found.shrink_seconds:.0f} s after the load went down"
    rows["Which sentences are alike"] = told.table.splitlines()[1].strip()
    return rows


def last_words(timeline: Timeline, told: Told, page: Path, hint: str) -> str:
    """The timeline and the commands to go on with. ``hint`` has ``{args}`` in it."""
    lines = ["", "What happened:"]
    moments = sorted(timeline.moments, key=lambda item: item.seconds)
    lines += [f"  {minutes(item.seconds):>6}  {item.kind:<9} {item.text}" for item in moments]
    lines += [f"  {name}: {value}" for name, value in facts(told).items()]
    totals = timeline.totals()
    lines += [
        f"  requests failed: {totals['failed']}, refused under overload: {totals['refused']}",
        f"The picture: {page}",
        "",
        "The cluster stays. Try:",
        *(f"  {hint.format(args=words)}" for words in _TRIES),
    ]
    if hint.startswith("make"):
        lines += ["  make down        removes every trace"]
    return "\n".join(lines)
