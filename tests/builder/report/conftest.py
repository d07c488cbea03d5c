"""Reports as a build would make them: none, one, several and many candidates, hostile names."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from modelservice_runtime.builder.judged import Cost, Evaluated, Judged
from modelservice_runtime.builder.parity import Difference
from modelservice_runtime.builder.recipes import Recipe, Step
from modelservice_runtime.builder.report import Report
from modelservice_runtime.contract.manifest import LatencyPair, MetricValue
from modelservice_runtime.contract.requests import (
    BuildRequest,
    EvaluationRequest,
    Goal,
    OptimizationRequest,
    PruningRequest,
    SourceRequest,
)
from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec

#: Milliseconds of the source model by batch size.
SOURCE_MS = {1: 9.4, 8: 58.0, 32: 236.0}
HOSTILE = '<script>alert("1")</script>&\'\x00\x1b[31m'


def step(label: str, technique: str = "", **parameters: float) -> Step:
    """One technique."""
    return Step(technique=technique or label, label=label, parameters=parameters)


def latency(speed: float, seed: int = 0) -> tuple[LatencyPair, ...]:
    """Times ``speed`` as fast as the source model, a little less for large batches."""
    noise = random.Random(seed)  # noqa: S311 - a picture
    pairs = []
    for number, (batch, source_ms) in enumerate(SOURCE_MS.items()):
        here = speed * (1 - 0.04 * number) * (1 + noise.uniform(-0.05, 0.05))
        pairs.append(
            LatencyPair(
                batch=batch,
                source_ms=source_ms,
                artifact_ms=round(source_ms / here, 4),
                speedup_low=round(here * 0.96, 4),
                speedup_high=round(here * 1.05, 4),
            )
        )
    return tuple(pairs)


def metric(drop: float, half: float = 0.004, name: str = "Accuracy") -> MetricValue:
    """A metric that lost ``drop``."""
    return MetricValue(
        name=name,
        value=round(0.982 - drop, 6),
        source_value=0.982,
        drop=drop,
        drop_low=drop - half,
        drop_high=drop + half,
        samples=1500,
        confidence=0.975,
    )


def candidate(*steps: Step, outcome: str, speed: float = 0.0, **more: Any) -> Judged:
    """One candidate; ``speed`` 0: it was not timed."""
    recipe = Recipe(
        steps=steps,
        engine=more.pop("engine", "onnxruntime"),
        precision=more.pop("precision", "fp32"),
        exact=more.pop("exact", False),
    )
    given = {
        "reason": f"{recipe.name} is {outcome.lower()}, in one sentence",
        "seconds": 12.5,
        "size_bytes": 20_000_000,
        "peak_bytes": 300 << 20,
        "latency": latency(speed, seed=len(recipe.name)) if speed else (),
    }
    return Judged(recipe=recipe, outcome=outcome, **{**given, **more})


FUSE = step("fuse")
INT8 = step("int8-static", "quantize_static", percentile=99.9)
PARITY = tuple(
    Difference(
        output="probabilities",
        batch=batch,
        max_absolute=2.3e-6,
        max_relative=1.1e-4,
        cosine=0.9999999,
        reason="",
    )
    for batch in (1, 2, 5, 32)
)


def pruned(share: float, speed: float, **more: Any) -> Judged:
    """A candidate that lost ``share`` of ten million parameters."""
    figures = {"parameters_before": 1e7, "parameters": 1e7 * (1 - share), "training_seconds": 61.0}
    label = f"prune-{share:g}"
    return candidate(
        step(label, "prune", ratio=share),
        FUSE,
        speed=speed,
        figures=figures,
        **{"outcome": "Rejected", "metric": metric(0.02 * share), **more},
    )


def several() -> tuple[Judged, ...]:
    """Every outcome once or more."""
    return (
        candidate(outcome="Passed", speed=1.0, exact=True, seconds=0.0),
        candidate(FUSE, outcome="Finalist", speed=1.42, exact=True, parity=PARITY, cached=True),
        candidate(
            FUSE, INT8, outcome="Chosen", speed=2.31, metric=metric(0.0012), parity=PARITY,
            precision="int8", size_bytes=5_400_000, notes=("two layers stay in float",),
        ),
        candidate(
            FUSE, step("int8-dynamic"), outcome="Rejected", speed=2.36, metric=metric(0.041),
            precision="int8", size_bytes=5_200_000,
        ),
        candidate(
            step("openvino"), outcome="Undecided", speed=1.9, metric=metric(0.006, half=0.009),
            engine="openvino", size_bytes=19_000_000,
        ),
        candidate(
            step("bf16"), outcome="Rejected", speed=0.8, selection_value=0.979, engine="openvino",
            precision="bf16", size_bytes=10_000_000,
        ),
        candidate(step("aoti"), outcome="Failed", reason="the compiler found no C++ compiler"),
        candidate(step("int8-control"), outcome="Skipped", reason="there was no time for it"),
    )  # fmt: skip


def with_pruning() -> tuple[Judged, ...]:
    """``several`` and pruned ones that follow T' = 1.0 · T - 5 · R, nearly."""
    return (
        *several(),
        pruned(0.3, 2.1, outcome="Passed"),
        pruned(0.5, 2.9, outcome="Passed"),
        pruned(0.7, 4.2),
    )


def many() -> tuple[Judged, ...]:
    """Thirty candidates, crowded together."""
    noise = random.Random(7)  # noqa: S311 - a picture
    outcomes = ["Chosen", "Finalist", "Finalist", "Passed", "Rejected", "Undecided"]
    found = []
    for number in range(30):
        outcome = outcomes[number] if number < len(outcomes) else noise.choice(outcomes[3:])
        labels = [step(f"int8-{number}-percentile-99.9"), step("per-channel")]
        drop = noise.gauss(0.012, 0.003) if outcome == "Rejected" else noise.gauss(0.002, 0.001)
        found.append(
            candidate(
                FUSE, *labels[: 1 + number % 2], outcome=outcome, metric=metric(round(drop, 4)),
                speed=noise.gauss(2.2, 0.15) + 0.4 * (outcome == "Chosen"),
                size_bytes=int(noise.uniform(4e6, 2e7)),
            )
        )  # fmt: skip
    return tuple(found)


def make_report(candidates: Sequence[Judged] = (), **more: Any) -> Report:
    """A report around candidates."""
    words = {
        "created_at": "2026-09-22T10:30:00+00:00",
        "request": request(),
        "source_digest": "sha256:" + "ab" * 32,
        "interface": ModelInterface(
            inputs=(TensorSpec(name="image", datatype="FP32", dims=(3, -1, -1)),),
            outputs=(TensorSpec(name="probabilities", datatype="FP32", dims=(10,)),),
        ),
        "sample_rows": 64,
        "candidates": tuple(candidates),
        "evaluated": Evaluated(
            metric="Accuracy",
            given="3,000 rows with labels from digits.npz",
            calibration_rows=300,
            selection_rows=1200,
            gate_rows=1500,
            source_value=0.982,
        ),
        "choice": "fuse+int8-static: the fastest of 3 candidates within the goals",
        "goal_met": True,
        "goal": "Accuracy 0.9808, the source model has 0.982, on 1500 samples",
        "cost": Cost(
            total_seconds=412.0,
            workers=2,
            serial_seconds=270.0,
            predicted_parallel_seconds=121.0,
            measured_parallel_seconds=149.0,
            stage_seconds={"source": 2.1, "produce": 190.4, "evaluate": 61.0, "measure": 120.3},
            peak_memory_bytes={"builder": 410 << 20, "the source model": 780 << 20},
        ),
        "hardware": "Intel(R) Xeon(R) (avx2 avx512f avx512_vnni)",
        "cpu_class": "x86-64 vnni",
        "requirements": ("numpy==2.4.6 --hash=sha256:" + "0f" * 32,),
        "notes": ("the example inputs were tiled to batch 32",),
        "versions": {"onnxruntime": "1.31.1", "torch": "2.13.0"},
    }
    return Report(**{**words, **more})


def request(**more: Any) -> BuildRequest:
    """What was asked for."""
    given = {
        "namespace": "team",
        "name": "digits",
        "build_key": "0123456789",
        "attempt": 1,
        "source": SourceRequest(kind="pytorch", uri="pvc://models/digits", entrypoint="model:load"),
        "store_uri": "s3://artifacts",
        "artifact_uri": "s3://artifacts/team/digits/0123456789/1",
        "max_batch_size": 32,
        "duration_seconds": 1800,
        "evaluation": EvaluationRequest(
            data_uri="pvc://models/digits.npz",
            goals=(
                Goal(kind="MaxDegradation", value=0.01),
                Goal(kind="Threshold", value=0.95),
            ),
        ),
        "optimization": OptimizationRequest(
            pruning=PruningRequest(training_entrypoint="model:train", ratios=(0.3, 0.5, 0.7))
        ),
        "engines": ("onnxruntime", "openvino"),
    }
    return BuildRequest(**{**given, **more})


def hostile() -> Report:
    """Whatever a user may name, as markup, with control characters."""
    one = candidate(
        step(HOSTILE), outcome="Chosen", speed=1.5, metric=metric(0.001, name=HOSTILE),
        reason=HOSTILE, notes=(HOSTILE,), parity=(
            Difference(
                output=HOSTILE, batch=1, max_absolute=0.0, max_relative=0.0, cosine=1.0, reason=""
            ),
        ),
    )  # fmt: skip
    spec = TensorSpec(name=HOSTILE, datatype="FP32", dims=(1,))
    return make_report(
        [one],
        request=request(
            name=HOSTILE, source=SourceRequest(kind="onnx", uri=HOSTILE, entrypoint=HOSTILE)
        ),
        interface=ModelInterface(inputs=(spec,), outputs=(spec,)),
        choice=HOSTILE,
        goal=HOSTILE,
        notes=(HOSTILE,),
        requirements=(HOSTILE,),
        versions={HOSTILE: HOSTILE},
        hardware=HOSTILE,
        cost=Cost(
            total_seconds=1.0,
            workers=1,
            serial_seconds=0.0,
            predicted_parallel_seconds=0.0,
            measured_parallel_seconds=0.0,
            stage_seconds={HOSTILE: 1.0},
            peak_memory_bytes={HOSTILE: 1},
        ),
    )


REPORTS = {
    "none": lambda: make_report([], goal_met=False, evaluated=None),
    "one": lambda: make_report([candidate(outcome="Chosen", speed=1.0, exact=True, parity=PARITY)]),
    "several": lambda: make_report(several()),
    "pruning": lambda: make_report(with_pruning()),
    "many": lambda: make_report(many()),
    "hostile": hostile,
}


@pytest.fixture(params=sorted(REPORTS))
def report(request: pytest.FixtureRequest) -> Report:
    """Each kind of report in turn."""
    return REPORTS[str(request.param)]()


@pytest.fixture
def load() -> Callable[[str], Report]:
    """A report by its name in ``REPORTS``."""
    return lambda name: REPORTS[name]()


@pytest.fixture
def make_candidate() -> Callable[..., Judged]:
    """``candidate``."""
    return candidate


@pytest.fixture
def make_metric() -> Callable[..., MetricValue]:
    """``metric``."""
    return metric


@pytest.fixture
def make_step() -> Callable[..., Step]:
    """``step``."""
    return step


@pytest.fixture
def remake() -> Callable[..., Report]:
    """``make_report``."""
    return make_report
