"""TensorBoard event files: a run for each candidate, one for the source model, one for the build.

Written by the protocol buffers and the record writer of the package ``tensorboard`` itself, since
its higher layers load TensorFlow where that is installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT, DT_STRING
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.plugins.text.plugin_data_pb2 import TextPluginData
from tensorboard.summary.writer.record_writer import RecordWriter

from modelservice_runtime.builder.judged import Judged
from modelservice_runtime.builder.measuring import speedup

from . import terms, words
from .document import Report
from .front import estimated_drop

_FORMAT = "brain.Event:2"
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]")
_NAME_CHARACTERS = 80


def write_events(report: Report, folder: Path) -> None:
    """Runs as folders under ``folder``; steps are batch sizes, or percent removed for pruning.

    Raises:
        OSError: the folder cannot be written.
    """
    seconds = _wall_time(report.created_at)
    for run, summaries in _runs(report):
        _write(folder / run, summaries, seconds)


def run_names(candidates: Iterable[Judged]) -> list[str]:
    """A folder name for each candidate: its own, without what a folder cannot be called."""
    found: list[str] = []
    for candidate in candidates:
        plain = _UNSAFE.sub("_", candidate.recipe.name)[:_NAME_CHARACTERS].lstrip(".") or "_"
        name, number = plain, 2
        while name.lower() in {other.lower() for other in (*found, *_RESERVED)}:
            name, number = f"{plain}-{number}", number + 1
        found.append(name)
    return found


BUILD, SOURCE, PRUNING = "build", "source-model", "pruning"
_RESERVED = (BUILD, SOURCE, PRUNING)


def _runs(report: Report) -> Iterator[tuple[str, Iterator[tuple[int, Summary]]]]:
    yield BUILD, _of_build(report)
    timed = [each for each in report.candidates if each.latency]
    if timed:
        yield SOURCE, _of_source(report.chosen or timed[0])
    for name, candidate in zip(run_names(report.candidates), report.candidates, strict=True):
        yield name, _of_candidate(candidate, report)
    fit = terms.fit_pruning(report.candidates)
    if fit.points:
        yield PRUNING, _of_pruning(fit)


def _of_build(report: Report) -> Iterator[tuple[int, Summary]]:
    lines = [words.headline(report), report.goal, report.choice, *report.notes]
    yield 0, _text("summary", "\n\n".join(_plain(line) for line in lines if line))
    for name, taken in report.cost.stage_seconds.items():
        yield 0, _scalar(f"seconds/{name}", taken)
    side_by_side = terms.parallel(report.cost)
    yield 0, _scalar("search_seconds/predicted", side_by_side.predicted_seconds)
    yield 0, _scalar("search_seconds/measured", side_by_side.measured_seconds)
    yield 0, _scalar("search_seconds/one_after_another", side_by_side.serial_seconds)


def _of_source(beside: Judged) -> Iterator[tuple[int, Summary]]:
    """The source model's times, as they were beside one candidate."""
    for pair in beside.latency:
        yield pair.batch, _scalar("latency_ms", pair.source_ms)
        yield pair.batch, _scalar("speedup", 1.0)


def _of_candidate(candidate: Judged, report: Report) -> Iterator[tuple[int, Summary]]:
    found = _figures(candidate, report)
    yield 0, _session(_given(candidate))
    yield 0, _text("outcome", _plain(f"{candidate.outcome}: {candidate.reason}"))
    for name, value in found.items():
        yield 0, _scalar(name, value)
    for pair in candidate.latency:
        yield pair.batch, _scalar("latency_ms", pair.artifact_ms)
        yield pair.batch, _scalar("speedup", pair.source_ms / max(pair.artifact_ms, 1e-9))
        if pair.speedup_high > 0:
            yield pair.batch, _scalar("speedup_low", pair.speedup_low)
            yield pair.batch, _scalar("speedup_high", pair.speedup_high)


def _figures(candidate: Judged, report: Report) -> Mapping[str, float]:
    """Scalars that belong to no batch size."""
    metric, drop, removed = (
        candidate.metric,
        estimated_drop(candidate, report),
        terms.ratio(candidate),
    )
    found = {
        "summary/speedup": speedup(candidate.latency),
        "summary/size_mb": candidate.size_bytes / 1e6,
        "summary/peak_memory_mib": candidate.peak_bytes / 2**20,
        "summary/made_in_seconds": candidate.seconds,
    }
    if metric is not None:
        found |= {
            "summary/metric": metric.value,
            "summary/loss_low": metric.drop_low,
            "summary/loss_high": metric.drop_high,
        }
    if drop is not None:
        found["summary/loss"] = drop
    if removed is not None:
        found["summary/pruning_ratio"] = removed
    return found


def _of_pruning(fit: terms.PruningFit) -> Iterator[tuple[int, Summary]]:
    for point in sorted(fit.points, key=lambda each: (each.batch, each.ratio)):
        step = round(100 * point.ratio)
        yield step, _scalar(f"batch_{point.batch}/measured_ms", point.measured_ms)
        if point.predicted_ms is not None:
            yield step, _scalar(f"batch_{point.batch}/predicted_ms", point.predicted_ms)


def _given(candidate: Judged) -> Mapping[str, str]:
    recipe = candidate.recipe
    return {
        "techniques": ", ".join(recipe.techniques) or recipe.name,
        "engine": recipe.engine,
        "precision": recipe.precision,
        "outcome": candidate.outcome,
    }


def _scalar(tag: str, value: float) -> Summary:
    return Summary(value=[Summary.Value(tag=tag, simple_value=value)])


def _text(tag: str, value: str) -> Summary:
    """``value``: Markdown."""
    plugin = SummaryMetadata.PluginData(
        plugin_name="text", content=TextPluginData(version=0).SerializeToString()
    )
    tensor = TensorProto(
        dtype=DT_STRING, string_val=[value.encode()], tensor_shape=TensorShapeProto()
    )
    return _with_plugin(tag, plugin, tensor)


def _session(given: Mapping[str, str]) -> Summary:
    """What the HPARAMS tab shows a candidate by."""
    start = plugin_data_pb2.SessionStartInfo(group_name="", model_uri="")
    for name, value in given.items():
        start.hparams[name].string_value = value
    data = plugin_data_pb2.HParamsPluginData(version=0, session_start_info=start)
    plugin = SummaryMetadata.PluginData(plugin_name="hparams", content=data.SerializeToString())
    nothing = TensorProto(dtype=DT_FLOAT, float_val=[0.0], tensor_shape=TensorShapeProto())
    return _with_plugin("_hparams_/session_start_info", plugin, nothing)


def _with_plugin(tag: str, plugin: SummaryMetadata.PluginData, tensor: TensorProto) -> Summary:
    metadata = SummaryMetadata(plugin_data=plugin)
    return Summary(value=[Summary.Value(tag=tag, metadata=metadata, tensor=tensor)])


def _plain(words_: str) -> str:
    """Markdown that shows the words as they are."""
    return re.sub(r"([\\`*_{}\[\]()#+!<>|~-])", r"\\\1", words_)


def _write(folder: Path, summaries: Iterable[tuple[int, Summary]], seconds: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # The name's number makes TensorBoard read files of one run in order; there is only one.
    with (folder / f"events.out.tfevents.{int(seconds):010d}.build").open("wb") as file:
        writer = RecordWriter(file)
        events = (Event(wall_time=seconds, step=step, summary=each) for step, each in summaries)
        for event in (Event(wall_time=seconds, file_version=_FORMAT), *events):
            writer.write(event.SerializeToString())


def _wall_time(created_at: str) -> float:
    return datetime.fromisoformat(created_at).timestamp()
