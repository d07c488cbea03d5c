"""The report of a build as a value, as JSON and as one self-contained page."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from modelservice_runtime.contract.manifest import LatencyPair
from modelservice_runtime.contract.requests import BuildRequest
from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec

from .parity import Difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything a person may ask about a build. Times in milliseconds, memory in bytes."""

    created_at: str
    request: BuildRequest
    source_digest: str
    interface: ModelInterface
    sample_rows: int
    parity: tuple[Difference, ...]
    latency: tuple[LatencyPair, ...]
    techniques: tuple[str, ...]
    notes: tuple[str, ...]
    hardware: str
    model_bytes: int
    peak_memory_bytes: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    stage_seconds: Mapping[str, float] = field(default_factory=dict)


_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}
.line{font-size:1.1rem;padding:.6rem .8rem;border-left:.3rem solid #2a8}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #8884}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
code{overflow-wrap:anywhere}
.scroll{overflow-x:auto}
"""


def one_line(report: Report) -> str:
    """The result in one sentence."""
    cosine = min((d.cosine for d in report.parity), default=1.0)
    first = min(report.latency, key=lambda pair: pair.batch)
    return (
        f"The artifact equals the source model (cosine {cosine:.6f}) and takes"
        f" {first.artifact_ms:.2f} ms instead of {first.source_ms:.2f} ms at batch {first.batch},"
        f" {first.source_ms / max(first.artifact_ms, 1e-9):.2f} times as fast."
    )


def page(report: Report) -> str:
    """The HTML page; no script, no reference to anything outside."""
    request = report.request
    title = f"Build of {request.namespace}/{request.name}"
    parts = [
        f"<h1>{_text(title)}</h1>",
        f'<p class="line">{_text(one_line(report))}</p>',
        _notes(report.notes),
        _section("What was given", _pairs(_given(report))),
        _section("Inputs and outputs", _interface(report.interface)),
        _section("Equality with the source model", _parity(report)),
        _section("Latency (median, one thread)", _latency(report.latency)),
        _section("How it was made", _pairs(_made(report))),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>"
        + "".join(parts)
        + "</body></html>\n"
    )


def _given(report: Report) -> Iterable[tuple[str, str]]:
    request = report.request
    yield "Source", f"{request.source.kind} {request.source.uri}"
    if request.source.entrypoint:
        yield "Entrypoint", request.source.entrypoint
    yield "Source digest", report.source_digest
    yield "Example rows", str(report.sample_rows)
    yield "Largest batch", str(request.max_batch_size)
    yield "Build key, attempt", f"{request.build_key}, {request.attempt}"


def _made(report: Report) -> Iterable[tuple[str, str]]:
    yield "When", report.created_at
    yield "Steps", ", ".join(report.techniques)
    yield "Recipe version", str(report.request.recipe_version)
    yield "Model file", f"{report.model_bytes / 1e6:.1f} MB"
    yield "Hardware", report.hardware
    yield "Versions", ", ".join(f"{k} {v}" for k, v in sorted(report.versions.items()))
    for name, size in report.peak_memory_bytes.items():
        yield f"Peak memory, {name}", f"{size / 2**20:.0f} MiB"
    yield "Seconds", ", ".join(f"{k} {v:.1f}" for k, v in report.stage_seconds.items())


def _interface(interface: ModelInterface) -> str:
    rows = [_tensor("input", spec) for spec in interface.inputs]
    rows += [_tensor("output", spec) for spec in interface.outputs]
    return _table(("", "name", "type", "shape"), rows, numbers=False)


def _tensor(kind: str, spec: TensorSpec) -> tuple[str, ...]:
    sizes = ", ".join(["batch", *("any" if size < 0 else str(size) for size in spec.dims)])
    return kind, spec.name, spec.datatype, f"[{sizes}]"


def _parity(report: Report) -> str:
    tolerance = report.request.parity
    head = ("output", "batch", "largest difference", "largest relative", "cosine")
    rows = [
        (
            d.output,
            str(d.batch),
            f"{d.max_absolute:.3g}",
            f"{d.max_relative:.3g}",
            f"{d.cosine:.7f}",
        )
        for d in report.parity
    ]
    allowed = (
        f"Allowed: |a - b| ≤ {tolerance.absolute:g} + {tolerance.relative:g} · |b| for every"
        f" element, cosine at least {tolerance.cosine:g}."
    )
    return f"<p>{_text(allowed)}</p>" + _table(head, rows)


def _latency(pairs: Sequence[LatencyPair]) -> str:
    head = ("batch", "source ms", "artifact ms", "times as fast", "artifact rows/s")
    rows = [
        (
            str(pair.batch),
            f"{pair.source_ms:.2f}",
            f"{pair.artifact_ms:.2f}",
            f"{pair.source_ms / max(pair.artifact_ms, 1e-9):.2f}",
            f"{pair.batch / max(pair.artifact_ms, 1e-9) * 1e3:.0f}",
        )
        for pair in pairs
    ]
    return _table(head, rows)


def _notes(notes: Sequence[str]) -> str:
    items = "".join(f"<li>{_text(note)}</li>" for note in notes)
    return f"<ul>{items}</ul>" if items else ""


def _section(title: str, body: str) -> str:
    return f'<h2>{_text(title)}</h2><div class="scroll">{body}</div>'


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    rows = (f"<tr><th>{_text(k)}</th><td><code>{_text(v)}</code></td></tr>" for k, v in pairs)
    return f"<table>{''.join(rows)}</table>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = True) -> str:
    kind = ' class="n"' if numbers else ""
    top = "".join(f"<th{kind}>{_text(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _text(value: str) -> str:
    return html.escape(value)
