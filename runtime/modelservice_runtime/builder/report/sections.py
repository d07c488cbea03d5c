"""The tables of the page: what was given, how it was judged, what came out, what it cost."""

from __future__ import annotations

from collections.abc import Iterator

from modelservice_runtime.builder import choosing
from modelservice_runtime.contract.tensors import TensorSpec
from modelservice_runtime.pages import figures
from modelservice_runtime.pages.bars import bars
from modelservice_runtime.pages.markup import Column, Html, bullets, joined, pairs, paragraph, table

from . import terms, words
from .document import Report

RULE = (
    "The rule: of the candidates that keep the goals and reach the wanted speed-up, only those"
    " count that no other one beats in metric, speed and size at once (the Pareto front). The"
    " fastest of them is chosen, by the geometric mean over the batch sizes; among those within"
    f" {100 * choosing.SAME_SPEED:g} % of it the one that loses least, then the smaller one. Up to"
    f" {choosing.FINALISTS - 1} more of the front go along if they are at least"
    f" {100 * choosing.HOPE:.0f} % as fast; the tuning measures them inside Triton and picks."
)


def given(report: Report) -> Html:
    """The request, in words."""
    return pairs(_given(report), "What was given")


def _given(report: Report) -> Iterator[tuple[str, str]]:
    request = report.request
    yield "Source", f"{request.source.kind} {request.source.uri}"
    if request.source.entrypoint:
        yield "Entrypoint", request.source.entrypoint
    yield "Source digest", report.source_digest
    yield "Example rows", str(report.sample_rows)
    yield "Largest batch", str(request.max_batch_size)
    optimization = request.optimization
    yield "Techniques", ", ".join(optimization.techniques) or "none"
    yield "Engines", ", ".join(request.engines)
    yield "Smallest speed-up", f"{optimization.min_speedup:g} {figures.TIMES}"
    if optimization.pruning is not None:
        ratios = ", ".join(f"{100 * ratio:g} %" for ratio in optimization.pruning.ratios)
        yield (
            "Pruning",
            f"{optimization.pruning.training_entrypoint}; {ratios or 'ratios searched'}",
        )
    yield "Time allowed", figures.seconds(request.duration_seconds)
    yield "Build key, attempt", f"{request.build_key}, {request.attempt}"


def evaluation(report: Report) -> Html:
    """Data, split, metric and goals."""
    evaluated = report.evaluated
    if evaluated is None:
        return paragraph(
            "Nothing was scored: every candidate computes what the source model does, and its"
            " outputs were compared with the source model's."
        )
    return pairs(_evaluation(report), "How the candidates were judged")


def _evaluation(report: Report) -> Iterator[tuple[str, str]]:
    evaluated, wanted = report.evaluated, report.request.evaluation
    if evaluated is None:
        return
    yield "Metric", evaluated.metric
    yield "Goals", "\n".join(words.goal(each, evaluated.metric) for each in wanted.goals) or "none"
    yield "Confidence", f"{100 * wanted.confidence:g} %, one-sided, shared by all candidates (Holm)"
    yield "Data", evaluated.given
    if wanted.data_uri:
        yield "Data from", f"{wanted.data_uri} {wanted.data_digest}".strip()
    yield "Calibration part", f"{evaluated.calibration_rows} rows"
    yield "Selection part", f"{evaluated.selection_rows} rows"
    yield "Gate's part", f"{evaluated.gate_rows} rows"
    if evaluated.source_value is not None:
        yield "Source model", f"{evaluated.metric} {figures.number(evaluated.source_value)}"


def interface(report: Report) -> Html:
    """Inputs and outputs."""
    columns = [Column(title=each) for each in ("name", "", "type", "shape")]
    rows = [_tensor("input", spec) for spec in report.interface.inputs]
    rows += [_tensor("output", spec) for spec in report.interface.outputs]
    return table(columns, rows, "Inputs and outputs")


def _tensor(kind: str, spec: TensorSpec) -> tuple[str, ...]:
    sizes = ", ".join(["batch", *("any" if size < 0 else str(size) for size in spec.dims)])
    return spec.name, kind, spec.datatype, f"[{sizes}]"


def parity(report: Report) -> Html:
    """The chosen candidate's outputs beside the source model's."""
    chosen = report.chosen
    if chosen is None or not chosen.parity:
        return paragraph("No candidate was chosen whose outputs could be compared.", "soft")
    tolerance = report.request.parity
    allowed = (
        f"Allowed: |a - b| ≤ {tolerance.absolute:g} + {tolerance.relative:g} · |b| for every"
        f" element, cosine at least {tolerance.cosine:g}."
        if chosen.recipe.exact
        else "For information: the metric decides on this candidate, not these differences."
    )
    titles = ("batch", "largest difference", "largest relative", "cosine")
    columns = [Column(title="output"), *(Column(title=each, number=True) for each in titles)]
    rows = [
        (
            each.output,
            str(each.batch),
            f"{each.max_absolute:.3g}",
            f"{each.max_relative:.3g}",
            f"{each.cosine:.7f}",
        )
        for each in chosen.parity
    ]
    return joined((paragraph(allowed), table(columns, rows, "Differences by output and batch")))


def cost(report: Report) -> Html:
    """Time and memory of the optimization; the search side by side, predicted and measured."""
    return joined(
        (
            pairs(_search(report), "The search"),
            Html('<div class="columns">'),
            bars("Time by stage", _stages(report)),
            bars("Peak memory", _memory(report)),
            Html("</div>"),
        )
    )


def _search(report: Report) -> Iterator[tuple[str, str]]:
    spent, side_by_side = report.cost, terms.parallel(report.cost)
    yield "Altogether", figures.seconds(spent.total_seconds)
    yield "Workers", str(side_by_side.workers)
    yield (
        "One after another",
        f"{figures.seconds(side_by_side.serial_seconds)}, the sum of all steps",
    )
    predicted = (
        f"predicted T_parallel = max(t_i) = {figures.seconds(side_by_side.predicted_seconds)}"
    )
    measured = f"measured {figures.seconds(side_by_side.measured_seconds)}"
    yield "Side by side", f"{predicted}, {measured}"
    if side_by_side.gain is not None:
        yield "Gain", f"{side_by_side.gain:.2f} {figures.TIMES} over one after another"


def _stages(report: Report) -> Iterator[tuple[str, str, float]]:
    for name, taken in report.cost.stage_seconds.items():
        yield name, figures.seconds(taken), taken


def _memory(report: Report) -> Iterator[tuple[str, str, float]]:
    for name, size in report.cost.peak_memory_bytes.items():
        yield name, figures.mebibytes(size), float(size)


def surroundings(report: Report) -> Html:
    """When, where, with which versions and requirements."""
    rows = [
        ("When", report.created_at),
        ("Hardware", report.hardware),
        ("CPU class", report.cpu_class),
        ("Recipe version", str(report.request.recipe_version)),
        ("Versions", ", ".join(f"{name} {v}" for name, v in sorted(report.versions.items()))),
    ]
    lines = bullets(report.requirements) or paragraph("None.", "soft")
    return joined((pairs(rows, "Surroundings"), Html("<h3>Requirements of the source</h3>"), lines))
