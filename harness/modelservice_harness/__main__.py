"""``python -m modelservice_harness COMMAND``: what the Makefile's targets run."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from . import commands, suites
from .environments import ENVIRONMENTS
from .running import DEMO_CLUSTER, Size
from .workshop import Workshop


def main() -> int:
    """Parse the command line and run one command."""
    args = parser().parse_args()
    workshop = commands.open_workshop(os.environ)
    return commands.guarded(_action(args, workshop), workshop.console)


def _action(args: argparse.Namespace, workshop: Workshop) -> Callable[[], int | None]:
    size = Size()
    table: dict[str, Callable[[], int | None]] = {
        "up": lambda: commands.up(workshop, args.name, size),
        "down": lambda: commands.down(workshop),
        "status": lambda: commands.status(workshop, args.name),
        "kubectl": lambda: commands.kubectl(workshop, args.name, args.args),
        "helm": lambda: commands.helm(workshop, args.name, args.args),
        "test": lambda: commands.test(
            workshop, tuple(args.suites) or suites.SUITE_NAMES, tuple(args.pytest)
        ),
        "lint": lambda: commands.lint_all(workshop),
        "clean-cache": lambda: commands.clean_cache(workshop),
        "environment": lambda: print(commands.cache_path(workshop, args.environment)),
    }
    return table[args.command]


def _suite(word: str) -> str:
    """Not argparse's ``choices``: Python 3.11 looks for the empty list among them."""
    if word not in suites.SUITE_NAMES:
        raise argparse.ArgumentTypeError(f"{word!r} is none of {', '.join(suites.SUITE_NAMES)}")
    return word


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="modelservice_harness", description=__doc__)
    parser.add_argument("--name", default=DEMO_CLUSTER, help="the local cluster (default: demo)")
    words = parser.add_subparsers(dest="command", required=True)
    for name in ("up", "down", "status", "lint", "clean-cache"):
        words.add_parser(name)
    for name in ("kubectl", "helm"):
        words.add_parser(name).add_argument("args", nargs=argparse.REMAINDER)
    test = words.add_parser("test")
    test.add_argument(
        "suites", nargs="*", type=_suite, help=f"{', '.join(suites.SUITE_NAMES)}; none: all of them"
    )
    test.add_argument("--pytest", nargs=argparse.REMAINDER, default=[], help="options for pytest")
    environment = words.add_parser("environment")
    environment.add_argument("environment", choices=sorted(ENVIRONMENTS))
    return parser


if __name__ == "__main__":
    sys.exit(main())
