"""The report of a demo run: one HTML file without any reference to a network. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from .picture import draw
from .scale import minutes
from .timeline import Moment, Timeline

_STYLE = """
:root { color-scheme: light dark; --ink: #0f172a; --paper: #fff; --soft: #64748b; --rule: #e2e8f0 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e2e8f0; --paper: #0f172a; --soft: #94a3b8; --rule: #334155 } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1000px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--rule);
  vertical-align: top }
th { color: var(--soft); font-weight: 500 } td:first-child { white-space: nowrap }
svg { width: 100%; height: auto } svg text { fill: var(--soft); font-size: 12px }
svg .legend { fill: var(--ink) }
svg .grid { stroke: var(--rule) } svg polyline { fill: none; stroke-width: 2 }
svg line.offered, svg line.capacity, svg line.desired, svg line.ready { stroke-width: 3 }
svg .desired { stroke-dasharray: 4 3 }
svg .decision { stroke: var(--soft); stroke-dasharray: 2 4 }
tr.decision td { font-weight: 600 }
"""


def render(title: str, facts: Mapping[str, str], timeline: Timeline) -> str:
    """The whole document."""
    totals = timeline.totals()
    rows = {
        **facts,
        "Requests failed": str(totals["failed"]),
        "Requests refused": f"{totals['refused']} (by Triton's queue policy, under overload)",
    }
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
{_facts(rows)}
<h2>Load, capacity and replicas</h2>
<p>Dotted uprights are the operator's decisions; their reasons are in the table below.</p>
{draw(timeline.samples, timeline.moments)}
<h2>What happened</h2>
{_moments(timeline.moments)}
</body>
</html>
"""


def _facts(facts: Mapping[str, str]) -> str:
    rows = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in facts.items())
    return f"<table>{rows}</table>"


def _moments(moments: Sequence[Moment]) -> str:
    rows = "".join(
        f'<tr class="{escape(item.kind)}"><td>{minutes(item.seconds)}</td>'
        f"<td>{escape(item.kind)}</td><td>{escape(item.text)}</td></tr>"
        for item in sorted(moments, key=lambda item: item.seconds)
    )
    return f"<table><tr><th>Time</th><th>What</th><th>In words</th></tr>{rows}</table>"
