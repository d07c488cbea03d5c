"""Kubernetes quantities ("500m", "2Gi") as numbers.

Written out because ``kubernetes.utils.quantity`` would bring the client library (60 MiB at
import) into the pure part.
"""

from __future__ import annotations

import re
from decimal import Decimal

from modelservice_runtime.contract.fields import SpecError

_FACTORS = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal(10) ** 3, "M": Decimal(10) ** 6, "G": Decimal(10) ** 9,
    "T": Decimal(10) ** 12, "P": Decimal(10) ** 15, "E": Decimal(10) ** 18,
    "Ki": Decimal(2) ** 10, "Mi": Decimal(2) ** 20, "Gi": Decimal(2) ** 30,
    "Ti": Decimal(2) ** 40, "Pi": Decimal(2) ** 50, "Ei": Decimal(2) ** 60,
}  # fmt: skip
_QUANTITY = re.compile(
    r"^\+?([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$"
)


def parse_quantity(value: str | float, field: str) -> Decimal:
    """The number that a quantity means (bytes for memory, cores for cpu).

    Raises:
        SpecError: it is not a quantity; the message names ``field``.
    """
    match = _QUANTITY.match(str(value))
    if match is None:
        raise SpecError(field, f"{value!r} is not a quantity such as 500m or 2Gi")
    number, suffix = match.group(1), match.group(2) or ""
    if suffix[:1] in {"e", "E"} and suffix not in {"E", "Ei"}:
        return Decimal(number + suffix)
    return Decimal(number) * _FACTORS[suffix]
