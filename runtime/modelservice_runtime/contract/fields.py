"""Reading one field of an untyped document, with an error that names it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any


class SpecError(ValueError):
    """One field of a ModelService (or of the operator's settings) cannot be used as it is.

    Attributes:
        field: path of the field, ``spec.serving.runtime``.
        message: what is wrong and what would be right.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object and the path it was found at.

    ``strict``: ``only`` refuses fields that it does not know, as ``kubectl apply`` does.
    """

    path: str
    values: Mapping[str, Any]
    strict: bool = False

    def only(self, *known: str) -> Fields:
        """These fields themselves.

        Raises:
            SpecError: a strict object has a field that is not in ``known``.
        """
        for name in self.values if self.strict else ():
            if name not in known:
                right = ", ".join(known)
                raise SpecError(self.at(str(name)), f"unknown field; there are: {right}")
        return self

    def child(self, key: str) -> Fields:
        """The object under ``key``; empty where it is missing.

        Raises:
            SpecError: there is something else than an object.
        """
        return self._object(self.at(key), self._present(key, {}))

    def children(self, key: str) -> tuple[Fields, ...]:
        """The objects of the list under ``key``, none where it is missing.

        Raises:
            SpecError: there is something else than a list of objects.
        """
        return tuple(
            self._object(f"{self.at(key)}[{index}]", item)
            for index, item in enumerate(self._list(key))
        )

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

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings, empty where it is missing."""
        found = self._list(key)
        for index, item in enumerate(found):
            if not isinstance(item, str):
                raise SpecError(f"{self.at(key)}[{index}]", f"expected a string, got {item!r}")
        return tuple(found)

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
        return to_decimal(self.at(key), self._value(key, default), low=low, high=high)

    def decimals(self, key: str, *, low: float, high: float) -> tuple[float, ...]:
        """A list of such decimals, empty where it is missing."""
        return tuple(
            to_decimal(f"{self.at(key)}[{index}]", item, low=low, high=high)
            for index, item in enumerate(self._list(key))
        )

    def boolean(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self._value(key, default)
        if not isinstance(value, bool):
            raise SpecError(self.at(key), f"expected true or false, got {value!r}")
        return value

    def choice(self, key: str, default: str | None, choices: Collection[str]) -> str:
        """One of ``choices``; required without a default."""
        value = self.text(key, default)
        check_choice(self.at(key), value, choices)
        return value

    def subset(
        self, key: str, default: Collection[str], choices: Collection[str]
    ) -> tuple[str, ...]:
        """Some of ``choices``, each once and in their order; an empty list means none."""
        if not self.has(key):
            return tuple(default)
        found = self.texts(key)
        for index, item in enumerate(found):
            check_choice(f"{self.at(key)}[{index}]", item, choices)
        return tuple(item for item in choices if item in found)

    def _object(self, path: str, value: object) -> Fields:
        if not isinstance(value, Mapping):
            raise SpecError(path, f"expected an object, got {value!r}")
        return Fields(path, value, self.strict)

    def _list(self, key: str) -> list[Any]:
        value = self._present(key, [])
        if not isinstance(value, list):
            raise SpecError(self.at(key), f"expected a list, got {value!r}")
        return value

    def _present(self, key: str, default: object) -> object:
        value = self.values.get(key)
        return default if value is None else value

    def _value(self, key: str, default: object) -> object:
        value = self._present(key, default)
        if value is None:
            raise SpecError(self.at(key), "required")
        return value


def check_choice(path: str, value: str, choices: Collection[str]) -> None:
    """Raise a SpecError that lists ``choices`` unless ``value`` is one of them."""
    if value not in choices:
        raise SpecError(path, f"{value!r} is none of {', '.join(choices)}")


def to_decimal(path: str, value: object, *, low: float, high: float) -> float:
    """The number that ``value`` (text or a number) means.

    Raises:
        SpecError: it is none, or not in [low, high].
    """
    try:
        number = float(Decimal(str(value)))
    except (InvalidOperation, ValueError) as error:
        raise SpecError(path, f"expected a decimal number, got {value!r}") from error
    if not low <= number <= high:
        raise SpecError(path, f"{value} is not between {low:g} and {high:g}")
    return number
