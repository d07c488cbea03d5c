"""What is written: JSON that reads back, a page that stands alone and says it all."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from page_tree import PageTree

from modelservice_runtime.builder import report as reports
from modelservice_runtime.builder.judged import Judged
from modelservice_runtime.builder.report import Report
from modelservice_runtime.builder.report.encoding import encode
from modelservice_runtime.builder.report.page import page
from modelservice_runtime.contract.codec import encode as as_json
from modelservice_runtime.contract.codec import loads
from modelservice_runtime.pages.figures import NOTHING, TIMES


def test_the_files_are_written_and_the_json_reads_back(report: Report, tmp_path: Path) -> None:
    reports.write(report, tmp_path)
    text = (tmp_path / "report.json").read_text()
    document = json.loads(text)
    for key, value in as_json(report).items():
        assert document[key] == value
    assert text == json.dumps(document, indent=2, sort_keys=True) + "\n"
    assert (tmp_path / "report.html").read_text() == page(report)
    assert (tmp_path / "tensorboard").is_dir()
    assert len(document["candidates"]) == len(report.candidates)


def test_the_json_becomes_the_same_value_again(load: Callable[[str], Report]) -> None:
    report = load("one")
    assert loads(Report, encode(report)) == report


def test_the_json_names_the_winner_the_front_and_the_fits(load: Callable[[str], Report]) -> None:
    document = json.loads(encode(load("pruning")))
    assert document["oneLine"].startswith("fuse+int8-static is served: 2.20 times as fast")
    assert "fuse+int8-static" in document["front"]
    assert "fuse+int8-dynamic" not in document["front"]
    assert [line["batch"] for line in document["pruning"]["lines"]] == [1, 8, 32, 0]
    assert document["parallel"]["predictedSeconds"] == 121.0


def test_numbers_that_json_does_not_know_become_null(
    make_candidate: Callable[..., Judged], remake: Callable[..., Report]
) -> None:
    broken = make_candidate(outcome="Failed", figures={"macs": float("nan")})
    document = json.loads(encode(remake([broken])))
    assert document["candidates"][0]["figures"]["macs"] is None


def test_the_page_is_whole_and_needs_nothing_from_outside(report: Report) -> None:
    text = page(report)
    tree = PageTree(text)
    tags = {tag for tag, _ in tree.tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    for tag, attributes in tree.tags:
        assert not {"src", "href", "onload", "onclick", "action"} & set(attributes), tag
    assert "url(" not in text
    assert "@import" not in text
    assert tree.tags[0] == ("html", {"lang": "en"})
    viewport = [attributes for tag, attributes in tree.tags if attributes.get("name") == "viewport"]
    assert viewport
    assert "prefers-color-scheme:dark" in text


def test_pictures_and_tables_can_be_read_without_seeing_them(report: Report) -> None:
    text = page(report)
    names = re.findall(r'id="([^"]+)"', text)
    assert len(names) == len(set(names))
    for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        drawing = ET.fromstring(svg)  # noqa: S314 - our own, and it must be well-formed
        if drawing.get("aria-hidden") == "true":
            continue
        assert drawing.get("role") == "img"
        named = str(drawing.get("aria-labelledby")).split()
        ids = {child.get("id"): child.text for child in drawing if child.get("id")}
        assert all(ids[name] for name in named)
    for table in re.findall(r"<table.*?</table>", text, re.DOTALL):
        assert re.search(r"<caption>[^<]+</caption>", table)
        assert 'scope="row"' in table or "<tbody></tbody>" in table


def test_the_places_in_the_pictures_are_numbers_within_them(report: Report) -> None:
    for svg in re.findall(r"<svg role.*?</svg>", page(report), re.DOTALL):
        width, height = map(float, re.findall(r'viewBox="0 0 (\S+) (\S+)"', svg)[0])
        assert "nan" not in svg
        assert "inf" not in re.sub(r"<(title|desc).*?</\1>|<text.*?</text>", "", svg)
        for x, y in re.findall(r'[^a-z]x="([-\d.]+)" y="([-\d.]+)"', svg):
            assert 0 <= float(x) <= width
            assert 0 <= float(y) <= height
        for x, y in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", svg):
            assert -20 <= float(x) <= width + 20
            assert -20 <= float(y) <= height + 20


def test_every_candidate_is_in_the_table_with_its_reason(report: Report) -> None:
    tree = PageTree(page(report))
    for number, candidate in enumerate(report.candidates, 1):
        row = next(row for row in tree.rows if row[0] == str(number) and len(row) == 8)
        assert candidate.outcome in row[2]
        clean = candidate.reason.replace("\x00", "\ufffd").replace("\x1b", "\ufffd")
        assert clean in row[3]


def test_the_table_has_metric_speed_size_memory_and_time(load: Callable[[str], Report]) -> None:
    tree = PageTree(page(load("several")))
    chosen = tree.row("fuse+int8-static")
    assert chosen == [
        "3", "fuse+int8-static", "Chosen",
        "fuse+int8-static is chosen, in one sentence\ntwo layers stay in float",
        "0.9808\n0.0012 (-0.0028 … 0.0052)",
        f"2.20 {TIMES} (2.11 … 2.31)", "5.4 MB\n300 MiB", "12 s",
    ]  # fmt: skip
    assert tree.row("fuse")[4] == "exact"
    assert tree.row("fuse")[7] == "12 s\n(cached)"
    assert tree.row("bf16")[4] == "0.979\n(selection part)"
    assert tree.row("aoti")[4:6] == [NOTHING, NOTHING]


@pytest.mark.parametrize(
    "words",
    [
        "fuse+int8-static is served: 2.20 times as fast as the source model",
        "(4.13 ms instead of 9.4 ms at batch 1)",
        "Accuracy 0.9808 instead of 0.982 on 1500 samples; the goals are kept.",
        "Choice: fuse+int8-static: the fastest of 3 candidates within the goals",
        "among those within 1 % of it the one that loses least",
        "pytorch pvc://models/digits",
        "Accuracy at most 0.01 worse than the source model",
        "Accuracy at least 0.95",
        "97.5 %, one-sided",
        "1500 rows",
        "the goal allows 0.01",
        "[batch, 3, any, any]",
        "For information: the metric decides",
        "predicted T_parallel = max(t_i) = 2 min 1 s, measured 2 min 29 s",
        "T' = k · T + C · R",
        "x86-64 vnni",
        "numpy==2.4.6 --hash=sha256:",
        "onnxruntime 1.31.1",
        "the example inputs were tiled to batch 32",
    ],
)
def test_the_page_says(words: str, load: Callable[[str], Report]) -> None:
    assert words in PageTree(page(load("pruning"))).text


def test_a_loss_beyond_the_goals_is_said_first(load: Callable[[str], Report]) -> None:
    text = page(load("none"))
    assert '<p class="line open">Nothing is served: no candidate was chosen.</p>' in text
    assert "Nothing was scored" in text
    assert "No candidate was timed" in text
    assert "There were no candidates." in text


def test_latency_is_there_for_each_candidate_and_batch(load: Callable[[str], Report]) -> None:
    tree = PageTree(page(load("several")))
    rows = [row for row in tree.rows if row[0] == "fuse" and len(row) == 4]
    assert rows == [
        ["fuse", *(f"{t}\n{s}".replace("@", TIMES) for t, s in zip(
            ("6.8 ms", "44.3 ms", "183 ms"),
            ("1.38 @ (1.33 … 1.45)", "1.31 @ (1.26 … 1.37)", "1.29 @ (1.24 … 1.36)"),
            strict=True))]
    ]  # fmt: skip
    assert ["source model", "9.4 ms", "58 ms", "236 ms"] in tree.rows


def test_the_picture_has_a_mark_for_each_candidate_that_was_timed_and_scored(
    load: Callable[[str], Report],
) -> None:
    text = page(load("several"))
    (svg,) = re.findall(r"<svg role=\"img\"[^>]*pareto-title.*?</svg>", text, re.DOTALL)
    hints = re.findall(r"<g><title>([^<]*)</title>", svg)
    assert sorted(hint.split(":")[0] for hint in hints) == [
        "1. export", "2. fuse", "3. fuse+int8-static", "4. fuse+int8-dynamic", "5. openvino",
        "6. bf16",
    ]  # fmt: skip
    assert svg.count('class="o-rejected open"') == 1
    assert 'class="front"' in svg
    assert 'class="limit"' in svg


def test_thirty_candidates_have_marks_and_no_label_twice(load: Callable[[str], Report]) -> None:
    text = page(load("many"))
    (svg,) = re.findall(r"<svg role=\"img\"[^>]*pareto-title.*?</svg>", text, re.DOTALL)
    assert svg.count("<g><title>") == 30
    said = re.findall(r'<text[^>]*class="halo[^"]*">([^<]+)</text>', svg)
    assert len(said) == len(set(said)) >= 15
    assert "fuse+int8-0-percentile-99.9" in said


def test_a_hostile_name_is_shown_and_not_run(load: Callable[[str], Report]) -> None:
    text = page(load("hostile"))
    assert "<script" not in text
    assert "\x00" not in text
    assert "\x1b" not in text
    assert '<script>alert("1")</script>&' in PageTree(text).text


def test_an_error_is_better_when_it_is_less(
    remake: Callable[..., Report], make_candidate: Callable[..., Judged], make_metric: Any
) -> None:
    worse = make_metric(0.1, name="Loss")
    worse = type(worse)(**{**as_fields(worse), "value": 1.1, "source_value": 1.0})
    one = make_candidate(outcome="Rejected", speed=2.0, metric=worse)
    two = make_candidate(outcome="Rejected", speed=1.5, selection_value=1.2)
    report = remake([one, two])
    report = type(report)(**{**as_fields(report), "evaluated": with_source(report, 1.0)})
    assert "loss 0.2" in page(report)


def as_fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def with_source(report: Report, source_value: float) -> Any:
    evaluated = report.evaluated
    return type(evaluated)(**{**as_fields(evaluated), "source_value": source_value})
