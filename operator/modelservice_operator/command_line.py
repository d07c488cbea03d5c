"""The command line: ``run`` the operator, ``explain`` a service, ``top`` of all. Parses only."""

from __future__ import annotations

import argparse
import math
from importlib.metadata import version

#: Where the chart's README installs the operator.
OPERATOR_NAMESPACE = "modelservice-system"

_EXIT_CODES = "exit codes: 0 told, 1 no such service, 2 wrong arguments, 3 the cluster did not tell"


def make_parser(*, settings: str, settings_words: str) -> argparse.ArgumentParser:
    """``settings``: where the operator's settings are by default; ``settings_words``: why there."""
    parser = argparse.ArgumentParser(
        prog="modelservice-operator",
        description="Turns ModelServices into tuned, self-balancing Triton deployments.",
    )
    parser.add_argument("--version", action="version", version=version("modelservice-operator"))
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run the operator until it is told to stop")
    run.add_argument(
        "--settings", default=settings, help=f"settings file, JSON (default: {settings_words})"
    )
    run.add_argument("--health-port", type=int, default=8080, help="port of /healthz")
    run.add_argument("--metrics-port", type=int, default=9090, help="port of /metrics")
    run.add_argument("--verbose", action="store_true", help="log more")
    _add_explain(commands)
    _add_top(commands)
    return parser


def _add_explain(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    explain = commands.add_parser(
        "explain",
        help="say what one service is to have, and why",
        description="Says what a ModelService is to have, why, and what was decided before.",
        epilog=_EXIT_CODES,
    )
    explain.add_argument("name", metavar="NAME", help="the ModelService")
    _add_source(explain, "that of the current context")


def _add_top(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    top = commands.add_parser(
        "top",
        help="all services in a table: load, capacity, GPUs",
        description="Shows all ModelServices: replicas, load in rows a second, capacity, GPUs.",
        epilog=_EXIT_CODES,
    )
    top.add_argument(
        "--watch",
        metavar="SECONDS",
        type=_seconds,
        help="show it again after as many seconds, until interrupted",
    )
    _add_source(top, "all")


def _add_source(command: argparse.ArgumentParser, default: str) -> None:
    """Where it is read from, the same for all that is asked."""
    command.add_argument("-n", "--namespace", metavar="NS", help=f"namespace (default: {default})")
    command.add_argument(
        "--operator-namespace",
        metavar="NS",
        default=OPERATOR_NAMESPACE,
        help="where the operator is, whose figures come through the API server (default:"
        " %(default)s)",
    )
    command.add_argument(
        "--metrics-url",
        metavar="URL",
        type=_url,
        help="read the operator's figures there instead, such as http://localhost:9090/metrics",
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text!r} does not begin with http:// or https://")
    return text
