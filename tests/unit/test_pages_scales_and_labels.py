"""The geometry of the pictures: round ticks, words that cover nothing."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelservice_runtime.pages import labels, scales
from modelservice_runtime.pages.labels import Box, Mark
from modelservice_runtime.pages.scales import Scale

AREA = Box(left=0, top=0, right=700, bottom=400)


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_few_even_and_within(low: float, length: float) -> None:
    if low + length - low < length / 2:
        return  # lost in rounding
    found = scales.ticks(low, low + length)
    assert 2 <= len(found) <= 8
    assert all(low - length / 50 <= value <= low + length * 1.02 for value in found)
    steps = [b - a for a, b in itertools.pairwise(found)]
    assert max(steps) == pytest.approx(min(steps), rel=1e-3)


@given(st.floats(1e-4, 1e4), st.floats(1.5, 1e5))
@example(low=0.00010000000000000002, factor=1.5)  # a round value that is a rounding error off
def test_logarithmic_ticks_are_within(low: float, factor: float) -> None:
    found = scales.log_ticks(low, low * factor)
    assert all(low * (1 - 1e-9) <= value <= low * factor * (1 + 1e-9) for value in found)
    assert 1 <= len(found) <= 16


def test_a_short_logarithmic_axis_has_round_ticks_all_the_same() -> None:
    assert scales.log_ticks(2.5, 3.9) == pytest.approx([2.5, 2.75, 3.0, 3.25, 3.5, 3.75])
    assert scales.log_ticks(1.5, 6.0) == [2.0, 5.0]


@given(st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=9), st.floats(-2e5, 2e5))
def test_every_value_has_a_place_between_start_and_end(values: list[float], other: float) -> None:
    scale = scales.spanning(values, 50.0, 700.0, least=1e-3)
    for value in (*values, other):
        assert 50.0 <= scale.at(value) <= 700.0
    assert not any(scale.outside(value) for value in values)


def test_a_scale_upside_down_puts_more_higher_up() -> None:
    scale = Scale(low=0.0, high=1.0, start=400.0, end=20.0)
    assert (scale.at(0.0), scale.at(0.5), scale.at(1.0)) == (400.0, 210.0, 20.0)
    assert scale.at(7.0) == 20.0
    assert scale.outside(7.0)


@given(
    st.lists(
        st.tuples(st.floats(20, 680), st.floats(20, 380), st.sampled_from(["a", "fuse+int8", ""])),
        max_size=30,
    )
)
def test_no_words_cover_a_mark_or_other_words(places: list[tuple[float, float, str]]) -> None:
    marks = [Mark(x=x, y=y, radius=8, words=words) for x, y, words in places]
    occupied = Box(left=600, top=180, right=700, bottom=196)
    found = labels.place(marks, AREA, [occupied])
    boxes = [label.box for label in found]
    for one, other in itertools.combinations(boxes, 2):
        assert not one.meets(other)
    for box in boxes:
        assert AREA.holds(box)
        assert not any(box.meets(other) for other in (occupied, *(mark.box for mark in marks)))
    assert all(label.words == marks[label.mark].words != "" for label in found)


def test_a_lonely_mark_has_its_words_at_its_right() -> None:
    (label,) = labels.place([Mark(x=100, y=100, radius=8, words="fuse")], AREA)
    assert label.box.left == pytest.approx(111)
    assert not label.far


def test_thirty_marks_in_one_place_have_as_many_words_as_there_is_room_for() -> None:
    marks = [Mark(x=350, y=200, radius=6, words=f"candidate-{n}") for n in range(30)]
    assert len(labels.place(marks, AREA)) >= 20
    near = [Mark(x=350, y=200, radius=6, words="1", near=True) for _ in range(30)]
    assert not any(label.far for label in labels.place(near, AREA))


@given(st.lists(st.floats(40, 340), max_size=7))
def test_names_at_the_ends_of_lines_are_a_line_apart(heights: list[float]) -> None:
    found = labels.spread(heights, 40, 340)
    ordered = sorted(range(len(heights)), key=lambda i: heights[i])
    for above, below in itertools.pairwise(ordered):
        assert found[below] - found[above] >= labels.HEIGHT - 1e-9
    assert all(40 - 1e-9 <= height <= 340 + 1e-9 for height in found)
