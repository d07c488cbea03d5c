"""How many GPUs there are for services, as values. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Of one resource (``nvidia.com/gpu``).

    ``usable``: for the services together, what others hold (Jobs, foreign pods) taken off; None
    where that is not known, ``why`` says why.
    """

    resource: str
    usable: int | None
    why: str = ""
