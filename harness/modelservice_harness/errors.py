"""The errors of the harness.

HarnessError
├── MissingNeeds      something the machine lacks; the message names all of it and the remedy
├── CommandFailed     a program ended with a failure; the message ends with its last lines
├── WaitTimeout       a state did not come in time; the message holds the last state seen
└── Cancelled         another step failed or the user interrupted
"""

from __future__ import annotations


class HarnessError(Exception):
    """Something that the person at the terminal has to know; the message says what to do."""


class MissingNeeds(HarnessError):  # noqa: N818 - reads as what it is
    """The machine lacks what is needed; every item at once."""


class CommandFailed(HarnessError):  # noqa: N818 - reads as what it is
    """A program that we started failed."""


class WaitTimeout(HarnessError):  # noqa: N818 - reads as what it is
    """A state did not come before its deadline."""


class Cancelled(HarnessError):  # noqa: N818 - reads as what it is
    """The step was stopped because another one failed."""
