"""What all tests of the tuner share."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings

from modelservice_runtime.tuner import finding_capacity, search
from modelservice_runtime.tuner import settings as setting_values
from modelservice_runtime.tuner.simulation.capacity import Carried, carried

# Whoever simulates first waits for the compiler, which takes longer than a test may.
settings.register_profile("compiled")
settings.load_profile("compiled")


@pytest.fixture
def quick_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coarser search is as good for a landscape that is made up."""
    monkeypatch.setattr(search, "FEW_REQUESTS", 800)
    monkeypatch.setattr(search, "FEW_STEPS", 5)
    monkeypatch.setattr(search, "LOOKED_AT_AGAIN", 3)
    monkeypatch.setattr(setting_values, "DELAY_SHARES", (0.0, 0.25))
    monkeypatch.setattr(search, "carried", _carried)
    monkeypatch.setattr(finding_capacity, "carried", _carried)


def _carried(*given: Any, requests: int = 5000, steps: int = 8) -> Carried:
    return carried(*given, requests=requests, steps=steps)
