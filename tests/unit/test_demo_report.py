"""The report of the demo: one self-contained page whose picture says what the samples say."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_demo.page import render
from modelservice_demo.picture import draw
from modelservice_demo.scale import Axis, minutes, number, round_step, ticks
from modelservice_demo.timeline import Moment, Sample, Timeline

SVG = "{http://www.w3.org/2000/svg}"


def sample(seconds: float, offered: float, capacity: float | None, replicas: int) -> Sample:
    return Sample(
        seconds=seconds, offered=offered, capacity=capacity, desired=replicas, ready=replicas
    )


SAMPLES = [sample(100, 0, None, 0), sample(110, 30, 25, 1), sample(150.5, 40, 50, 2)]


def lines(svg: str, name: str) -> list[list[tuple[float, float]]]:
    root = ET.fromstring(svg)  # noqa: S314 - our own text
    return [
        [(float(x), float(y)) for x, y in (p.split(",") for p in item.attrib["points"].split())]
        for item in root.iter(f"{SVG}polyline")
        if item.attrib["class"] == name
    ]


def test_the_load_line_goes_where_the_samples_say() -> None:
    ((first, second, third),) = lines(draw(SAMPLES, []), "offered")
    assert first[0] < second[0] < third[0]
    assert first[1] > second[1] > third[1], "more load is higher up, so a smaller y"


def test_capacity_begins_when_it_is_known_and_holds_between_samples() -> None:
    ((start, corner, end),) = lines(draw(SAMPLES, []), "capacity")
    assert start[1] == corner[1] > end[1]
    assert corner[0] == end[0]


def test_decisions_are_marked_with_their_reason() -> None:
    moment = Moment(seconds=120, kind="decision", text="1 → 2 replicas: 40 rows/s > 80 % of 25")
    root = ET.fromstring(draw(SAMPLES, [moment]))  # noqa: S314 - our own text
    titles = [item.text for item in root.iter(f"{SVG}title")]
    assert titles == [moment.text]


def test_without_samples_there_are_words_and_no_broken_picture() -> None:
    assert "No samples" in draw([], [])
    assert "No samples" in draw(SAMPLES[:1], [])


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1e4),
            st.floats(0, 1e6),
            st.one_of(st.none(), st.floats(0, 1e6)),
            st.integers(0, 1000),
        ),
        min_size=2,
        max_size=20,
    )
)
def test_every_point_lies_inside_the_picture(
    rows: list[tuple[float, float, float | None, int]],
) -> None:
    samples = [sample(*row) for row in sorted(rows, key=lambda row: row[0])]
    svg = draw(samples, [])
    for name in ("offered", "capacity", "desired", "ready"):
        for line in lines(svg, name):
            assert all(0 <= x <= 960 and 0 <= y <= 470 for x, y in line)


class References(HTMLParser):
    """Collects what a browser would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note every attribute that refers to something."""
        self.found += [v or "" for k, v in attrs if k in {"src", "href", "data", "srcset"}]
        if tag in {"script", "link", "iframe"}:
            self.found.append(tag)


def test_the_page_needs_no_network_and_escapes_what_it_tells() -> None:
    timeline = Timeline(samples=SAMPLES)
    timeline.moment(120, "event", "<script>alert(1)</script>")
    page = render("A & B", {"First": "<1 s"}, timeline)
    parser = References()
    parser.feed(page)
    assert parser.found == []
    assert "url(" not in page
    assert "@import" not in page
    assert "A &amp; B" in page
    assert "&lt;script&gt;" in page
    assert re.findall(r"https?://[^\"< ]+", page) == ["http://www.w3.org/2000/svg"]


def test_the_page_counts_what_failed() -> None:
    timeline = Timeline(
        samples=[
            Sample(seconds=1, offered=1, capacity=1, desired=1, ready=1, failed=2, refused=1),
            Sample(seconds=2, offered=1, capacity=1, desired=1, ready=1, failed=1, refused=4),
        ]
    )
    assert timeline.totals() == {"failed": 3, "refused": 5}
    assert re.search(r"Requests failed</th><td>3<", render("t", {}, timeline))


def test_the_same_words_are_told_once() -> None:
    timeline = Timeline()
    assert timeline.moment(1, "decision", "1 → 2")
    assert not timeline.moment(2, "decision", "1 → 2")
    assert timeline.moment(3, "step", "1 → 2")
    assert len(timeline.moments) == 2


def test_the_timeline_is_kept_as_json(tmp_path: Path) -> None:
    timeline = Timeline(samples=SAMPLES, moments=[Moment(seconds=1, kind="step", text="x")])
    timeline.save(tmp_path / "out" / "timeline.json")
    document = json.loads((tmp_path / "out" / "timeline.json").read_text())
    assert document["samples"][1]["offered"] == 30
    assert document["moments"] == [{"seconds": 1, "kind": "step", "text": "x"}]


@given(st.floats(0.01, 1e7), st.integers(2, 10))
def test_ticks_are_round_few_and_reach_the_top(high: float, most: int) -> None:
    found = ticks(high, most)
    assert found[0] == 0
    assert found[-1] >= high * (1 - 1e-6)
    assert len(found) <= most + 2
    step = round_step(high, most)
    mantissa = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert min(abs(mantissa - good) for good in (1, 2, 2.5, 5, 10)) < 1e-6


@pytest.mark.parametrize(("value", "text"), [(2.0, "2"), (2.5, "2.5"), (0.0, "0")])
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (150, "2:30"), (59.7, "1:00")])
def test_minutes(seconds: float, text: str) -> None:
    assert minutes(seconds) == text


def test_an_axis_without_values_stays_at_its_start() -> None:
    assert Axis(high=0, start=10, end=0).at(5) == 10
