"""The event files, read back as TensorBoard reads them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelservice_runtime.builder.measuring import speedup
from modelservice_runtime.builder.report import Report
from modelservice_runtime.builder.report.tensorboard_files import run_names, write_events


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Report], Any]:
    """Write the events of a report and load them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tensorboard's own imports
        from tensorboard.backend.event_processing.event_multiplexer import (  # noqa: PLC0415
            EventMultiplexer,
        )

    def load(report: Report) -> Any:
        write_events(report, tmp_path)
        return EventMultiplexer().AddRunsFromDirectory(str(tmp_path)).Reload()

    return load


def scalars(found: Any, run: str, tag: str) -> dict[int, float]:
    return {event.step: event.value for event in found.Scalars(run, tag)}


def test_each_candidate_is_a_run_with_its_figures(
    report: Report, read: Callable[[Report], Any]
) -> None:
    found = read(report)
    runs = set(found.Runs())
    names = run_names(report.candidates)
    assert set(names) <= runs
    for name, candidate in zip(names, report.candidates, strict=True):
        overall = scalars(found, name, "summary/speedup")
        assert overall == {0: pytest.approx(speedup(candidate.latency), rel=1e-6)}
        if candidate.latency:
            times = {pair.batch: pytest.approx(pair.artifact_ms) for pair in candidate.latency}
            assert scalars(found, name, "latency_ms") == times
        if candidate.metric is not None:
            value = pytest.approx(candidate.metric.value)
            assert scalars(found, name, "summary/metric") == {0: value}
        hparams = found.SummaryMetadata(name, "_hparams_/session_start_info")
        assert hparams.plugin_data.plugin_name == "hparams"
        assert candidate.recipe.engine.encode() in hparams.plugin_data.content


def test_the_build_says_its_result_in_words(
    load: Callable[[str], Report], read: Callable[[Report], Any]
) -> None:
    found = read(load("several"))
    (event,) = found.Tensors("build", "summary")
    assert b"fuse\\+int8\\-static is served" in event.tensor_proto.string_val[0]
    assert found.SummaryMetadata("build", "summary").plugin_data.plugin_name == "text"
    assert scalars(found, "build", "search_seconds/predicted") == {0: 121.0}
    assert scalars(found, "source-model", "latency_ms") == {
        1: pytest.approx(9.4),
        8: 58.0,
        32: 236.0,
    }


def test_the_pruning_curve_is_a_run_over_the_percent_removed(
    load: Callable[[str], Report], read: Callable[[Report], Any]
) -> None:
    found = read(load("pruning"))
    measured = scalars(found, "pruning", "batch_8/measured_ms")
    predicted = scalars(found, "pruning", "batch_8/predicted_ms")
    assert list(measured) == list(predicted) == [30, 50, 70]
    assert all(predicted[step] == pytest.approx(measured[step], rel=0.1) for step in measured)


def test_the_same_report_gives_the_same_bytes(
    load: Callable[[str], Report], tmp_path: Path
) -> None:
    for folder in ("a", "b"):
        write_events(load("several"), tmp_path / folder)
    files = sorted(path.relative_to(tmp_path / "a") for path in tmp_path.glob("a/**/*"))
    assert files == sorted(path.relative_to(tmp_path / "b") for path in tmp_path.glob("b/**/*"))
    for path in files:
        one, other = tmp_path / "a" / path, tmp_path / "b" / path
        assert one.is_dir() or one.read_bytes() == other.read_bytes()


def test_hostile_names_stay_inside_the_folder(
    load: Callable[[str], Report],
    make_candidate: Callable[..., Any],
    make_step: Any,
    tmp_path: Path,
) -> None:
    names = run_names(
        [
            make_candidate(make_step(label), outcome="Failed")
            for label in ("../../etc", "..", "build", "a/b", "a:b", "", "x" * 500, "FUSE", "fuse")
        ]
    )
    assert len({name.lower() for name in names}) == len(names)
    for name in names:
        place = (tmp_path / name).resolve()
        assert place.parent == tmp_path.resolve()
        assert len(name) < 100
    write_events(load("hostile"), tmp_path)
    assert all(path.resolve().is_relative_to(tmp_path.resolve()) for path in tmp_path.rglob("*"))


def test_tensorboard_itself_shows_scalars_words_and_hyperparameters(
    load: Callable[[str], Report], eventually: Callable[..., None], tmp_path: Path
) -> None:
    write_events(load("pruning"), tmp_path / "logs")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "tensorboard.main", "--logdir", str(tmp_path / "logs"), "--host",
        "127.0.0.1", "--port", str(port), "--load_fast", "false",
    ]  # fmt: skip

    def ask(what: str, body: bytes | None = None) -> Any:
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/data/plugin/{what}", body)
        asked.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(asked, timeout=5) as answer:  # noqa: S310 - our own server
                return json.load(answer)
        except OSError:
            return {}

    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        eventually(lambda: "pruning" in ask("scalars/tags"), 45)
        assert {"build", "source-model", "fuse+int8-static"} <= ask("scalars/tags").keys()
        times = ask("scalars/scalars?run=fuse%2Bint8-static&tag=latency_ms")
        assert [step for _, step, _ in times] == [1, 8, 32]
        assert "outcome" in ask("text/tags")["fuse"]
        words = ask("text/text?run=build&tag=summary")
        assert "fuse+int8-static is served" in words[0]["text"]
        columns = ask("hparams/experiment", b'{"experimentName": ""}')["hparamInfos"]
        assert {"engine", "precision", "outcome"} <= {column["name"] for column in columns}
    finally:
        process.terminate()
        process.wait(20)


def test_no_framework_is_loaded_to_write_them() -> None:
    code = (
        "import sys; import modelservice_runtime.builder.report;"
        "print([name for name in ('torch', 'tensorflow', 'keras') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
