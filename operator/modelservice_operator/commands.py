"""What people ask: ``explain`` one service, ``top`` of all. Reads, tells, changes nothing."""

from __future__ import annotations

import asyncio
import sys

from .api.errors import UnavailableError
from .api.service import ServiceKey
from .ports import FiguresPort, ServicesPort
from .telling.explaining import explain
from .telling.figures import Known, parse_figures
from .telling.table import top

#: Exit codes. 2 is the argument parser's: it was asked in a wrong way.
TOLD, NO_SUCH_SERVICE, NOT_ANSWERED = 0, 1, 3

#: Moves to the upper left and clears what is below.
CLEAR_SCREEN = "\x1b[H\x1b[J"


async def explain_one(services: ServicesPort, figures: FiguresPort, key: ServiceKey) -> int:
    """One service in words. Returns the exit code."""
    try:
        service = await services.read_service(key)
    except UnavailableError as error:
        complain(str(error))
        return NOT_ANSWERED
    if service is None:
        complain(f"there is no ModelService {key.name} in namespace {key.namespace}")
        return NO_SUCH_SERVICE
    known = await _known(figures)
    _say(explain(service, known) + _missing(known))
    return TOLD


async def show_all(
    services: ServicesPort, figures: FiguresPort, namespace: str, watch: float | None = None
) -> int:
    """All services of one namespace, or ``""`` for all, in a table. Returns the exit code.

    ``watch``: show it again after as many seconds, until cancelled, whatever happens meanwhile.
    """
    code = await _show(services, figures, namespace)
    while watch is not None:
        await asyncio.sleep(watch)
        if sys.stdout.isatty():
            _say(CLEAR_SCREEN, end="")
        code = await _show(services, figures, namespace)
    return code


def complain(text: str) -> None:
    """What went wrong, to the person who asked."""
    print(f"modelservice-operator: {text}", file=sys.stderr)  # noqa: T201 - a command's output


async def _show(services: ServicesPort, figures: FiguresPort, namespace: str) -> int:
    try:
        found = await services.read_services(namespace)
    except UnavailableError as error:
        complain(str(error))
        return NOT_ANSWERED
    known = await _known(figures)
    _say(top(found, known) + _missing(known))
    return TOLD


async def _known(figures: FiguresPort) -> Known:
    try:
        return parse_figures(await figures.read())
    except (UnavailableError, ValueError) as error:
        return Known(missing=str(error))


def _missing(known: Known) -> str:
    return f"\nload and GPUs are not shown: {known.missing}" if known.missing else ""


def _say(text: str, end: str = "\n") -> None:
    print(text, end=end, flush=True)  # noqa: T201 - a command's output
