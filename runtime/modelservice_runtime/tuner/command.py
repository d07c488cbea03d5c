"""The tuner against any Triton that runs: measures, chooses, says it, leaves all as it was."""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modelservice_runtime.contract.codec import encode
from modelservice_runtime.contract.profile import ServicePoint
from modelservice_runtime.contract.requests import LatencyObjective
from modelservice_runtime.contract.traffic import (
    CLOSED_LOOP,
    POISSON,
    TRACE,
    Traffic,
)
from modelservice_runtime.cpu import read_cpu

from . import errors, memory_plan
from .answered import answered_shares
from .bench import Bench
from .cores import Cores
from .deadline import Deadline
from .given_rows import rows_of, tensors_of
from .interrupts import Interrupts
from .knobs import Decided, Knob, Place, decide, knobs
from .leak_words import leak_words
from .load_runs import LoadGenerator
from .outcome import Tuned
from .progress import say
from .question import Question
from .report import write as write_report
from .reporting import report_of
from .request_lengths import sample_rows, write_by_length
from .results import service_points, variants_compared
from .running_server import LENGTHS_OPTION, RunningServer, connect
from .settings import Limits, Setting
from .simulation.arrivals import TraceInvalid, parse_trace
from .table import settings_table
from .tuning import Tuning, peak_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the command found out. ``before``: the setting as it was."""

    tuned: Tuned
    decided: Decided
    knobs: tuple[Knob, ...]
    before: Setting
    wall_seconds: float


def run(options: argparse.Namespace, scratch: Path, interrupts: Interrupts) -> Found:
    """Tune the model of a running Triton.

    Raises:
        TuneError: in words for the user.
    """
    began = time.monotonic()
    deadline = Deadline.after(options.max_seconds, began)
    interrupts.install(deadline.alarm(began))
    question = question_of(options)
    say("connecting", 0.01, f"{options.model} at {options.url}")
    server = connect(
        options.url,
        options.model,
        admin_key=options.admin_key,
        pid=options.server_pid,
        metrics=options.metrics_url,
    )
    everything = frozenset(os.sched_getaffinity(0))
    by_length = _lengths(options, server, scratch)
    load = LoadGenerator(
        model=options.model,
        address=options.url,
        input_data=options.input_data,
        scratch=scratch,
        cores=Cores(server=everything, client=everything),
        interrupts=interrupts,
        numbers_per_row=numbers_per_row(server.config, max(server.lengths, default=0)),
        by_length=by_length,
    )
    question = _within(question, server)
    bench = Bench(server=server, load=load, deadline=deadline)
    tuning = Tuning(bench=bench, variants=(server.variant,), question=question, deadline=deadline)
    before = server.current()
    applied = False
    try:
        tuned = tuning.run(before)
        decided = decide(tuned, _place(server))
        if options.apply:
            server.apply(tuned.chosen.setting, decided.queue_timeout_microseconds)
            applied = True
    finally:
        if not applied:
            with interrupts.held():
                server.restore()
    return Found(
        tuned=tuned,
        decided=decided,
        knobs=knobs(tuned, decided, _place(server)),
        before=before,
        wall_seconds=time.monotonic() - began,
    )


def question_of(options: argparse.Namespace) -> Question:
    """What the words on the command line ask.

    Raises:
        UserError: they contradict each other, or the trace is none.
    """
    _check(options)
    traffic = _traffic(options)
    trace = None
    if options.trace is not None:
        try:
            trace = parse_trace(options.trace.read_text(encoding="utf-8-sig"))
        except (OSError, TraceInvalid, UnicodeDecodeError) as error:
            words = f"--trace {options.trace}: {error}"
            raise errors.UserError(errors.TRACE_INVALID, words) from error
    return Question(
        objective=LatencyObjective(percentile=options.percentile, milliseconds=options.goal_ms),
        traffic=traffic,
        limits=Limits(
            cpu=options.cpu or len(os.sched_getaffinity(0)),
            max_batch_size=options.max_batch,
            instances=options.max_instances,
            threads=options.max_threads,
        ),
        memory_bytes=options.memory_limit_mib << 20,
        trace=trace,
        or_fewer=options.or_fewer,
    )


def _check(options: argparse.Namespace) -> None:
    if options.or_fewer and not options.closed_loop:
        words = "--or-fewer: of the clients of --closed-loop, which is not there"
        raise errors.UserError(errors.REQUEST_INVALID, words)
    if options.closed_loop and options.trace is not None:
        words = "--closed-loop and --trace: requests come by answers or by a trace, not by both"
        raise errors.UserError(errors.REQUEST_INVALID, words)
    largest = max(share.rows for share in options.rows_per_request)
    if largest > options.max_batch:
        words = f"requests of {largest} rows need a --max-batch of as many, not {options.max_batch}"
        raise errors.UserError(errors.REQUEST_INVALID, words)


def _traffic(options: argparse.Namespace) -> Traffic:
    arrivals = CLOSED_LOOP if options.closed_loop else TRACE if options.trace else POISSON
    return Traffic(
        arrivals=arrivals,
        rows_per_second=options.rows_per_second,
        rows_per_request=options.rows_per_request,
        repeated_percent=options.repeated_percent,
        concurrency=options.closed_loop,
        trace_uri=str(options.trace or ""),
        lengths=options.lengths,
    )


def _lengths(options: argparse.Namespace, server: RunningServer, scratch: Path) -> dict[int, Path]:
    """Files with requests of each length that is said, which the server is told of, too."""
    if not options.lengths:
        return {}
    tensors = tensors_of(server.config)
    inputs = rows_of(tensors, options.input_data)
    server.rows = sample_rows(inputs, tensors, LENGTHS_OPTION)
    server.lengths = tuple(share.length for share in options.lengths)
    return write_by_length(server.rows, server.lengths, scratch)


def _within(question: Question, server: RunningServer) -> Question:
    """The question, with what the model's configuration says of devices and threads.

    Threads are left alone where the backend has no word for them.
    """
    limits = replace(question.limits, gpu=server.on_gpu)
    if not server.can_change_threads:
        limits = replace(limits, fixed_threads=server.current().option.threads)
    return replace(question, limits=limits)


def _place(server: RunningServer) -> Place:
    return Place(
        gpu=server.on_gpu,
        backend=str(server.config.get("backend", "")),
        answer_bytes=4 * _numbers(server.config.get("output", ())),
    )


def numbers_per_row(config: Mapping[str, Any], length: int = 0) -> int:
    """Of inputs and outputs, whose open axes have this length; 0 where a size may vary."""
    inputs, outputs = (_numbers(config.get(name, ()), length) for name in ("input", "output"))
    return inputs + outputs if inputs and outputs else 0


def _numbers(tensors: Any, length: int = 0) -> int:  # noqa: ANN401 - JSON
    total = 0
    for tensor in tensors:
        dims = [int(dim) if int(dim) >= 0 else length for dim in tensor.get("dims", ())]
        if any(dim <= 0 for dim in dims):
            return 0
        total += math.prod(dims)
    return total


def document(found: Found) -> dict[str, Any]:
    """For machines: the choice, its model and what it cost."""
    tuned = found.tuned
    question = tuned.question
    return {
        "setting": encode(tuned.chosen.setting.served()),
        "queueTimeoutMicroseconds": found.decided.queue_timeout_microseconds,
        "before": encode(found.before.served()),
        "objectiveMet": tuned.met,
        "why": tuned.why,
        "capacityRowsPerSecond": round(tuned.capacity.rows_per_second, 3),
        "latencyAtCapacityMs": round(tuned.capacity.latency_ms, 3),
        "objective": encode(question.objective),
        "traffic": encode(question.traffic),
        "service": encode(_points(tuned)),
        "padded": tuned.padded,
        "knobs": encode(found.knobs),
        "notes": [note for note in notes(tuned) if note],
        "loadSeconds": round(tuned.load_seconds, 2),
        "loadRuns": tuned.runs,
        "simulatedSettings": len(tuned.order),
        "simulationSeconds": round(tuned.simulation_seconds, 3),
        "wallSeconds": round(found.wall_seconds, 2),
    }


def _points(tuned: Tuned) -> tuple[ServicePoint, ...]:
    capacity = tuned.capacity
    return service_points(capacity.candidate, tuned.question.source, capacity.rows_per_second)


def notes(tuned: Tuned) -> tuple[str, ...]:
    """What else has to be said, empty ones among them."""
    leaks = leak_words(tuned, tuned.question.memory_bytes)
    return (leaks, tuned.capacity.note, *tuned.notes)


def words(found: Found, options: argparse.Namespace) -> str:
    """For people."""
    tuned = found.tuned
    after = "applied" if options.apply else "the model serves as before (--apply changes it)"
    goal, at = tuned.question.goal_words(), tuned.capacity.latency_ms
    capacity = f"Capacity: {tuned.capacity.rows_per_second:.0f} rows/s within {goal}"
    capacity += f", measured {at:.2f} ms there."
    cost = f"{tuned.runs} load runs, {tuned.load_seconds:.0f} s of load"
    cost += f", {found.wall_seconds:.0f} s in all; {after}."
    lines = [
        settings_table(tuned),
        "",
        f"{tuned.why}.",
        capacity,
        *(f"  {knob.words()}" for knob in found.knobs),
        *(f"  note: {note}" for note in notes(tuned) if note),
        variants_compared(tuned),
        cost,
    ]
    return "\n".join(line for line in lines if line or line == "")


def report(found: Found, folder: Path, title: str) -> None:
    """``report.html`` and ``report.json`` in ``folder``."""
    peak = peak_bytes(found.tuned) if found.tuned.memory else 0
    plan = None
    if found.tuned.memory:
        plan = memory_plan.plan(
            memory_plan.observed(found.tuned.memory, found.tuned.chosen.setting, peak), peak
        )
    folder.mkdir(parents=True, exist_ok=True)
    value = report_of(
        found.tuned,
        found.knobs,
        plan,
        answered_shares(found.tuned, found.decided),
        title=title,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        hardware=read_cpu(),
    )
    write_report(value, folder)


def write(found: Found, path: Path) -> None:
    """The document as JSON."""
    path.write_text(json.dumps(document(found), indent=1, allow_nan=False) + "\n")
