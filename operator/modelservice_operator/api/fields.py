"""Reading one field of an untyped document, with an error that names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from .errors import SpecError


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object and the path it was found at."""

    path: str
    values: Mapping[str, Any]

    def child(self, key: str) -> Fields:
        """The object under ``key``; empty where it is missing.

        Raises:
            SpecError: there is something else than an object.
        """
        value = self.values.get(key)
        if value is None:
            value = {}
        if not isinstance(value, Mapping):
            raise SpecError(self.at(key), f"expected an object, got {value!r}")
        return Fields(self.at(key), value)

    def at(self, key: str) -> str:
        """The path of a field of this object."""
        return f"{self.path}.{key}" if self.path else key

    def has(self, key: str) -> bool:
        """Whether the field is there and not null."""
        return self.values.get(key) is not None

    def text(self, key: str, default: str | None = None) -> str:
        """A string; required without a default."""
        value = self._value(key, default)
        if not isinstance(value, str):
            raise SpecError(self.at(key), f"expected a string, got {value!r}")
        return value

    def integer(
        self, key: str, default: int | None = None, *, low: int = 0, high: int = 10**9
    ) -> int:
        """A whole number in [low, high]; required without a default."""
        value = self._value(key, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise SpecError(self.at(key), f"expected a whole number, got {value!r}")
        if not low <= value <= high:
            raise SpecError(self.at(key), f"{value} is not between {low} and {high}")
        return value

    def decimal(self, key: str, default: str | None = None, *, low: float, high: float) -> float:
        """A decimal, written as a string or a number, in [low, high]."""
        value = self._value(key, default)
        try:
            number = float(Decimal(str(value)))
        except InvalidOperation as error:
            raise SpecError(self.at(key), f"expected a decimal number, got {value!r}") from error
        if not low <= number <= high:
            raise SpecError(self.at(key), f"{value} is not between {low:g} and {high:g}")
        return number

    def boolean(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._value(key, default)
        if not isinstance(value, bool):
            raise SpecError(self.at(key), f"expected true or false, got {value!r}")
        return value

    def choice(self, key: str, default: str, choices: tuple[str, ...]) -> str:
        """One of ``choices``."""
        value = self.text(key, default)
        if value not in choices:
            raise SpecError(self.at(key), f"{value!r} is none of {', '.join(choices)}")
        return value

    def _value(self, key: str, default: object) -> object:
        value = self.values.get(key)
        if value is not None:
            return value
        if default is None:
            raise SpecError(self.at(key), "required")
        return default
