"""How far the simulation can be trusted, in a table."""

from __future__ import annotations

from modelservice_runtime.pages.markup import Column, Html, joined, paragraph, table

from .agreement import PERCENT, Agreement, agreements
from .document import TuningReport
from .words import signed

_TITLES = ("compared", "typically off by", "off by at most", "with its sign")


def agreement_table(report: TuningReport) -> Html:
    """One row for each figure; a sentence where nothing was compared."""
    found = agreements(report)
    if not found:
        return paragraph("Nothing was both simulated and measured.", "soft")
    columns = [Column(title="figure"), *(Column(title=each, number=True) for each in _TITLES)]
    rows = [_row(each) for each in found]
    said = paragraph(
        "Simulated against measured: the median and the largest difference, and the median with its"
        " sign: with a plus the simulation says more than was measured.",
        "soft",
    )
    return joined((said, table(columns, rows, "Simulated against measured")))


def _row(agreement: Agreement) -> tuple[str, ...]:
    unit = "%" if agreement.unit == PERCENT else "points"
    return (
        agreement.figure,
        str(agreement.compared),
        f"{agreement.typical:.1f} {unit}",
        f"{agreement.largest:.1f} {unit}",
        signed(agreement.bias, unit),
    )
