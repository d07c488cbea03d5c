"""The pure parts of the real runs: the load, what the HPA reads, what came of requests and pods."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path[:0] = [str(BENCHMARKS / "autoscaling"), str(BENCHMARKS / "common")]

import triton_http  # noqa: E402
from autoscaling_figures.real import (  # noqa: E402
    broken,
    findings,
    image,
    lives,
    manifests,
    picture,
    recorded,
    replaying,
    sizing,
    windows,
)
from autoscaling_figures.real.answers import Answer, Score, scored  # noqa: E402
from autoscaling_figures.real.inside import emulated, metrics, sending  # noqa: E402
from autoscaling_figures.real.lives import Life  # noqa: E402
from autoscaling_figures.real.recorded import Recorded, Side  # noqa: E402
from autoscaling_figures.real.setting import COPIED_GPU, GPU, HPA, OURS, SERVICES  # noqa: E402
from autoscaling_figures.real.sizing import Window  # noqa: E402
from autoscaling_figures.runs.running import Run  # noqa: E402
from autoscaling_figures.simulator.arrivals import Trace  # noqa: E402

from modelservice_harness.images import ImageNames  # noqa: E402

RUNTIME = Path(__file__).resolve().parents[2] / "runtime"
PROFILE = {
    "artifactDigest": "d", "variant": "fp32", "backend": "python", "maxBatchSize": 8,
    "instances": 1, "threads": 1, "queueDelayMicroseconds": 0, "queueTimeoutMicroseconds": 560000,
    "service": [{"batch": b, "milliseconds": 120.0 + 40.0 * b} for b in (1, 2, 4, 8)],
    "latencyAtCapacityMs": 900.0, "throughputRowsPerSecond": 18.18,
    "capacityRowsPerSecond": 13.0, "objectivePercentile": 99.0, "objectiveMs": 1000.0,
    "objectiveMet": True, "peakMemoryBytes": 1, "loadSeconds": 1.0, "hardware": "cpu",
    "memory": {"requestBytes": 1, "limitBytes": 1, "sharedMemoryBytes": 1},
}  # fmt: skip


def window(*rates: list[float], bin_seconds: float = 15.0) -> Window:
    pairs = dict(zip(SERVICES, rates, strict=True))
    return Window(of=dict.fromkeys(SERVICES, "made"), rates=pairs, bin_seconds=bin_seconds)


def test_a_window_is_the_busiest_part_of_three_series_and_the_same_each_time() -> None:
    minutes, timer = np.full(120, 30.0), np.full(120, 30.0)
    minutes[60:75] = 90.0
    timer[::10] = 300.0
    files = {
        "f": {
            "job": Trace(name="f job", counts=minutes, seconds=60.0),
            "timer": Trace(name="f timer", counts=timer, seconds=60.0),
        }
    }
    first, *others = windows.chosen(files)
    assert sizing.loads(sizing.dumps(windows.chosen(files))) == sizing.loads(
        sizing.dumps([first, *others])
    )
    assert len(others) == 2
    assert first.of["red"] == "f job"
    assert first.rates["red"] == [1.5] * 60
    assert first.of["green"] != first.of["blue"]
    assert {len(found) for one in [first, *others] for found in one.rates.values()} == {60}


@given(st.lists(st.floats(0.1, 10.0), min_size=4, max_size=40), st.floats(2.0, 50.0))
def test_it_is_made_as_large_as_so_many_replicas_carry(rates: list[float], each: float) -> None:
    found = sizing.sized(window(rates, rates[::-1], [1.0] * len(rates)), each, 4.0)
    means = [sum(one) / len(one) for one in found.rates.values()]
    assert means == pytest.approx([4 * each / 3] * 3)
    assert found.rates["red"][0] * rates[-1] == pytest.approx(found.rates["red"][-1] * rates[0])


def test_its_first_rates_lead_to_it() -> None:
    led = window([1.0, 2.0], [3.0, 4.0], [5.0, 6.0]).with_lead(20.0)
    assert led.rates["red"] == [1.0, 1.0, 1.0, 2.0]
    assert led.seconds == 60.0
    assert led.part(30.0).rates["blue"] == [5.0, 5.0]


def test_both_sides_are_sent_the_same_arrivals_at_the_rates_of_the_plan() -> None:
    rates = [20.0, 0.0, 60.0]
    found = sending.arrivals(rates, 100.0, "1-0")
    assert found == sending.arrivals(rates, 100.0, "1-0") != sending.arrivals(rates, 100.0, "2-0")
    counts = [sum(100 * n <= at < 100 * (n + 1) for at in found) for n in range(3)]
    assert counts[1] == 0
    assert counts[0] == pytest.approx(2000, rel=0.1)
    assert counts[2] == pytest.approx(6000, rel=0.1)
    services = [{"rates": rates}, {"rates": [1.0]}]
    plan = {"services": services, "binSeconds": 100.0, "seed": 1}
    assert [item for item in sending.schedule(plan) if item[1] == 0] == [(at, 0) for at in found]


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ("HTTP/1.1 200 OK\r\n\r\n{}", triton_http.ANSWERED),
        ('HTTP/1.1 503 No\r\n\r\n{"error":"Request timeout expired"}', triton_http.REFUSED),
        ("HTTP/1.1 500 No\r\n\r\nbroken", triton_http.FAILED),
        ("", triton_http.FAILED),
    ],
)
def test_an_answer_is_judged_by_its_status_and_words(words: str, outcome: int) -> None:
    assert triton_http.judged(words)[0] == outcome


PATH = f"/apis/{metrics.GROUP_VERSION}"


def test_the_metric_of_a_service_is_asked_for_by_its_selector() -> None:
    path = f"{PATH}/namespaces/bench/{metrics.METRIC}"
    assert metrics.asked_for(f"{path}?labelSelector=service%3Dred") == ("bench", "red")
    assert metrics.asked_for(path) is None
    assert metrics.asked_for(f"{PATH}/namespaces/bench/other?labelSelector=service%3Dred") is None
    assert metrics.answered(PATH, "http://nobody")[0] == 200
    assert metrics.answered("/apis", "http://nobody")[0] == 404


def test_offered_load_counts_what_succeeds_fails_and_waits() -> None:
    words = metrics.question("ns", "red")
    for name in ("request_success", "request_failure", "pending_request_count"):
        assert f'nv_inference_{name}{{namespace="ns",modelservice="red"}}[1m]' in words


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ({"data": {"result": [{"value": [1.0, "12.5"]}]}}, 12.5),
        ({"data": {"result": [{"value": [1.0, "-3"]}]}}, 0.0),
        ({"data": {"result": [{"value": [1.0, "NaN"]}]}}, None),
        ({"data": {"result": []}}, None),
        ([], None),
    ],
)
def test_what_prometheus_does_not_know_is_no_zero(answer: Any, value: float | None) -> None:
    assert metrics.value_of(answer) == value


def test_a_value_is_told_as_the_api_has_it() -> None:
    found = metrics.values("red", 12.3456, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    (item,) = found["items"]
    assert (item["value"], item["timestamp"]) == ("12346m", "2026-01-02T03:04:05Z")
    assert manifests.autoscaler("red", 9.1)["spec"]["metrics"][0]["external"]["target"] == {
        "type": "AverageValue", "averageValue": "9100m",
    }  # fmt: skip


def event(kind: str, **more: Any) -> str:
    metadata = {
        "uid": "u", "name": "p", "namespace": "ns", "labels": {"modelservice.dev/name": "red"},
        **({"deletionTimestamp": "x"} if more.get("leaving") else {}),
    }  # fmt: skip
    spec = {"nodeName": "node-1"} if more.get("placed") else {}
    ready = {"type": "Ready", "status": "True" if more.get("ready") else "False"}
    status = {"conditions": [ready], "phase": "Running"}
    item = {"kind": "Pod", "metadata": metadata, "spec": spec, "status": status}
    return json.dumps({"type": kind, "object": item})


def test_a_pod_holds_its_gpu_from_its_place_to_its_end() -> None:
    found: dict[str, Life] = {}
    for at, line in (
        (10.0, event("ADDED")),
        (12.0, event("MODIFIED", placed=True)),
        (40.0, event("MODIFIED", placed=True, ready=True)),
        (41.0, json.dumps({"type": "BOOKMARK", "object": {"kind": "Status"}})),
        (90.0, event("MODIFIED", placed=True, ready=True, leaving=True)),
        (110.0, event("DELETED", placed=True, leaving=True)),
    ):
        lives.followed(found, line, at)
    (life,) = found.values()
    assert life == Life(
        namespace="ns", service="red", pod="p", created=10.0, placed=12.0, ready=40.0,
        leaving=90.0, gone=110.0,
    )  # fmt: skip
    assert lives.held([life], 0.0, 200.0) == 98.0
    assert lives.held([life], 20.0, 30.0) == 10.0
    assert lives.held([life], 120.0, 130.0) == 0.0
    assert lives.counts([life], (11.0, 12.0, 109.0, 110.0)) == [0, 1, 1, 0]
    assert (lives.starts([life]), lives.drains([life])) == ([28.0], [20.0])
    assert lives.decoded(lives.encoded([life])) == (life,)


def answer(at: float, took: float = 100.0, outcome: int = 0, behind: float = 0.0) -> Answer:
    return Answer(service="red", at=at, behind_ms=behind, took_ms=took, outcome=outcome)


def test_late_refused_and_failed_are_violations_and_the_lead_does_not_count() -> None:
    found = [
        answer(5.0, outcome=triton_http.FAILED), answer(10.0), answer(11.0, took=1500.0),
        answer(12.0, outcome=triton_http.REFUSED, behind=30.0),
        answer(13.0, outcome=triton_http.FAILED), answer(20.0, outcome=triton_http.FAILED),
    ]  # fmt: skip
    score = scored(found, 10.0, 20.0, 1000.0)
    assert score == Score(requests=4, refused=1, failed=1, late=1, behind=1)
    assert (score.violations, score.missed) == (3, 0.75)


def deployment() -> dict[str, Any]:
    owned = {
        "modelservice.dev/name": "red", "app.kubernetes.io/managed-by": "modelservice-operator",
    }  # fmt: skip
    resources = {"requests": {"cpu": "100m"}, "limits": {"cpu": "1", GPU: "1"}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "red", "namespace": "bench-ours", "uid": "u", "labels": owned,
            "annotations": {"a": "b"}, "ownerReferences": [{"kind": "ModelService"}],
        },
        "spec": {
            "replicas": 4,
            "selector": {"matchLabels": {"modelservice.dev/name": "red"}},
            "template": {
                "metadata": {"labels": owned, "annotations": {"a": "b"}},
                "spec": {"containers": [{"name": "triton", "resources": resources}]},
            },
        },
        "status": {"replicas": 4},
    }  # fmt: skip


def test_a_copy_belongs_to_nobody_and_holds_the_other_resource() -> None:
    made = manifests.copied(deployment())
    text = json.dumps(made)
    for gone in ("ownerReferences", "managed-by", "status", "uid", "bench-ours", GPU):
        assert gone not in text
    assert made["metadata"]["namespace"] == "bench-hpa"
    assert made["spec"]["replicas"] == 1
    (container,) = made["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {"cpu": "1", COPIED_GPU: "1"}
    service = {
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "red", "namespace": "bench-ours"},
        "spec": {"type": "ClusterIP", "clusterIP": "10.96.0.9", "selector": {}, "ports": []},
    }  # fmt: skip
    assert manifests.copied(service)["spec"] == {"type": "ClusterIP", "selector": {}, "ports": []}


def test_the_emulated_image_is_the_projects_with_a_device_that_waits(tmp_path: Path) -> None:
    project = tmp_path / "project"
    serve = project / "site" / "modelservice_runtime" / "serve"
    (serve / "runner").mkdir(parents=True)
    for name in ("layout.py", "runner/engines.py"):
        source = RUNTIME / "modelservice_runtime" / "serve" / name
        (serve / name).write_text(source.read_text())
    folder = image.lay_out(project, tmp_path / "emulated")
    made = folder / "site" / "modelservice_runtime" / "serve"
    assert "load = emulated(load)" in (made / "runner" / "engines.py").read_text()
    assert (made / "runner" / "emulated.py").is_file()
    layout: dict[str, Any] = {"__file__": str(made / "layout.py"), "__name__": "layout"}
    exec(compile((made / "layout.py").read_text(), "layout.py", "exec"), layout)  # noqa: S102 - our own text
    layout["write_config"](tmp_path, "kind: KIND_GPU")
    assert (tmp_path / "config.pbtxt").read_text() == "kind: KIND_CPU"
    names = ImageNames(version="1")
    plain = {
        "path": [f"{project}/bin", "/env/bin"], "binds": ["/env", str(project)], "user": 1,
        "env": {"PYTHONPATH": f"{project}/site"},
    }  # fmt: skip
    document = {"images": {names.name("modelservice-serving"): plain}}
    found = image.with_emulated(
        document, names, project, folder, base_ms=120.0, row_ms=40.0, load_seconds=20.0
    )["images"]
    assert found[names.name("modelservice-serving")] == plain
    serving, tuner = (found[names.name(name)] for name in (image.SERVING, image.TUNER))
    assert serving["path"] == [f"{folder}/bin", "/env/bin"]
    assert serving["binds"] == ["/env", str(folder)]
    assert serving["env"] == {
        "PYTHONPATH": f"{folder}/site", emulated.BASE_MS: "120", emulated.ROW_MS: "40",
        emulated.LOAD_SECONDS: "20",
    }  # fmt: skip
    assert tuner["env"][emulated.LOAD_SECONDS] == "0"


def test_the_device_takes_its_time_for_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setenv(emulated.BASE_MS, "120")
    monkeypatch.setenv(emulated.ROW_MS, "40")
    monkeypatch.setenv(emulated.LOAD_SECONDS, "20")
    monkeypatch.setattr(emulated.time, "sleep", slept.append)

    class Engine:
        def run(self, arrays: dict[str, Any]) -> dict[str, Any]:
            return {"y": arrays["x"]}

    device = emulated.emulated(lambda _: Engine())(None)
    assert device.run({"x": [1, 2, 3]}) == {"y": [1, 2, 3]}
    assert slept[0] == 20.0
    assert slept[1] == pytest.approx(0.24, abs=0.05)


def life(placed: float, **more: Any) -> Life:
    return Life(namespace="n", service="red", pod="p", created=placed, placed=placed, **more)


def made(answers: list[Answer], pods: list[Life], **more: Any) -> Recorded:
    side = Side(answers=tuple(answers), lives=tuple(pods))
    return Recorded(
        begin=1000.0, lead=60.0, window=window([2.0] * 16, [2.0] * 16, [2.0] * 16),
        profiles=dict.fromkeys(SERVICES, PROFILE), sides={OURS: side, HPA: side}, **more,
    )  # fmt: skip


def test_a_recorded_window_can_be_replayed_on_both_sides() -> None:
    answers = [
        Answer(service=name, at=at / 2.0, behind_ms=0.0, took_ms=200.0, outcome=0)
        for name in SERVICES
        for at in range(480)
    ]
    found = made(answers, [life(900.0)])
    times = replaying.Times(starts=[28.0, 29.0, 30.0], drains=[20.0])
    for side in (OURS, HPA):
        runs = replaying.replayed(found, side, times, seed=1)
        assert {name: float(run.offered.sum()) for name, run in runs.items()} == dict.fromkeys(
            SERVICES, 480.0
        )
        assert sum(run.violations.sum() for run in runs.values()) == 0
        assert sum(run.cost for run in runs.values()) == pytest.approx(720.0, rel=0.2)


def test_the_model_of_a_replay_has_the_measured_times() -> None:
    profile = replaying.decode(replaying.Profile, PROFILE)
    model = replaying.model_of(profile, replaying.Times(starts=[20.0, 30.0, 40.0], drains=[18.0]))
    assert (model.base, model.each) == (pytest.approx(0.12), pytest.approx(0.04))
    assert (model.start, model.batch, model.goal, model.drain) == (30.0, 8, 1.0, 18.0)
    assert model.timeout == pytest.approx(0.56)


def seen(violations: int, seconds: float, *, failed: int = 0, missed: float = 0.0) -> findings.Seen:
    score = Score(requests=1000, refused=violations - failed, failed=failed, late=0, behind=0)
    replays = [findings.Replay(missed=missed, seconds=1.02 * seconds)]
    return findings.Seen(score=score, seconds=seconds, starts=3, worst=0.0, replays=replays)


def test_windows_are_added_up_before_the_two_are_compared() -> None:
    pairs = [
        findings.Pair(name="1", sides={OURS: seen(5, 100.0), HPA: seen(10, 120.0)}),
        findings.Pair(name="2", sides={OURS: seen(0, 300.0, missed=0.004), HPA: seen(0, 280.0)}),
    ]
    found = findings.figures(pairs)
    values = {item.id: item.value for item in found.targets}
    assert values["R.violations"] == 0.5
    assert values["R.seconds"] == 1.0
    assert values["R.failed"] == 0
    assert values["V.seconds"] == pytest.approx(0.02)
    assert values["V.violations"] == pytest.approx(0.5), "HPA: 0.5 % real, none simulated"
    assert {item.group for item in found.rows} == {"R", "V"}


def test_a_fault_tells_what_was_given_up_and_what_jumped() -> None:
    names = [fault.name for fault in broken.FAULTS]
    marks = [broken.mark_of(name, 100.0 * n, 100.0 * n + 80.0) for n, name in enumerate(names, 1)]
    pods = [
        life(900.0),
        life(900.0, leaving=1120.0, gone=1140.0),  # while the first holds
        life(1490.0),  # right after the fourth
        life(900.0, leaving=1560.0, gone=1580.0),  # after the quota was cut
    ]
    # While the third holds; when the node stopped, soon after the quota was restored.
    failures = [answer(at, outcome=triton_http.FAILED) for at in (320.0, 610.0)]
    found = broken.figures(made(failures, pods, marks=tuple(marks)))
    assert {item.id: item.value for item in found.targets} == {
        "R.faults.blind": 1, "R.faults.jump": 1, "R.faults.failed": 1,
    }  # fmt: skip
    assert [item.of for item in found.rows if item.what == "failed"] == names


def test_the_load_of_the_faults_falls_before_the_first() -> None:
    found = broken.load(10.0, 1.0)
    at = int(broken.FAULTS[0].begin / found.bin_seconds)
    assert found.rates["red"][0] == 16.0
    assert found.rates["red"][at] == found.rates["red"][-1] == 4.0
    assert found.seconds >= broken.FAULTS[-1].end + broken.AFTER


def test_what_a_window_left_is_read_as_it_was_written() -> None:
    text = recorded.dumps(
        {"begin": 1.0, "lead": 2.0, "window": {"of": {}, "rates": {"red": [1.0]},
         "bin_seconds": 15.0}, "profiles": {}},
        {OURS: {"answers": [[0, 1.5, 0.1, 200.0, 0]], "failures": {}}},
        {OURS: (life(3.0),)},
    )  # fmt: skip
    found = recorded.loads(text)
    assert found.sides[OURS].answers == (
        Answer(service="red", at=1.5, behind_ms=0.1, took_ms=200.0, outcome=0),
    )
    assert found.sides[OURS].lives == (life(3.0),)
    assert found.seconds == 15.0


def test_the_page_has_a_picture_of_each_service_and_of_all() -> None:
    run = Run(offered=np.full(4, 100.0), violations=np.ones(4), seconds=np.full(4, 120.0))
    runs = {"ours": run, "HPA 70 %": run}
    groups = {"all three": runs, "red": runs}
    text = picture.page([("made", window([1.0] * 16, [2.0] * 16, [3.0] * 16), groups)])
    assert text.count("<svg") == 2
    assert "Window 1, red" in text


def test_what_the_sender_needs_is_beside_it(tmp_path: Path) -> None:
    config, _ = manifests.sender("bench-ours", "client")
    for name, text in config["data"].items():
        (tmp_path / name).write_text(text)
    words = f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; import sending"
    subprocess.run([sys.executable, "-I", "-c", words], check=True)
