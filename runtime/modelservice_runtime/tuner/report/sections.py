"""The short tables of the page: the knobs, what the tuning cost, its surroundings."""

from __future__ import annotations

from collections.abc import Iterator

from modelservice_runtime.pages.bars import bars
from modelservice_runtime.pages.markup import Column, Html, joined, pairs, paragraph, table

from . import traffic_words, words
from .document import CostView, TuningReport

_KNOBS = (Column(title="knob"), Column(title="value"), Column(title="why", wide=True))


def knobs(report: TuningReport) -> Html:
    """Every knob with its reason."""
    if not report.reasons:
        return paragraph("No reasons were given.", "soft")
    rows = [(each.knob, each.value, each.why) for each in report.reasons]
    return table(_KNOBS, rows, "Every knob with its reason")


def cost(spent: CostView) -> Html:
    """Time of the tuning, and for what."""
    rows = (
        ("Altogether", words.seconds(spent.seconds)),
        ("Load runs", f"{spent.runs:,} in {words.seconds(spent.load_seconds)}"),
        (
            "Simulation",
            f"{spent.simulated_settings:,} settings in {words.seconds(spent.simulation_seconds)}",
        ),
    )
    return joined((pairs(rows, "What the tuning cost"), bars("Time by part", _times(spent))))


def _times(spent: CostView) -> Iterator[tuple[str, str, float]]:
    if not words.known(spent.seconds):
        return
    rest = spent.seconds - spent.load_seconds - spent.simulation_seconds
    parts = (
        ("load runs", spent.load_seconds),
        ("simulation", spent.simulation_seconds),
        ("all else: starting servers, preparing", rest),
    )
    for name, taken in parts:
        if words.known(taken) and taken >= 0:
            yield name, words.seconds(taken), taken


def surroundings(report: TuningReport) -> Html:
    """For which goal and traffic, when and where."""
    rows = [
        ("Goal", words.goal(report.objective)),
        *traffic_words.lines(report.traffic),
        ("When", report.created_at),
        ("Hardware", report.hardware),
    ]
    return pairs(rows, "Surroundings")
