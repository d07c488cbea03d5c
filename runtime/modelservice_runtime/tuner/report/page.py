"""``report.html``: one page, no script, nothing from outside."""

from __future__ import annotations

from modelservice_runtime.pages.markup import Html, bullets, joined, paragraph, section, text
from modelservice_runtime.pages.sheet import sheet

from . import memory_chart, sections, service_chart, trade, traffic_words, words
from .agreement_table import agreement_table
from .capacity_table import capacity_table
from .contender_table import contender_table
from .document import TuningReport
from .length_table import length_section
from .memory_table import memory_table
from .ranking import goal_kept, ranked
from .run_table import run_table
from .setting_table import setting_table
from .style import STYLE
from .tiles import tiles


def page(report: TuningReport) -> str:
    """The HTML page."""
    body = joined(
        (
            Html(f"<header><h1>{text(report.title)}</h1>"),
            paragraph(_given(report), "soft"),
            paragraph(report.headline, "line" if goal_kept(report) else "line open"),
            Html("</header><main>"),
            tiles(report),
            bullets(report.why),
            *_sections(report),
            Html("</main>"),
        )
    )
    return sheet(report.title, STYLE, body)


def _given(report: TuningReport) -> str:
    goal, traffic = words.goal(report.objective), traffic_words.sentence(report.traffic)
    return f"{report.created_at}. Goal: {goal} for {traffic}."


def _sections(report: TuningReport) -> tuple[Html, ...]:
    found = ranked(report.settings)
    curves, memory = report.curves, report.memory
    return (
        section(
            "Latency and rows per second",
            trade.picture(report, found),
            contender_table(report, found),
        ),
        section("How far the simulation can be trusted", agreement_table(report)),
        section("Load runs", run_table(report)),
        section(
            "Service time by batch",
            service_chart.picture(curves),
            service_chart.service_table(curves),
        ),
        *length_section(report.lengths),
        section("Memory", memory_chart.picture(memory), memory_table(memory)),
        section("Capacity of several replicas", capacity_table(report.capacity)),
        section("Every knob and its reason", sections.knobs(report)),
        section("All settings", setting_table(report, found)),
        section("What the tuning cost", sections.cost(report.cost)),
        section("Surroundings", sections.surroundings(report)),
    )
