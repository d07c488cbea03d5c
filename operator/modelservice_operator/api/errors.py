"""Errors of the operator's pure part.

SpecError           a field of the ModelService (or of the settings) cannot be used; it belongs to
                    the contract (fields.py), whose parser the operator shares with the builder
UnavailableError    something outside did not answer as hoped; later may help
"""

from __future__ import annotations


class UnavailableError(Exception):
    """Something outside did not answer as hoped; trying again later may help."""
