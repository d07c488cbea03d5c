"""A whole tuning within a memory limit: nothing is served that would not fit."""

from __future__ import annotations

import pytest
from fake_triton import FakeTriton, growing
from tuning_landscapes import (
    asked,
    batches_pay,
    total,
    tune,
)

from modelservice_runtime.tuner.errors import (
    OUT_OF_MEMORY,
    UserError,
)
from modelservice_runtime.tuner.memory_plan import MIB
from modelservice_runtime.tuner.memory_use import MemoryUse
from modelservice_runtime.tuner.settings import (
    Setting,
)

pytestmark = pytest.mark.usefixtures("quick_search")


def test_settings_that_need_more_than_the_limit_are_never_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two instances fit, three do not."""

    def memory(place: Setting) -> MemoryUse:
        return growing(place, server=100, fixed=200, row=2)

    limit = 580 * MIB
    fake = FakeTriton(truth=batches_pay, memory_of=memory)
    found = tune(fake, monkeypatch, asked(memory=limit, cpu=4.0))
    assert found.chosen.setting.option.instances == 2
    assert max(place.option.instances for place in fake.served) == 2
    assert all(total(memory(place)) <= limit for place in fake.served)
    assert any("of the 580 MiB allowed" in note for note in found.notes)
    assert total(memory(found.chosen.setting)) <= limit


def test_batches_that_need_more_than_the_limit_are_not_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That 40 MiB a row are needed is not known before a second size was seen."""

    def memory(place: Setting) -> MemoryUse:
        return growing(place, server=100, fixed=40, row=40)

    fake = FakeTriton(truth=batches_pay, memory_of=memory)
    found = tune(fake, monkeypatch, asked(memory=400 * MIB))
    assert total(memory(found.chosen.setting)) <= 400 * MIB
    unfit = {item.setting for item in found.order if item.misfit}
    assert unfit
    assert all(total(memory(item.setting)) <= 400 * MIB for item in found.order if not item.misfit)
    assert unfit.isdisjoint({trial.setting for trial in found.trials})


def test_a_limit_below_what_one_instance_needs_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeTriton(truth=batches_pay, memory_of=growing)
    with pytest.raises(UserError, match=r"would need .* raise spec") as caught:
        tune(fake, monkeypatch, asked(memory=90 * MIB))
    assert caught.value.reason == OUT_OF_MEMORY
    # It was found out with one row, and nothing larger was tried.
    assert {place.max_batch_size for place in fake.served} == {1}
