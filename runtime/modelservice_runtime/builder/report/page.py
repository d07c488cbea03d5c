"""``report.html``: one page, no script, nothing from outside."""

from __future__ import annotations

from modelservice_runtime.builder.judged import OUTCOMES
from modelservice_runtime.pages.markup import Html, bullets, joined, paragraph, section, text
from modelservice_runtime.pages.sheet import sheet
from modelservice_runtime.pages.style import style

from . import latency_chart, pareto, sections, terms
from .candidate_table import candidate_table
from .document import Report
from .pruning_chart import pruning
from .words import headline


def page(report: Report) -> str:
    """The HTML page."""
    request = report.request
    title = f"Build of {request.namespace}/{request.name}"
    body = joined(
        (
            Html(f"<header><h1>{text(title)}</h1>"),
            paragraph(f"{report.created_at}, build {request.build_key}", "soft"),
            paragraph(headline(report), "line" if report.goal_met else "line open"),
            Html("</header><main>"),
            _verdict(report),
            *_sections(report),
            Html("</main>"),
        )
    )
    return sheet(title, style([name.lower() for name in OUTCOMES]), body)


def _verdict(report: Report) -> Html:
    """The goals, the choice and its rule, and what else has to be said."""
    return joined(
        (
            paragraph(f"Goals: {report.goal}") if report.goal else Html(""),
            paragraph(f"Choice: {report.choice}") if report.choice else Html(""),
            paragraph(sections.RULE, "soft"),
            bullets(report.notes),
        )
    )


def _sections(report: Report) -> tuple[Html, ...]:
    fit = terms.fit_pruning(report.candidates)
    pruned = any(terms.is_pruned(each) for each in report.candidates)
    return (
        Html('<div class="columns">'),
        section("What was given", sections.given(report)),
        section("How the candidates were judged", sections.evaluation(report)),
        Html("</div>"),
        section("Loss and time", pareto.picture(report)),
        section(
            "Latency by batch", latency_chart.picture(report), latency_chart.latency_table(report)
        ),
        section("All candidates", candidate_table(report)),
        section("Inputs and outputs", sections.interface(report)),
        section("Outputs of the chosen one", sections.parity(report)),
        section("Pruning", pruning(fit)) if pruned else Html(""),
        section("What the optimization cost", sections.cost(report)),
        section("Surroundings", sections.surroundings(report)),
    )
