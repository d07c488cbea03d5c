"""Whole builds that search: what is chosen, what is refused, what is never made twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.requests import (
    ACCURACY,
    FUSE,
    MAX_DEGRADATION,
    PRUNE,
    QUANTIZE,
    THRESHOLD,
    EvaluationRequest,
    Goal,
    OptimizationRequest,
    PruningRequest,
)

if TYPE_CHECKING:
    from conftest import Bench, Outcome

BUILDER = [sys.executable, "-m", "modelservice_runtime.builder"]

#: Three clouds of points, told apart by a net that knows their centres.
CLASSIFIER = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.first = torch.nn.Linear(16, 256)
        self.second = torch.nn.Linear(256, 256)
        self.last = torch.nn.Linear(256, 3)

    def forward(self, x):
        hidden = torch.relu(self.second(torch.relu(self.first(x))))
        return self.last(hidden)

def rows(seed, count):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (count,), generator=generator)
    centres = torch.eye(3).repeat_interleave(5, 1)
    centres = torch.nn.functional.pad(centres, (0, 1))
    return centres[labels] * 2 + torch.randn(count, 16, generator=generator), labels

def fit(net, teacher=None, distillation_loss=None, steps=60):
    torch.manual_seed(1)
    x, y = rows(11, 2000)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    net.train()
    for _ in range(steps):
        optimizer.zero_grad()
        out = net(x)
        loss = torch.nn.functional.cross_entropy(out, y)
        if teacher is not None:
            with torch.no_grad():
                wanted = teacher(x)
            loss = loss + distillation_loss(out, wanted)
        loss.backward()
        optimizer.step()
    return net.eval()

def load():
    torch.set_grad_enabled(True)
    net = fit(Net())
    return net, {"x": rows(12, 4)[0]}, {"output_names": ["scores"]}

def train(student, teacher, *, distillation_loss, seconds, seed):
    fit(student, teacher, distillation_loss)
"""


def classifier(bench: Bench, rows: int = 900, seed: int = 5) -> Bench:
    """A source that tells three clouds apart, and labelled rows to judge it by."""
    bench.write("model.py", CLASSIFIER)
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, rows)
    centres = np.pad(np.repeat(np.eye(3), 5, axis=1), ((0, 0), (0, 1)))
    points = centres[labels] * 2 + generator.standard_normal((rows, 16))
    folder = bench.root / "data"
    folder.mkdir(exist_ok=True)
    np.savez(folder / "rows.npz", **{"input/x": points.astype(np.float32), "label": labels})
    bench.max_batch_size = 8
    bench.optimization = OptimizationRequest(techniques=(FUSE, QUANTIZE))
    bench.evaluation = EvaluationRequest(
        data_uri=f"file://{folder}/rows.npz",
        metric=ACCURACY,
        goals=(Goal(kind=MAX_DEGRADATION, value=0.03),),
    )
    return bench


def candidates(bench: Bench, attempt: int = 1) -> dict[str, dict[str, Any]]:
    """The candidates of the published report, by name."""
    folder = bench.manifest_path(attempt).parent / bench.manifest(attempt).folder
    report = json.loads((folder / "report.json").read_text())
    return {
        "+".join(step["label"] for step in one["recipe"]["steps"]) or "export": one
        for one in report["candidates"]
    }


def ok(outcome: Outcome) -> Outcome:
    assert outcome.code == exit_codes.OK, outcome.log
    return outcome


def rebuild(bench: Bench, attempt: int, **changes: Any) -> Outcome:
    """Another build of the same source with another evaluation."""
    bench.evaluation = replace(bench.evaluation, **changes)
    return ok(bench.build(attempt=attempt))


@pytest.mark.timeout(240)
def test_a_quantized_artifact_is_judged_published_and_never_made_twice(bench: Bench) -> None:
    result = ok(classifier(bench).build()).result
    manifest, found = bench.manifest(), candidates(bench)
    assert result.artifact.metric_name == ACCURACY
    assert result.artifact.goal_met
    assert {"export", "slim"} <= set(found)
    quantized = [one for name, one in found.items() if "int8" in name]
    assert quantized
    assert all(one["outcome"] in {"Chosen", "Finalist", "Passed", "Rejected"} for one in quantized)
    assert all(one["reason"] for one in found.values())
    assert [v.name for v in manifest.variants] == [v.name for v in result.artifact.variants]
    for variant in manifest.variants:
        folder = bench.manifest_path().parent / manifest.folder / variant.folder
        assert (folder / variant.model_file).is_file()
        assert (folder / "outputs.safetensors").is_file()
    assert sum(one["outcome"] == "Chosen" for one in found.values()) == 1

    # Another goal: judged again, nothing made again.
    rebuild(bench, 2, goals=(Goal(kind=THRESHOLD, value=0.9999),))
    again = candidates(bench, 2)
    assert all(again[name]["cached"] for name, one in found.items() if one["outcome"] != "Failed")
    assert again["export"]["outcome"] == "Chosen", "nobody has 0.9999: the source model is kept"
    assert not bench.manifest(2).goal_met


@pytest.mark.timeout(120)
def test_too_few_samples_keep_the_source_model_and_say_how_many_are_needed(bench: Bench) -> None:
    result = ok(classifier(bench, rows=25).build()).result
    assert result.artifact.goal_met, "the source model loses nothing against itself"
    assert "samples" in result.artifact.goal
    assert "needed" in result.artifact.goal
    assert all("int8" not in variant.name for variant in result.artifact.variants)


@pytest.mark.timeout(240)
def test_a_build_that_was_killed_goes_on_where_it_was(
    bench: Bench, eventually: Callable[[Callable[[], bool], float], None]
) -> None:
    classifier(bench)
    process = subprocess.Popen(
        bench.command(),
        env=bench.variables(bench.request()),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def made() -> set[Path]:
        return set(bench.store_folder.glob("team/tiny/candidates/*/made.json"))

    try:
        eventually(lambda: len(made()) >= 3, 100)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    before = made()
    ok(bench.build())
    found = candidates(bench)
    assert sum(one["cached"] for one in found.values()) >= len(before)


@pytest.mark.timeout(240)
def test_a_pod_that_dies_while_it_helps_loses_nothing(
    bench: Bench, eventually: Callable[[Callable[[], bool], float], None]
) -> None:
    classifier(bench)
    bench.optimization = replace(bench.optimization, parallelism=2)
    variables = bench.variables(bench.request())
    (bench.root / "helper").mkdir()
    helper = subprocess.Popen(
        [*BUILDER, "--scratch", str(bench.root / "helper"), "--result-file", "/dev/null"],
        env={**variables, "JOB_COMPLETION_INDEX": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def claimed() -> list[str]:
        claims = bench.store_folder.glob("team/tiny/candidates/*/claim")
        return [text for path in claims if '"index": 1' in (text := path.read_text())]

    try:
        eventually(lambda: bool(claimed()), 100)
    finally:
        helper.send_signal(signal.SIGKILL)
        helper.wait(10)
    bench.environment = {"JOB_COMPLETION_INDEX": "0"}
    ok(bench.build())
    found = candidates(bench)
    assert len(found) >= 3
    bad = {n: o["reason"] for n, o in found.items() if o["outcome"] in {"Failed", "Skipped"}}
    assert set(bad) <= {"slim"}, "onnxslim finds nothing to do in so small a net"


@pytest.mark.timeout(240)
def test_a_pod_that_helps_leaves_its_candidates_and_publishes_nothing(bench: Bench) -> None:
    classifier(bench)
    bench.optimization = replace(bench.optimization, parallelism=2)
    bench.environment = {"JOB_COMPLETION_INDEX": "1"}
    done = subprocess.run(
        bench.command(),
        env=bench.variables(bench.request()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == exit_codes.OK, done.stderr
    assert bench.stored_files() == []
    assert not bench.result_file.exists()
    made = list(bench.store_folder.glob("team/tiny/candidates/*/made.json"))
    assert len(made) >= 3
    bench.environment = {"JOB_COMPLETION_INDEX": "0"}
    ok(bench.build())
    anew = {name for name, one in candidates(bench).items() if not one["cached"]}
    assert anew <= {"slim"}, "onnxslim finds nothing to do in so small a net"


#: Ratio → what the training does with a model that was pruned so far, and the words for it.
BAD_TRAININGS = {
    0.2: ("raise ValueError('no data today')", "no data today"),
    0.3: ("os._exit(3)", "exit code 3"),
    0.4: ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
    0.5: ("[bytearray(1 << 26) for _ in range(1000)]", "memory"),
    0.6: ("time.sleep(600)", "its share of the build's time"),
    0.7: ("next(student.parameters()).data.fill_(float('nan'))", "NaN"),
}


@pytest.mark.timeout(240)
def test_bad_candidates_of_every_kind_never_take_the_build_down(bench: Bench) -> None:
    classifier(bench, rows=60)
    cases = "".join(
        f"    if abs(ratio - {ratio}) < 0.05:\n        {body}\n"
        for ratio, (body, _) in BAD_TRAININGS.items()
    )
    bench.write(
        "training.py",
        "import os, signal, time\n"
        "def train(student, teacher, *, distillation_loss, seconds, seed):\n"
        "    count = lambda model: sum(each.numel() for each in model.parameters())\n"
        "    ratio = 1 - count(student) / count(teacher)\n" + cases,
    )
    bench.optimization = OptimizationRequest(
        techniques=(PRUNE,),
        pruning=PruningRequest(training_entrypoint="training:train", ratios=tuple(BAD_TRAININGS)),
    )
    bench.options = ["--memory-limit", str(3 << 30)]
    bench.duration_seconds = 90
    result = ok(bench.build()).result
    assert result.artifact.variants[0].name == "export"
    found = candidates(bench)
    for ratio, (_, words) in BAD_TRAININGS.items():
        (pruned,) = [
            one
            for one in found.values()
            if [step["parameters"].get("ratio") for step in one["recipe"]["steps"]] == [ratio]
        ]
        assert pruned["outcome"] in {"Failed", "Rejected", "Skipped"}
        assert words in pruned["reason"]


@pytest.mark.timeout(240)
def test_a_disk_that_is_full_in_the_middle_costs_that_candidate_alone(
    bench: Bench, in_namespace: Callable[[str], tuple[str, ...]]
) -> None:
    """The training fills a real file system; the one after it finds room again."""
    classifier(bench, rows=60)
    bench.write(
        "training.py",
        "import tempfile\n"
        "def train(student, teacher, *, distillation_loss, seconds, seed):\n"
        "    count = lambda model: sum(each.numel() for each in model.parameters())\n"
        "    if count(student) > 0.7 * count(teacher):\n"
        "        with tempfile.NamedTemporaryFile(delete=False) as checkpoint:\n"
        "            checkpoint.write(bytes(1 << 28))\n",
    )
    bench.optimization = OptimizationRequest(
        techniques=(PRUNE,),
        pruning=PruningRequest(training_entrypoint="training:train", ratios=(0.2, 0.5)),
        parallelism=1,
    )
    scratch = bench.root / "scratch"
    scratch.mkdir()
    ok(bench.build(prefix=in_namespace(f"mount -t tmpfs -o size=128m none {scratch}")))
    by_ratio = {
        one["recipe"]["steps"][-1]["parameters"].get("ratio"): one
        for one in candidates(bench).values()
        if one["recipe"]["steps"]
    }
    assert by_ratio[0.2]["outcome"] == "Failed"
    assert "scratch folder is full" in by_ratio[0.2]["reason"]
    assert "scratch" not in by_ratio[0.5]["reason"]


@pytest.mark.timeout(240)
def test_a_pruned_artifact_is_trained_judged_and_told_in_the_subjects_terms(bench: Bench) -> None:
    classifier(bench)
    bench.optimization = OptimizationRequest(
        techniques=(FUSE, PRUNE),
        pruning=PruningRequest(training_entrypoint="model:train", ratios=(0.5,)),
    )
    ok(bench.build())
    pruned = next(one for name, one in candidates(bench).items() if "prune" in name)
    figures = pruned["figures"]
    assert figures["parameters"] < 0.65 * figures["parameters_before"]
    assert pruned["outcome"] in {"Chosen", "Finalist", "Passed"}, pruned["reason"]


@pytest.mark.timeout(120)
def test_an_evaluation_that_does_not_fit_is_refused_by_its_field(bench: Bench) -> None:
    classifier(bench, rows=60)
    bench.evaluation = replace(bench.evaluation, output="nothing")
    outcome = bench.build()
    assert outcome.code == exit_codes.USER_ERROR, outcome.log
    assert outcome.result.reason == "EvaluationDataInvalid"
    assert "spec.evaluation.output" in outcome.result.message
