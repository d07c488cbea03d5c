"""Errors of the operator's pure part.

ModelServiceError
├── SpecError           a field of the ModelService (or of the settings) cannot be used
└── UnavailableError    something outside did not answer as hoped; later may help
"""

from __future__ import annotations


class ModelServiceError(Exception):
    """Base of the operator's own errors."""


class SpecError(ModelServiceError):
    """One field cannot be used as it is.

    Attributes:
        field: path of the field, ``spec.serving.runtime``.
        message: what is wrong and what would be right.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class UnavailableError(ModelServiceError):
    """Something outside did not answer as hoped; trying again later may help."""
