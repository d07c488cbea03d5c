"""Frozen dataclasses to JSON and back: camelCase names, unknown fields ignored, types checked.

Unknown fields are ignored so that an older operator reads what a newer pod wrote; a missing
field without a default, or a value of the wrong type, is a ``ContractError`` naming the path.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class ContractError(ValueError):
    """A JSON document is not what the contract says; the message names the path."""


def camel(name: str) -> str:
    """``latency_ms`` → ``latencyMs``."""
    head, *rest = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)


def encode(value: object) -> Any:  # noqa: ANN401 - JSON has no narrower type here
    """Dataclasses to JSON-ready values: camelCase keys, ``None`` fields left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))
        return {camel(name): encode(item) for name, item in pairs if item is not None}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    return value


def dumps(value: object) -> str:
    """Canonical JSON text: sorted keys, no spaces, so that equal values are equal bytes."""
    return json.dumps(encode(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest_of(value: object) -> str:
    """SHA-256 (64 hex digits) of the canonical JSON of ``value``."""
    return hashlib.sha256(dumps(value).encode()).hexdigest()


def loads(cls: type[T], text: str | bytes) -> T:
    """Parse JSON text into ``cls``.

    Raises:
        ContractError: the text is not JSON, or does not fit; the message names the path.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ContractError(f"{cls.__name__}: not JSON: {error}") from error
    return decode(cls, document)


def decode(cls: type[T], document: object, path: str = "") -> T:
    """Build ``cls`` (a frozen dataclass) from a JSON object.

    Raises:
        ContractError: a field is missing or of the wrong type; the message names the path.
    """
    where = path or cls.__name__
    if not isinstance(document, Mapping):
        raise ContractError(f"{where}: expected an object, got {type(document).__name__}")
    hints = typing.get_type_hints(cls)
    values: dict[str, object] = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        key = camel(field.name)
        if document.get(key) is not None:
            values[field.name] = _convert(hints[field.name], document[key], f"{where}.{key}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ContractError(f"{where}.{key}: missing")
    return cls(**values)


def _convert(hint: Any, value: Any, path: str) -> Any:  # noqa: ANN401 - reflects on types
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        (inner,) = (arg for arg in args if arg is not type(None))
        return _convert(inner, value, path)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ContractError(f"{path}: expected a list")
        return tuple(_convert(args[0], item, f"{path}[{i}]") for i, item in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise ContractError(f"{path}: expected an object")
        return {str(k): _convert(args[1], v, f"{path}.{k}") for k, v in value.items()}
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return decode(hint, value, path)
    return _scalar(hint, value, path)


def _scalar(hint: Any, value: Any, path: str) -> Any:  # noqa: ANN401 - reflects on types
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ContractError(f"{path}: expected {hint.__name__}, got {type(value).__name__}")
    return value
