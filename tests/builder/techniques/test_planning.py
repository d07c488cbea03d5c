"""Which candidates are planned: from the facts alone, and from what earlier ones showed."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelservice_runtime.builder.judged import OUTCOMES, PASSED, REJECTED, Judged
from modelservice_runtime.builder.recipes import Recipe
from modelservice_runtime.builder.techniques.known_steps import why
from modelservice_runtime.builder.techniques.maker import REGISTRY
from modelservice_runtime.builder.techniques.planning import Facts, more, plan
from modelservice_runtime.contract.manifest import LatencyPair, MetricValue
from modelservice_runtime.contract.requests import (
    AOTI,
    ENGINES,
    METRICS,
    ONNXRUNTIME,
    OPENVINO,
    SOURCE_KINDS,
    TECHNIQUES,
)

CNN = {"Conv": 20, "Relu": 20, "Add": 8, "GlobalAveragePool": 1, "Gemm": 1}
TRANSFORMER = {"MatMul": 48, "Softmax": 6, "LayerNormalization": 13, "Add": 56}
MLP = {"Gemm": 3, "Relu": 2}
VNNI = "x86-64 vnni bf16"

FACTS = Facts(
    source_kind="pytorch",
    engines=(ONNXRUNTIME,),
    techniques=("Fuse", "Quantize", "AccuracyControl"),
    operators=CNN,
    cpu_class=VNNI,
    calibration_rows=100,
    selection_rows=100,
    metric="Accuracy",
    max_drop=0.01,
)


def facts(**changes: object) -> Facts:
    return dataclasses.replace(FACTS, **changes)


def names(recipes: Sequence[Recipe]) -> list[str]:
    return [recipe.name for recipe in recipes]


def found(recipe: Recipe, outcome: str = PASSED, value: float | None = 0.9) -> Judged:
    """A candidate that got as far as the selection part."""
    return Judged(recipe=recipe, outcome=outcome, reason="", selection_value=value)


def lossy(recipe: Recipe) -> Judged:
    return found(recipe, REJECTED)


def slow(recipe: Recipe) -> Judged:
    pair = LatencyPair(batch=1, source_ms=1.0, artifact_ms=2.0)
    return dataclasses.replace(found(recipe, REJECTED), latency=(pair,))


def waves(given_facts: Facts, verdict: Callable[[Recipe], Judged]) -> list[list[str]]:
    """All waves, each judged by ``verdict``."""
    wave, judged, seen = plan(given_facts), [], []
    while wave:
        seen.append(names(wave))
        judged += [verdict(recipe) for recipe in wave]
        wave = more(given_facts, judged)
    return seen


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["export", "slim", "int8-static", "int8-static-percentile"]),
        (
            {"operators": TRANSFORMER},
            ["export", "fuse", "int8-dynamic", "fuse+int8-dynamic"],
        ),
        (
            {"operators": MLP},
            ["export", "slim", "int8-dynamic", "int8-static", "int8-static-percentile"],
        ),
        ({"calibration_rows": 0}, ["export", "slim"]),
        ({"techniques": ()}, ["export"]),
        ({"techniques": ("Quantize",), "operators": {"Gather": 2}}, ["export"]),
        (
            {"engines": (ONNXRUNTIME, OPENVINO), "techniques": ("OpenVINO",)},
            ["export", "openvino"],
        ),
        (
            {"engines": (ONNXRUNTIME, OPENVINO), "techniques": ("OpenVINO", "Quantize")},
            ["export", "int8-static", "int8-static-percentile", "openvino", "openvino-int8"],
        ),
        (
            {"engines": (ONNXRUNTIME, OPENVINO), "techniques": ("BFloat16", "Float16")},
            ["export", "openvino-bf16"],
        ),
        (
            {
                "engines": (OPENVINO,),
                "techniques": ("OpenVINO", "Quantize", "BFloat16"),
            },
            [
                "export", "openvino", "openvino-int8", "openvino-int8+openvino-bf16",
                "openvino-bf16",
            ],
        ),
        (
            {
                "engines": (ONNXRUNTIME, OPENVINO),
                "techniques": ("BFloat16",),
                "cpu_class": "x86-64 avx2",
            },
            ["export"],
        ),
        ({"techniques": ("OpenVINO", "AOTInductor")}, ["export"]),
        (
            {"techniques": ("AOTInductor",), "engines": (ONNXRUNTIME, AOTI)},
            ["export", "aot-inductor"],
        ),
        (
            {
                "techniques": ("AOTInductor",),
                "engines": (ONNXRUNTIME, AOTI),
                "source_kind": "onnx",
            },
            ["export"],
        ),
        (
            {"techniques": ("Prune",), "training_entrypoint": "train:run"},
            ["export", "prune-30", "prune-50", "prune-70"],
        ),
        (
            {"techniques": ("Prune",), "training_entrypoint": "train:run", "ratios": (0.4,)},
            ["export", "prune-40"],
        ),
        ({"techniques": ("Prune",)}, ["export"]),
        (
            {"techniques": ("TensorRT", "Float16"), "engines": ENGINES, "gpu": True},
            ["export", "tensorrt", "tensorrt-fp16"],
        ),
        ({"techniques": ("TensorRT",), "engines": ENGINES}, ["export"]),
        (
            {"techniques": ("TensorRT", "OnnxRuntimeCUDA"), "engines": (ONNXRUNTIME,), "gpu": True},
            ["export", "ort-cuda", "ort-tensorrt"],
        ),
    ],
    ids=[
        "a CNN", "a transformer", "an MLP", "no data", "nothing allowed", "an embedding alone",
        "OpenVINO", "OpenVINO and int8", "half precision by what the CPU has",
        "int8 and bf16 together", "no bf16 here",
        "engines that do not serve", "native code", "native code of an ONNX file", "pruning",
        "pruning by given ratios", "pruning without training", "a GPU", "no GPU",
        "ONNX Runtime on a GPU",
    ],
)  # fmt: skip
def test_the_first_wave_follows_from_the_facts(
    changes: dict[str, object], expected: list[str]
) -> None:
    assert names(plan(facts(**changes))) == expected


def test_what_keeps_the_arithmetic_is_exact_and_what_depends_on_the_cpu_says_so() -> None:
    everything = facts(
        engines=ENGINES,
        techniques=TECHNIQUES,
        operators=TRANSFORMER,
        training_entrypoint="train:run",
    )
    recipes = {recipe.name: recipe for recipe in plan(everything)}
    exact = {name for name, recipe in recipes.items() if recipe.exact}
    assert exact == {"export", "fuse", "openvino", "aot-inductor"}
    assert {name: recipe.precision for name, recipe in recipes.items()} == {
        "export": "fp32",
        "fuse": "fp32",
        "int8-dynamic": "int8",
        "fuse+int8-dynamic": "int8",
        "openvino": "fp32",
        "openvino-int8": "int8",
        "openvino-int8+openvino-bf16": "bf16",
        "openvino-bf16": "bf16",
        "aot-inductor": "fp32",
        "prune-30": "fp32",
        "prune-50": "fp32",
        "prune-70": "fp32",
    }
    depends = {name for name, recipe in recipes.items() if recipe.depends_on_cpu}
    assert depends == {
        "int8-dynamic", "fuse+int8-dynamic", "openvino-int8", "openvino-int8+openvino-bf16",
        "openvino-bf16", "aot-inductor",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cpu_class", "expected"),
    [
        ("x86-64 avx2", {"reduce_range": True, "signed": False}),
        ("x86-64 vnni bf16", {"reduce_range": False, "signed": False}),
        ("x86-64 amx bf16 fp16", {"reduce_range": False, "signed": False}),
        ("aarch64 dotprod fp16", {"reduce_range": False, "signed": True}),
        ("unknown", {"reduce_range": False, "signed": False}),
    ],
)
def test_the_form_of_int8_is_the_one_that_the_cpu_adds_up_right(
    cpu_class: str, expected: dict[str, bool]
) -> None:
    (static,) = [r for r in plan(facts(cpu_class=cpu_class)) if r.name == "int8-static"]
    parameters = static.steps[-1].parameters
    assert {name: parameters[name] for name in expected} == expected
    assert parameters["per_channel"] is True


def test_int8_that_loses_too_much_is_followed_by_accuracy_control() -> None:
    def verdict(recipe: Recipe) -> Judged:
        return lossy(recipe) if recipe.precision == "int8" else found(recipe)

    words = ("Quantize", "AccuracyControl", "OpenVINO")
    both = facts(engines=(ONNXRUNTIME, OPENVINO), techniques=words)
    first, *later = waves(both, verdict)
    assert "int8-static" in first
    assert later == [
        ["int8-static-entropy", "int8-accuracy-control", "openvino-int8-accuracy-control"]
    ]


def test_accuracy_control_is_told_the_metric_and_the_loss_that_is_allowed() -> None:
    judged = [lossy(recipe) if recipe.steps else found(recipe) for recipe in plan(FACTS)]
    (controlled,) = [r for r in more(FACTS, judged) if r.name == "int8-accuracy-control"]
    (step,) = controlled.steps
    assert step.calibrated
    assert step.judged
    assert step.parameters["metric"] == "Accuracy"
    assert step.parameters["max_drop"] == 0.01
    assert step.parameters["engine"] == ONNXRUNTIME


def test_int8_that_is_only_too_slow_is_left_alone() -> None:
    assert waves(FACTS, lambda r: slow(r) if r.precision == "int8" else found(r))[1:] == []


def test_one_int8_that_keeps_the_metric_is_enough() -> None:
    kept_one = waves(FACTS, lambda r: lossy(r) if r.name == "int8-static" else found(r))
    assert kept_one[1:] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"metric": "Entrypoint"},
        {"metric": ""},
        {"max_drop": None},
        {"selection_rows": 0},
        {"techniques": ("Fuse", "Quantize")},
    ],
    ids=["a metric of the user's own", "no metric", "no limit", "no selection part", "not asked"],
)
def test_accuracy_control_needs_a_metric_a_limit_and_data(changes: dict[str, object]) -> None:
    later = waves(facts(**changes), lambda r: lossy(r) if r.precision == "int8" else found(r))[1:]
    assert later == [["int8-static-entropy"]]


def test_dynamic_int8_that_loses_too_much_leaves_more_and_more_layers_in_float() -> None:
    later = waves(
        facts(operators=TRANSFORMER), lambda r: lossy(r) if r.precision == "int8" else found(r)
    )[1:]
    assert later == [["int8-dynamic-mixed-25"], ["int8-dynamic-mixed-50"]]


def timed(candidate: Judged, milliseconds: float) -> Judged:
    pair = LatencyPair(batch=1, source_ms=10.0, artifact_ms=milliseconds)
    return dataclasses.replace(candidate, latency=(pair,))


def test_no_more_layers_go_back_where_the_last_form_is_already_slower_than_what_is_right() -> None:
    def verdict(recipe: Recipe) -> Judged:
        if recipe.precision != "int8":
            return timed(found(recipe), 5.0)
        return timed(dataclasses.replace(lossy(recipe), doubted=True), milliseconds[recipe.name])

    milliseconds = {"int8-dynamic": 2.0, "fuse+int8-dynamic": 3.0, "int8-dynamic-mixed-25": 6.0}
    assert waves(facts(operators=TRANSFORMER), verdict)[1:] == [["int8-dynamic-mixed-25"]]
    milliseconds |= {"int8-dynamic-mixed-25": 4.0, "int8-dynamic-mixed-50": 4.5}
    assert waves(facts(operators=TRANSFORMER), verdict)[1:] == [
        ["int8-dynamic-mixed-25"],
        ["int8-dynamic-mixed-50"],
    ]


def test_dynamic_int8_stops_at_the_first_share_that_keeps_the_metric() -> None:
    def verdict(recipe: Recipe) -> Judged:
        good = recipe.precision != "int8" or "mixed" in recipe.name
        return found(recipe) if good else lossy(recipe)

    assert waves(facts(operators=TRANSFORMER), verdict)[1:] == [["int8-dynamic-mixed-25"]]


PRUNING = facts(techniques=("Prune",), training_entrypoint="train:run")


def pruned_up_to(limit: float) -> Callable[[Recipe], Judged]:
    """Models keep the metric up to this ratio."""

    def verdict(recipe: Recipe) -> Judged:
        ratio = float(recipe.steps[0].parameters.get("ratio", 0.0)) if recipe.steps else 0.0
        return found(recipe) if ratio <= limit else lossy(recipe)

    return verdict


@pytest.mark.parametrize(
    ("limit", "later"),
    [
        (0.58, ["prune-60", "prune-65", "prune-55"]),
        (0.9, ["prune-82", "prune-89"]),
        (0.2, ["prune-15", "prune-22"]),
        (0.0, ["prune-15", "prune-22", "prune-7"]),
        (1.0, ["prune-82", "prune-89"]),
    ],
)
def test_the_ratio_is_searched_between_what_keeps_the_metric_and_what_does_not(
    limit: float, later: list[str]
) -> None:
    searched = [name for wave in waves(PRUNING, pruned_up_to(limit))[1:] for name in wave]
    assert searched == later


def test_given_ratios_are_not_searched() -> None:
    fixed = dataclasses.replace(PRUNING, ratios=(0.301, 0.5))
    assert waves(fixed, pruned_up_to(0.4)) == [["export", "prune-30.1", "prune-50"]]


@given(st.floats(0, 1))
def test_the_search_for_a_ratio_makes_at_most_six_models_and_ends_near_the_limit(
    limit: float,
) -> None:
    tried = {
        name: float(name.removeprefix("prune-")) / 100
        for name in itertools.chain(*waves(PRUNING, pruned_up_to(limit)))
        if name.startswith("prune")
    }
    assert len(tried) <= 6
    best = max((ratio for ratio in tried.values() if ratio <= limit), default=0.0)
    assert min(limit, 0.95) - best < 0.16


def test_a_speed_that_is_not_reached_does_not_make_the_search_prune_less() -> None:
    def verdict(recipe: Recipe) -> Judged:
        return slow(recipe) if recipe.steps else found(recipe)

    assert waves(PRUNING, verdict)[1] == ["prune-82", "prune-89"]


def test_int8_comes_behind_the_largest_ratio_that_keeps_the_metric() -> None:
    both = dataclasses.replace(PRUNING, techniques=("Prune", "Quantize"), ratios=(0.3, 0.5, 0.7))
    assert waves(both, pruned_up_to(0.6))[1:] == [["prune-50+int8-static"]]


def test_what_stands_behind_pruning_waits_for_the_ratio_unless_it_is_late() -> None:
    both = dataclasses.replace(PRUNING, techniques=("Prune", "Quantize"))
    assert waves(both, pruned_up_to(1))[1:] == [
        ["prune-82", "prune-89"],
        ["prune-89+int8-static"],
    ]
    first = [found(recipe) for recipe in plan(both)]
    assert names(more(both, first, late=True)) == ["prune-70+int8-static"]


def test_less_pruning_with_int8_is_tried_where_more_of_it_loses_too_much() -> None:
    both = dataclasses.replace(
        PRUNING, techniques=("Prune", "Quantize"), ratios=(0.3, 0.5), max_drop=None
    )

    def verdict(recipe: Recipe) -> Judged:
        return lossy(recipe) if recipe.name == "prune-50+int8-static" else found(recipe)

    assert waves(both, verdict)[1:] == [["prune-50+int8-static"], ["prune-30+int8-static"]]


def test_a_candidate_that_could_not_be_made_does_not_ask_for_accuracy_control() -> None:
    def verdict(recipe: Recipe) -> Judged:
        if recipe.precision == "int8":
            return Judged(recipe=recipe, outcome="Failed", reason="it crashed")
        return found(recipe)

    assert waves(FACTS, verdict)[1:] == []


any_facts = st.builds(
    Facts,
    source_kind=st.sampled_from(SOURCE_KINDS),
    engines=st.lists(st.sampled_from(ENGINES), unique=True).map(tuple),
    techniques=st.lists(st.sampled_from(TECHNIQUES), unique=True).map(tuple),
    operators=st.sampled_from([CNN, TRANSFORMER, MLP, {}, {"Gather": 1}]),
    parameters=st.integers(0, 10**9),
    cpu_class=st.sampled_from([VNNI, "x86-64 avx2", "aarch64 bf16 fp16", "unknown", ""]),
    gpu=st.booleans(),
    calibration_rows=st.sampled_from([0, 50]),
    selection_rows=st.sampled_from([0, 50]),
    metric=st.sampled_from(["", *METRICS]),
    max_drop=st.none() | st.floats(0, 1),
    training_entrypoint=st.sampled_from(["", "train:run"]),
    ratios=st.lists(st.floats(0.01, 0.99), max_size=3).map(tuple),
)


@settings(max_examples=300)
@given(any_facts, st.data())
def test_whatever_happens_plans_end_repeat_nothing_and_stay_within_what_is_allowed(
    some_facts: Facts, data: st.DataObject
) -> None:
    """Outcomes of any kind for each candidate."""
    metric = MetricValue(
        name="m",
        value=0.0,
        source_value=0.0,
        drop=0.0,
        drop_low=0.0,
        drop_high=0.0,
        samples=1,
        confidence=0.9,
    )
    pair = LatencyPair(batch=1, source_ms=1.0, artifact_ms=1.0)

    def verdict(recipe: Recipe) -> Judged:
        return Judged(
            recipe=recipe,
            outcome=data.draw(st.sampled_from(OUTCOMES)),
            reason="",
            selection_value=data.draw(st.sampled_from([None, 0.5])),
            metric=data.draw(st.sampled_from([None, metric])),
            latency=data.draw(st.sampled_from([(), (pair,)])),
        )

    wave, judged = plan(some_facts), []
    assert wave[0].name == "export"
    for _ in range(40):
        if not wave:
            break
        for recipe in wave:
            _check_one(recipe, some_facts, {candidate.recipe.name for candidate in judged})
            judged.append(verdict(recipe))
        again = more(some_facts, judged)
        assert again == more(some_facts, judged)
        wave = again
    else:
        pytest.fail("it does not end")


def _check_one(recipe: Recipe, some_facts: Facts, before: set[str]) -> None:
    assert recipe.name not in before
    assert recipe.name == "export" or recipe.engine in some_facts.engines
    assert all(step.technique in REGISTRY for step in recipe.steps)
    assert why(recipe)
    if len(recipe.steps) > 1:
        assert Recipe(steps=recipe.steps[:-1]).name in before
    if any(step.calibrated for step in recipe.steps):
        assert some_facts.calibration_rows
    if any(step.technique == "prune" for step in recipe.steps):
        assert "Prune" in some_facts.techniques
    if recipe.precision == "int8":
        assert "Quantize" in some_facts.techniques
    if recipe.precision in {"bf16", "fp16"}:
        assert {"bf16": "BFloat16", "fp16": "Float16"}[recipe.precision] in some_facts.techniques
    assert recipe.exact == (recipe.precision == "fp32" and "prune" not in recipe.name)
