"""Recorded traffic: which files are read, and what is refused by name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks" / "common"))

from bench_figures.recorded import NotATraceError, parsed, read_folder


def test_recorded_traffic_has_a_column_for_each_service() -> None:
    lines = "\n".join(f"{minute},{minute + 1},2" for minute in range(12))
    series = parsed("mix", f"minute,a,b\n{lines}\n")
    assert sorted(series) == ["a", "b"]
    assert (series["a"].name, series["a"].seconds, series["a"].counts[3]) == ("mix a", 60.0, 4.0)
    seconds = parsed(
        "s", "second,requests,context_tokens\n" + "".join(f"{i},1,9\n" for i in range(20))
    )
    assert list(seconds) == ["requests"]
    assert (seconds["requests"].name, seconds["requests"].counts) == ("s", (1.0,) * 20)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "minute\n" + "1\n" * 20,
        "requests\n1\n2\n",
        "requests\n" + "x\n" * 20,
        "requests\n" + "nan\n" * 20,
        "requests\n" + "-1\n" * 20,
        "minute,requests\n" + "1,1\n" * 20,
        "minute,requests\n" + "".join(f"{i * i},1\n" for i in range(20)),
        "minute,requests\n" + "1\n" * 20,
    ],
)
def test_what_is_no_trace_is_refused_by_name(text: str) -> None:
    with pytest.raises(NotATraceError, match="t:"):
        parsed("t", text)


def test_lines_without_a_time_are_seconds() -> None:
    assert parsed("t", "requests\n" + "3\n" * 12)["requests"].seconds == 1.0


def test_a_folder_holds_traces_or_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotATraceError, match="no trace"):
        read_folder(tmp_path)
    (tmp_path / "monday.csv").write_text("requests\n" + "3\n" * 12)
    assert list(read_folder(tmp_path)) == ["monday"]
    (tmp_path / "tuesday.csv").write_bytes(b"\xff" * 12)
    with pytest.raises(NotATraceError, match="tuesday"):
        read_folder(tmp_path)
