"""Every setting simulated: how they are ranked, and which are worth a measurement."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tuning_values import SERVICE, candidate, fits, question, setting

from modelservice_runtime.contract.traffic import CLOSED_LOOP, RowsShare
from modelservice_runtime.tuner.search import (
    FINALISTS,
    Candidate,
    finalists,
    ranked,
    simulate,
    simulated,
    space,
)
from modelservice_runtime.tuner.settings import Option, Setting

ASKED = question(max_batch=8)
ROWS = st.floats(0.01, 1000)


def test_what_carries_most_is_the_best() -> None:
    order = ranked([candidate(setting(2), 80), candidate(setting(4), 100)], ASKED)
    assert [item.rows_per_second for item in order] == [100, 80]


def test_of_what_is_as_good_the_fewer_instances_come_first_then_the_smaller_batch() -> None:
    hopes = [
        candidate(setting(8, 1), 101),
        candidate(setting(4, 2), 100),
        candidate(setting(4, 1, delay=500), 100.5),
        candidate(setting(4, 1), 99),
    ]
    assert [item.setting for item in ranked(hopes, ASKED)] == [
        setting(4, 1),
        setting(4, 1, delay=500),
        setting(8, 1),
        setting(4, 2),
    ]


def test_more_threads_than_cores_have_to_carry_a_tenth_more() -> None:
    """On the two cores of ``ASKED``; a GPU's instances share no cores."""
    two, three = candidate(setting(4, 2), 100), candidate(setting(4, 3), 108)
    assert ranked([three, two], ASKED)[0] is two
    more = replace(three, rows_per_second=115.0)
    assert ranked([two, more], ASKED)[0] is more
    asked = replace(ASKED, limits=replace(ASKED.limits, gpu=True))
    assert ranked([two, three], asked)[0] is three


def test_of_what_is_as_good_one_that_loses_requests_at_light_loads_is_behind() -> None:
    hopes = [
        candidate(setting(4, 1), 100, overlooked=0.02),
        candidate(setting(4, 2), 99, overlooked=0.001),
        candidate(setting(8, 2), 110, overlooked=0.02),
    ]
    assert [item.setting for item in ranked(hopes, ASKED)] == [
        setting(8, 2),
        setting(4, 2),
        setting(4, 1),
    ]


def test_what_is_lost_at_light_loads_is_known_of_what_was_looked_at_closely() -> None:
    """A goal of a few executions; of clients that wait for answers nothing is asked."""
    strict = question(25.0, max_batch=8)
    assert simulate(setting(4), SERVICE, strict, fits, few=True).overlooked == 0.0
    one = simulate(setting(4), SERVICE, strict, fits).overlooked
    two = simulate(setting(4, 2), SERVICE, strict, fits).overlooked
    assert one > 2 * two
    assert one > 0.003


def test_what_keeps_the_goal_at_no_rate_is_behind_all_that_do() -> None:
    order = ranked([candidate(setting(1), 0.0), candidate(setting(16), 1.0)], ASKED)
    assert [item.rows_per_second for item in order] == [1.0, 0.0]


def test_what_does_not_fit_is_last_however_fast() -> None:
    hopes = [
        candidate(setting(16), 500, misfit="too large"),
        candidate(setting(4), 100),
        candidate(setting(1), 0.0),
    ]
    assert ranked(hopes, ASKED)[-1].setting == setting(16)


def test_with_an_expected_rate_the_fewest_replicas_are_best_and_then_the_least_memory() -> None:
    asked = question(rows_per_second=300.0)
    hopes = [
        candidate(setting(8, 4), 290, memory_bytes=900),  # two replicas
        candidate(setting(8, 2), 160, memory_bytes=500),  # two
        candidate(setting(4, 2), 151, memory_bytes=400),  # two, of the least memory
        candidate(setting(2, 1), 149, memory_bytes=100),  # three
        candidate(setting(1, 1), 0.0, memory_bytes=50),
    ]
    order = [item.setting for item in ranked(hopes, asked)]
    assert order == [setting(4, 2), setting(8, 2), setting(8, 4), setting(2, 1), setting(1, 1)]


HOPES = st.lists(
    st.builds(
        lambda batch, instances, rows, size, misfit: candidate(
            setting(batch, instances), rows, memory_bytes=size, misfit=misfit
        ),
        st.integers(1, 16),
        st.integers(1, 4),
        st.one_of(st.just(0.0), ROWS),
        st.integers(0, 1000),
        st.sampled_from(["", "too large"]),
    ),
    max_size=12,
)


def counted(item: Candidate) -> float:
    """Rows a second, a tenth less where its threads are more than the two cores."""
    option = item.setting.option
    return item.rows_per_second * (0.9 if option.instances * option.threads > 2 else 1.0)


@given(HOPES, st.sampled_from([0.0, 250.0]))
def test_nobody_is_lost_and_the_first_is_never_clearly_worse(
    hopes: list[Candidate], wanted: float
) -> None:
    asked = question(rows_per_second=wanted)
    order = ranked(hopes, asked)
    assert sorted(map(id, order)) == sorted(map(id, hopes))
    good = [item for item in order if not item.misfit and item.rows_per_second > 0]
    if not good:
        return
    assert order[0] is good[0]
    if wanted:
        needs = [(asked.replicas(item.rows_per_second), item.memory_bytes) for item in good]
        assert needs[0] == min(needs)
    else:
        assert counted(good[0]) >= 0.97 * max(counted(item) for item in good)


def leaves_a_core(item: Candidate) -> bool:
    return ASKED.limits.leaves_a_core(item.setting.option)


@given(HOPES, st.sampled_from([0.0, 250.0]))
def test_finalists_are_few_differ_and_fit(hopes: list[Candidate], wanted: float) -> None:
    asked = question(rows_per_second=wanted)
    order = ranked(hopes, asked)
    chosen = finalists(order, asked)
    assert len(chosen) <= FINALISTS + 1
    spare = [item for item in chosen if leaves_a_core(item)]
    assert len(chosen) <= FINALISTS or spare == [chosen[-1]]
    places = [(item.setting.option, item.setting.max_batch_size) for item in chosen]
    assert len(set(places)) == len(places)
    assert all(item.rows_per_second > 0 and not item.misfit for item in chosen)
    if chosen:
        assert chosen[0] is order[0]


def test_what_is_far_behind_is_no_finalist() -> None:
    order = ranked([candidate(setting(4), 100), candidate(setting(8), 60)], ASKED)
    assert [item.setting for item in finalists(order, ASKED)] == [setting(4)]


def test_where_all_of_the_best_use_every_core_the_best_that_leaves_one_goes_along() -> None:
    """What the server takes of the cores for each request is not in the curves."""
    busy = [candidate(setting(4, 2), 100), candidate(setting(8, 2), 95)]
    spare, poorer = candidate(setting(4, 1), 70), candidate(setting(8, 1), 65)
    assert finalists(ranked([*busy, spare, poorer], ASKED), ASKED) == (*busy, spare)
    far = candidate(setting(4, 1), 55)
    assert finalists(ranked([*busy, far], ASKED), ASKED) == (*busy,), "it would need a wonder"
    gpu = replace(ASKED, limits=replace(ASKED.limits, gpu=True))
    assert finalists(ranked([*busy, spare], gpu), gpu) == (*busy,), "its cores are free anyway"
    near = candidate(setting(2, 1), 90)
    assert finalists(ranked([*busy, near, spare], ASKED), ASKED) == (*busy, near)


OPTIONS = {
    Option(variant="a", instances=1, threads=1): SERVICE,
    Option(variant="a", instances=2, threads=1): SERVICE,
}


def test_two_instances_carry_twice_as_much_and_are_found() -> None:
    order = simulated(space(OPTIONS, ASKED), OPTIONS, ASKED, fits)
    best = {
        instances: max(
            item.rows_per_second for item in order if item.setting.option.instances == instances
        )
        for instances in (1, 2)
    }
    assert order[0].setting.option.instances == 2
    assert order[0].rows_per_second >= 0.97 * best[2]
    assert 1.9 * best[1] < best[2] < 2.3 * best[1]
    assert order[0].latency_ms <= ASKED.objective.milliseconds


def test_settings_are_simulated_the_same_each_time() -> None:
    first, second = (simulated(space(OPTIONS, ASKED), OPTIONS, ASKED, fits) for _ in range(2))
    assert first == second


def test_a_memory_limit_puts_what_needs_more_last() -> None:
    def memory(place: Setting) -> tuple[int, str]:
        return place.max_batch_size, "too large" if place.max_batch_size > 4 else ""

    order = simulated(space(OPTIONS, ASKED), OPTIONS, ASKED, memory)
    fit = [not item.misfit for item in order]
    assert fit == sorted(fit, reverse=True)
    assert not order[0].misfit
    assert order[0].setting.max_batch_size <= 4
    assert order[0].memory_bytes == order[0].setting.max_batch_size


def test_every_setting_holds_the_largest_request() -> None:
    shares = (RowsShare(rows=1, percent=90.0), RowsShare(rows=6, percent=10.0))
    asked = question(max_batch=8, rows_per_request=shares)
    sizes = {place.max_batch_size for place in space(OPTIONS, asked)}
    assert min(sizes) >= 6
    assert max(sizes) == 8
    order = simulated(space(OPTIONS, asked), OPTIONS, asked, fits)
    assert order[0].rows_per_second > 0


def test_requests_larger_than_any_batch_leave_nothing_to_search() -> None:
    asked = question(max_batch=4, rows_per_request=(RowsShare(rows=6, percent=100.0),))
    assert space(OPTIONS, asked) == ()


@pytest.mark.parametrize("place", [setting(4), setting(4, 2, delay=2000)])
def test_a_setting_that_cannot_hold_the_largest_request_carries_nothing(place: Setting) -> None:
    """Such as one that served before the traffic was declared."""
    asked = question(rows_per_request=(RowsShare(rows=6, percent=100.0),))
    assert simulate(place, SERVICE, asked, fits).rows_per_second == 0.0
    closed = question(
        rows_per_request=(RowsShare(rows=6, percent=100.0),), arrivals=CLOSED_LOOP, concurrency=3
    )
    assert simulate(place, SERVICE, closed, fits).rows_per_second == 0.0


def test_so_many_clients_get_what_they_ask_for_or_fewer_of_them_keep_the_goal() -> None:
    asked = question(arrivals=CLOSED_LOOP, concurrency=16)
    found = simulate(setting(8, 2), SERVICE, asked, fits)
    # Two instances, eight rows in 12 ms each.
    assert found.rows_per_second == pytest.approx(2 * 8 / 0.012, rel=0.05)
    assert found.latency_ms == pytest.approx(12.0, rel=0.3)
    many = question(arrivals=CLOSED_LOOP, concurrency=160)
    fewer = simulate(setting(8, 2), SERVICE, many, fits)
    # Four batches of each instance fit into the goal, a fifth does not.
    assert fewer.clients == 64
    assert fewer.latency_ms == pytest.approx(48.0, rel=0.01)
    assert (found.clients, simulate(setting(8, 2), SERVICE, question(4.0), fits).clients) == (16, 0)


def test_a_setting_that_keeps_the_goal_with_all_clients_comes_first_unless_fewer_will_do() -> None:
    asked = question(arrivals=CLOSED_LOOP, concurrency=16)
    all_of_them = replace(simulate(setting(2, 2), SERVICE, asked, fits), rows_per_second=900.0)
    fewer = replace(all_of_them, setting=setting(8, 2), clients=12, rows_per_second=1200.0)
    assert ranked([fewer, all_of_them], asked) == (all_of_them, fewer)
    assert ranked([fewer, all_of_them], replace(asked, or_fewer=True)) == (fewer, all_of_them)


def test_of_a_closed_loop_the_settings_are_ranked_by_what_its_clients_get() -> None:
    asked = question(milliseconds=200.0, max_batch=8, arrivals=CLOSED_LOOP, concurrency=64)
    order = simulated(space(OPTIONS, asked), OPTIONS, asked, fits)
    assert order[0].setting.option.instances == 2
    assert order[0].setting.max_batch_size >= 6
