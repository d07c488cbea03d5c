"""The product's constants, and how another value is put in the place of one for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType

from modelservice_operator.load import (
    balance,
    error_budget,
    forecast,
    hold,
    reading,
    sharing,
    sizing,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """``places``: modules that know it by ``name``. ``most``: no larger value makes sense."""

    name: str
    places: tuple[ModuleType, ...]
    most: float = float("inf")
    shared: bool = False

    @property
    def value(self) -> float:
        """As it is."""
        return float(getattr(self.places[0], self.name))

    @property
    def title(self) -> str:
        """``forecast.QUANTILE``."""
        return f"{self.places[0].__name__.rpartition('.')[2]}.{self.name}"


CONSTANTS = (
    Constant(name="SHORT", places=(forecast, reading)),
    Constant(name="TREND_SHARE", places=(forecast,)),
    Constant(name="TREND_EXTRA", places=(forecast,)),
    Constant(name="TREND_MOST", places=(forecast,)),
    Constant(name="MEMORY_SECONDS", places=(forecast,)),
    Constant(name="QUANTILE", places=(forecast,), most=1.0),
    Constant(name="EASY", places=(forecast,)),
    Constant(name="GUESS_SHARE", places=(forecast,)),
    Constant(name="LEAST_SHARE", places=(forecast,)),
    Constant(name="PLANNED_SHARE", places=(error_budget,), most=1.0),
    Constant(name="LONG_SECONDS", places=(error_budget,)),
    Constant(name="LEAST", places=(error_budget,)),
    Constant(name="MOST", places=(error_budget,)),
    Constant(name="STARTS", places=(hold,)),
    Constant(name="SHORTEST", places=(hold,), most=300.0),
    Constant(name="LONGEST", places=(hold,)),
    Constant(name="CLEAR_SECONDS", places=(sizing,)),
    Constant(name="QUEUE_EXTRA", places=(sizing,)),
    Constant(name="DOWN_STEP_SECONDS", places=(balance,)),
    Constant(name="SETTLING_STARTS", places=(balance,), shared=True),
    Constant(name="SWITCHING", places=(sharing,), shared=True),
    Constant(name="LEAST_GAIN", places=(sharing,), shared=True),
    Constant(name="HORIZON_STARTS", places=(sharing,), shared=True),
)


@contextmanager
def other(constant: Constant, factor: float) -> Iterator[None]:
    """While this holds, its value is as many times as large."""
    before = constant.value
    changed = min(constant.most, factor * before)
    for place in constant.places:
        setattr(place, constant.name, changed)
    try:
        yield
    finally:
        for place in constant.places:
            setattr(place, constant.name, before)
