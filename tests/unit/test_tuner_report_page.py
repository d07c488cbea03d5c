"""The page of a tuning stands alone, says it all, and shows hostile names without running them."""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ET

import pytest
import tuning_reports
from page_tree import PageTree
from tuning_reports import HOSTILE, REPORTS, make_report, setting

from modelservice_runtime.contract.traffic import LengthShare, Traffic
from modelservice_runtime.pages.figures import NOTHING
from modelservice_runtime.tuner.report import TuningReport
from modelservice_runtime.tuner.report.document import LengthView, MemoryPart, MemoryView
from modelservice_runtime.tuner.report.page import page

SHOWN = HOSTILE.replace("\x00", "\ufffd").replace("\x1b", "\ufffd")


@pytest.fixture(params=sorted(REPORTS))
def report(request: pytest.FixtureRequest) -> TuningReport:
    """Each kind of report in turn."""
    return REPORTS[str(request.param)]()


def pictures(text: str) -> list[str]:
    return re.findall(r"<svg role.*?</svg>", text, re.DOTALL)


def picture(text: str, name: str) -> str:
    (found,) = (svg for svg in pictures(text) if f"{name}-title" in svg)
    return found


def test_the_page_is_whole_and_needs_nothing_from_outside(report: TuningReport) -> None:
    text = page(report)
    tree = PageTree(text)
    tags = {tag for tag, _ in tree.tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    for tag, attributes in tree.tags:
        assert not {"src", "href", "onload", "onclick", "action"} & set(attributes), tag
    assert "url(" not in text
    assert "@import" not in text
    assert tree.tags[0] == ("html", {"lang": "en"})
    assert "prefers-color-scheme:dark" in text
    assert not re.search(r"\b(nan|inf)\b", " ".join(tree.words))


def test_pictures_and_tables_can_be_read_without_seeing_them(report: TuningReport) -> None:
    text = page(report)
    names = re.findall(r'id="([^"]+)"', text)
    assert len(names) == len(set(names))
    for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        drawing = ET.fromstring(svg)  # noqa: S314 - our own, and it must be well-formed
        if drawing.get("aria-hidden") != "true":
            ids = {child.get("id"): child.text for child in drawing if child.get("id")}
            assert all(ids[name] for name in str(drawing.get("aria-labelledby")).split())
    for table in re.findall(r"<table.*?</table>", text, re.DOTALL):
        assert re.search(r"<caption>[^<]+</caption>", table)
        assert 'scope="row"' in table


def test_a_table_stands_beside_every_picture(report: TuningReport) -> None:
    for section in re.findall(r"<section>.*?</section>", page(report), re.DOTALL):
        assert "<svg role" not in section or "<table" in section


def test_the_places_in_the_pictures_are_numbers_within_them(report: TuningReport) -> None:
    for svg in pictures(page(report)):
        width, height = map(float, re.findall(r'viewBox="0 0 (\S+) (\S+)"', svg)[0])
        drawn = re.sub(r"<(title|desc).*?</\1>|<text.*?</text>", "", svg, flags=re.DOTALL)
        assert not re.search("nan|inf", drawn)
        for x, y in re.findall(r'[^a-z]x="([-\d.]+)" y="([-\d.]+)"', svg):
            assert 0 <= float(x) <= width
            assert 0 <= float(y) <= height
        for x, y in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", svg):
            assert -20 <= float(x) <= width + 20
            assert -20 <= float(y) <= height + 20


def test_every_setting_is_named_with_its_outcome_and_reason(report: TuningReport) -> None:
    tree = PageTree(page(report))
    rows = [row for row in tree.rows if len(row) == 11 and row[0] != "#"]
    assert [row[0] for row in rows] == [str(n) for n in range(1, len(report.settings) + 1)]
    for each in report.settings:
        words = [
            word.replace("\x00", "\ufffd").replace("\x1b", "\ufffd")
            for word in (each.label, each.outcome, each.why)
        ]
        assert any([row[1], row[2], row[10]] == words for row in rows)


def test_every_run_part_and_knob_is_in_a_table(report: TuningReport) -> None:
    text = PageTree(page(report)).text
    named = [run.label for run in report.runs] + [part.name for part in report.memory.parts]
    named += [word for reason in report.reasons for word in (reason.knob, reason.value, reason.why)]
    named += [run.discarded for run in report.runs] + list(report.why)
    for name in named:
        assert name.replace("\x00", "\ufffd").replace("\x1b", "\ufffd") in text


@pytest.mark.parametrize(
    "words",
    [
        "int8, batch 8, 2 instances, 1 thread each is served: one replica carries 612 rows/s",
        "Goal: p99 ≤ 20 ms for independent clients, 1,500 rows/s altogether; requests of",
        "of 1 row (80 %), 4 rows (20 %); 5 % were asked for shortly before.",
        "measured; simulated 633",
        "the goal: p99 ≤ 20 ms",
        "34 % more than the setting that served before.",
        "Not drawn, since they carry nothing within the goal: 1.",
        "thrown away: another process took 38 % of a core",
        "Chosen: int8, 2 instances, 1 thread each.",
        "20 % head-room; the limit holds two configurations while one is loaded.",
        "not told apart",
        "gets a random part of the requests",
        "1,240 settings in 21 s",
        "Intel(R) Xeon(R), 4 cores",
    ],
)
def test_the_page_says(words: str) -> None:
    assert words in PageTree(page(make_report())).text


def test_sections_stand_in_the_order_of_the_questions() -> None:
    found = re.findall(r"<h2>(.*?)</h2>", page(make_report()))
    assert found == [
        "Latency and rows per second",
        "How far the simulation can be trusted",
        "Load runs",
        "Service time by batch",
        "Memory",
        "Capacity of several replicas",
        "Every knob and its reason",
        "All settings",
        "What the tuning cost",
        "Surroundings",
    ]


def test_contenders_and_runs_have_both_figures_and_how_far_they_are_apart() -> None:
    tree = PageTree(page(make_report()))
    chosen = next(row for row in tree.rows if row[0] == "1")
    assert chosen[3:] == ["633", "612", "+3.4 %", "18.6 ms", "18.2 ms", "+2.2 %"]
    assert tree.row("chosen, at its capacity")[1:] == [
        "612 rows/s", "7.28 ms\n7.1 ms (-2.5 %)", "18.2 ms\n19.1 ms (+5.0 %)",
        "0.62 %\n0.81 %", "612\n614 (+0.4 %)", "12,400",
    ]  # fmt: skip
    assert tree.row("chosen, full load")[1] == "closed loop of 32"


def test_simulated_marks_are_hollow_and_joined_to_the_measured_ones() -> None:
    svg = picture(page(make_report()), "trade")
    assert svg.count('class="o-chosen open"') == svg.count('class="o-chosen"') == 1
    assert svg.count('class="o-finalist open"') == svg.count('class="o-finalist"') == 2
    assert svg.count('class="o-grey open"') == 5
    assert svg.count("<g><title>") == 8
    assert len(re.findall(r'class="halo strong">[^<]*batch', svg)) == 3


def test_hundreds_of_settings_leave_the_chosen_one_named_and_the_finalists_numbered() -> None:
    report = tuning_reports.many()
    text = page(report)
    svg = picture(text, "trade")
    said = re.findall(r'class="halo strong">([^<]*)<', svg)
    assert len(said) == len(set(said)) == 10
    assert report.settings[0].label in said
    assert "At the upper edge" in text
    assert "370 more" in text


def test_the_interval_of_a_mean_is_a_line_through_its_dot() -> None:
    svg = picture(page(make_report()), "service")
    for x, y1, y2 in re.findall(r'"reach l-\d" d="M(\S+) (\S+)L\1 (\S+)"', svg):
        assert any(
            float(y2) - 0.2 <= float(cy) <= float(y1) + 0.2
            for cx, cy in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', svg)
            if cx == x
        )
    assert svg.count('"reach l-') == 18


def test_the_chosen_curve_comes_first_and_has_the_colour_of_what_is_chosen() -> None:
    text = page(tuning_reports.many())
    assert re.search(r'class="l-1".*?variant-5', picture(text, "service"), re.DOTALL)
    assert "The table has 7 more." in text


def test_a_share_that_is_not_all_does_not_read_like_all() -> None:
    text = page(tuning_reports.unknown())
    assert '<span class="h-0">99.9</span>' in text
    assert '<span class="h-0">100</span>' in text
    assert '<span class="h-4">0</span>' in text


def test_what_no_part_accounts_for_is_part_of_the_measured_bar() -> None:
    svg = picture(page(make_report()), "memory")
    rest = re.findall(r'<rect class="rest"[^>]*width="([\d.]+)"', svg)
    assert len(rest) == 1
    assert "not told apart: 81 MiB" in svg
    assert "allowed 1.00 GiB" in svg


def test_a_goal_that_is_not_kept_is_said_first() -> None:
    for kind in ("missed", "nothing", "little", "unknown"):
        assert '<p class="line open">' in page(REPORTS[kind]())
    assert '<p class="line">' in page(make_report())


def test_what_was_not_measured_is_a_dash() -> None:
    tree = PageTree(page(tuning_reports.little()))
    row = next(row for row in tree.rows if row[0] == "1")
    assert row[3:] == ["240", NOTHING, NOTHING, "26 ms", NOTHING, NOTHING]
    assert "simulated, not measured" in tree.text


def test_a_hostile_name_is_shown_and_not_run() -> None:
    text = page(tuning_reports.hostile())
    assert "<script" not in text
    assert "\x00" not in text
    assert "\x1b" not in text
    assert PageTree(text).text.count(SHOWN) >= 15


@pytest.mark.parametrize(
    ("traffic", "words"),
    [
        (Traffic(), "for independent clients; single rows."),
        (Traffic(arrivals="ClosedLoop", concurrency=8), "closed loop of 8 requests at a replica"),
        (Traffic(arrivals="Trace", trace_uri="s3://a/b.csv"), "as recorded in s3://a/b.csv"),
        (Traffic(rows_per_request=()), "requests of unknown size"),
        (
            Traffic(lengths=(LengthShare(length=16, percent=75.0),)),
            "single rows; lengths 16 (75 %)",
        ),
    ],
)
def test_the_traffic_is_said_in_words(traffic: Traffic, words: str) -> None:
    assert words in PageTree(page(make_report(traffic=traffic))).text


def test_latency_by_batch_and_length_is_a_table_where_there_are_lengths() -> None:
    rows = tuple(
        LengthView(length=length, percent=50.0, batches=(1, 8), milliseconds=(ms, 4 * ms))
        for length, ms in ((16, 1.5), (128, 6.0))
    )
    whole = page(make_report(lengths=rows))
    assert "<h2>Latency by batch and length</h2>" in whole
    words = PageTree(whole).text
    assert all(word in words for word in ("batch 1", "batch 8", "128", "50 %", "1.5", "24"))
    assert "Latency by batch and length" not in page(make_report())


def test_equal_settings_and_one_mark_upon_another_do_not_break_the_picture() -> None:
    same = setting("finalist", 100.0, 20.0, measured_capacity=100.0, measured_latency_ms=20.0)
    report = make_report(settings=(dataclasses.replace(same, outcome="chosen"), *[same] * 30))
    svg = picture(page(report), "trade")
    assert svg.count("<g><title>") == 31


def test_much_memory_is_drawn_in_gib_and_parts_of_no_size_are_not_drawn() -> None:
    much = tuning_reports.memory(limit_bytes=40 << 30)
    svg = picture(page(make_report(memory=much)), "memory")
    assert ">GiB</text>" in svg
    assert "limit 40.00 GiB" in svg
    parts = (MemoryPart(name="none", predicted_bytes=0, measured_bytes=0),)
    none = MemoryView(parts=parts, predicted_bytes=0, request_bytes=1, limit_bytes=1)
    assert "neither predicted nor measured" in page(make_report(memory=none))
