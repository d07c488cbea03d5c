"""Where the model fails, measurements alone find the best setting."""

from __future__ import annotations

from tuning_values import candidate, setting

from modelservice_runtime.tuner.further import PATIENCE, TRIALS, further
from modelservice_runtime.tuner.search import Candidate
from modelservice_runtime.tuner.settings import Setting

#: What the model says is best is the worst.
ORDER = tuple(
    candidate(setting(batch, instances), 1000.0 / (batch * instances))
    for instances in (1, 2)
    for batch in (1, 2, 4, 8, 16)
)


def truth(place: Setting) -> float:
    """Rises with the batch, and twice as much with two instances."""
    return float(place.option.instances * (10 + place.max_batch_size))


def asked(item: Candidate) -> float:
    return truth(item.setting)


def test_something_near_to_the_best_is_found_in_few_measurements() -> None:
    known = {setting(1, 1): truth(setting(1, 1)), setting(2, 1): truth(setting(2, 1))}
    found = further(ORDER, known, asked)
    assert 1 <= len(found) <= TRIALS
    best = max(truth(item.setting) for item in ORDER)
    assert max(truth(item.setting) for item in found) >= 0.6 * best


def test_nothing_is_measured_twice_nor_what_is_known_nor_what_does_not_fit() -> None:
    tried: list[Setting] = []

    def ask(item: Candidate) -> float:
        tried.append(item.setting)
        return truth(item.setting)

    order = (*ORDER, candidate(setting(32, 2), 5.0, misfit="too large"))
    known = {setting(16, 2): truth(setting(16, 2))}
    found = further(order, known, ask)
    assert [item.setting for item in found] == tried
    assert len(set(tried)) == len(tried)
    assert setting(16, 2) not in tried
    assert setting(32, 2) not in tried


def test_it_ends_when_nothing_better_is_found() -> None:
    found = further(ORDER, {setting(1, 1): 1000.0}, asked)
    assert len(found) == PATIENCE


def test_it_ends_when_there_is_no_time() -> None:
    answers = iter([10.0, None])
    found = further(ORDER, {}, lambda _: next(answers))
    assert len(found) == 1


def test_settings_that_are_not_in_the_search_are_no_trouble() -> None:
    assert further(ORDER[:1], {setting(64, 9): 5.0, ORDER[0].setting: 1.0}, asked) == ()


def test_of_several_delays_the_one_that_is_simulated_best_is_measured() -> None:
    order = tuple(candidate(setting(4, delay=d), 100.0 - d / 100) for d in (500, 1000, 2000))
    found = further(order, {}, asked)
    assert [item.setting.queue_delay_microseconds for item in found] == [500]


def test_the_same_measurements_lead_the_same_way() -> None:
    first, second = (further(ORDER, {}, asked) for _ in range(2))
    assert [item.setting for item in first] == [item.setting for item in second]
