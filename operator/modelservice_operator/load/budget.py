"""How many GPUs there are for services, as values. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Of one resource (``nvidia.com/gpu``).

    ``usable``: for the services together; None where that is not known, ``why`` says why.
    ``taken``: of them held by others (Jobs, foreign pods) that nobody here can move.
    """

    resource: str
    usable: int | None
    taken: int = 0
    why: str = ""

    @property
    def for_services(self) -> int | None:
        """What services may hold together."""
        return None if self.usable is None else max(0, self.usable - self.taken)
