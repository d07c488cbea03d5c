"""T3 to T7: clients' tales, the simulation, the memory plan, capacity, limits on waiting."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path[:0] = [
    str(BENCHMARKS / "tuner"),
    str(BENCHMARKS / "optimizer"),
    str(BENCHMARKS / "common"),
]

import triton_http  # noqa: E402
from bench_figures.document import Document  # noqa: E402
from bench_figures.rows import Figures  # noqa: E402
from tuner_figures.capacity import findings as capacity  # noqa: E402
from tuner_figures.capacity import manifests  # noqa: E402
from tuner_figures.capacity import section as capacity_section  # noqa: E402
from tuner_figures.capacity.findings import Tried  # noqa: E402
from tuner_figures.fidelity import findings as fidelity  # noqa: E402
from tuner_figures.fidelity import section as fidelity_section  # noqa: E402
from tuner_figures.fidelity.findings import CALIBRATED, ITSELF, RAW, Compared, Seen  # noqa: E402
from tuner_figures.ground import answers  # noqa: E402
from tuner_figures.ground.answers import Answer, Answers  # noqa: E402
from tuner_figures.ground.inside import asking  # noqa: E402
from tuner_figures.limits import findings as limits  # noqa: E402
from tuner_figures.limits import section as limits_section  # noqa: E402
from tuner_figures.limits.findings import Loaded  # noqa: E402
from tuner_figures.loads.windows import MOST_SECONDS, seconds_for  # noqa: E402
from tuner_figures.memory import family  # noqa: E402
from tuner_figures.memory import findings as memory  # noqa: E402
from tuner_figures.memory import section as memory_section  # noqa: E402
from tuner_figures.operated import findings as operated  # noqa: E402
from tuner_figures.operated import manifests as operated_manifests  # noqa: E402
from tuner_figures.operated import section as operated_section  # noqa: E402
from tuner_figures.operated.findings import TUNING, Change  # noqa: E402
from tuner_figures.retune import findings as retune  # noqa: E402
from tuner_figures.retune import section as retune_section  # noqa: E402
from tuner_figures.retune.findings import CONTROL, IN_PLACE, RESTART, UNLOAD, Met  # noqa: E402
from tuner_figures.serving.settings import Setting  # noqa: E402


def targets(figures: Figures) -> dict[str, float]:
    return {item.id: item.value for item in figures.targets}


def met(**more: float) -> Met:
    summary = {"answered": 100, "refused": 0, "failed": 0, "p99_ms": 9.0, "worst_ms": 43.0, **more}
    return Met.of(5, summary)


def test_every_way_to_change_a_tuning_has_its_line() -> None:
    runs = {
        CONTROL: [met()],
        IN_PLACE: [met()],
        UNLOAD: [met(failed=268)],
        RESTART: [met(failed=9)],
    }
    found = retune.figures("add", runs)
    assert targets(found) == {"T3.add.failed": 0.0, "T3.add.refused": 0.0}
    lines = retune_section.lines(Document(rows=found.rows))
    assert any(line.startswith("| unload, then load | 5 | 368 | 268 |") for line in lines)
    assert retune_section.lines(Document()) == []


def test_refusals_are_counted_against_the_control_run() -> None:
    refusing, calm = met(answered=90, refused=10), met(answered=95, refused=5)
    runs = {CONTROL: [calm], IN_PLACE: [refusing], UNLOAD: [calm], RESTART: [calm]}
    assert targets(retune.figures("add", runs))["T3.add.refused"] == pytest.approx(0.05)
    fewer = {**runs, IN_PLACE: [met()]}
    assert targets(retune.figures("add", fewer))["T3.add.refused"] == 0.0


def test_one_failed_request_is_a_miss() -> None:
    runs = {way: [met(), met(failed=way == IN_PLACE)] for way in retune.WAYS}
    found = retune.figures("add", runs)
    assert not found.targets[0].holds()


def answered(at: float, took_ms: float = 5.0, outcome: int = 0) -> Answer:
    return Answer(sent=at, took_ms=took_ms, outcome=outcome)


def test_every_request_that_the_pod_sent_counts() -> None:
    text = 'noise\n{"answers": [[10.0, 5.0, 0, 0.1], [11.0, 150.0, 0, 9.0], [12.0, 1.0, 1, 0.0],'
    found = answers.parsed(f'{text} [13.0, 2.0, 2, 0.0]], "failures": {{"refused": 1}}}}\n')
    assert (len(found.all), found.refused, found.failed) == (4, 1, 1)
    assert found.late(100.0) == 3, "later, refused, failed"
    assert found.behind() == 0.25
    assert found.percentile_ms(50) == 5.0
    assert [item.sent for item in found.after(1.5).all] == [12.0, 13.0]
    assert [item.sent for item in found.between(11.0, 12.0).all] == [11.0]
    nothing = Answers(all=(), failures={})
    assert (nothing.late(1.0), nothing.behind(), nothing.percentile_ms(99)) == (0, 0.0, 0.0)
    assert nothing.after(5.0) == nothing


@pytest.mark.parametrize("text", ["", "nonsense", "{}", '{"answers": [[1]], "failures": {}}', "3"])
def test_what_the_pod_does_not_say_is_refused(text: str) -> None:
    with pytest.raises(answers.UnreadableError, match="no answers"):
        answers.parsed(text)


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ("HTTP/1.1 200 OK\r\n\r\n{}", triton_http.ANSWERED),
        ('HTTP/1.1 503 x\r\n\r\n{"error": "Request timeout expired"}', triton_http.REFUSED),
        ('HTTP/1.1 503 x\r\n\r\n{"error": "Exceeds maximum queue size"}', triton_http.REFUSED),
        ('HTTP/1.1 400 x\r\n\r\n{"error": "unknown model"}', triton_http.FAILED),
        ("", triton_http.FAILED),
    ],
)
def test_only_the_queue_refuses(words: str, outcome: int) -> None:
    assert triton_http.judged(words)[0] == outcome
    assert bool(triton_http.judged(words)[1]) == (outcome == triton_http.FAILED)


def test_who_asks_opens_a_connection_for_each_request() -> None:
    connections: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        connections.append(head + await reader.readexactly(2))
        words = "200 OK" if len(connections) > 1 else "503 Unavailable"
        writer.write(f"HTTP/1.1 {words}\r\n\r\nRequest timeout expired".encode())
        writer.close()

    async def asked() -> asking.Tally:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            target = triton_http.Target.of(f"127.0.0.1:{port}", "tiny", b"{}")
            return await asking.ask(target, rate=200.0, seconds=0.2)

    found = answers.parsed(asyncio.run(asked()).line())
    assert len(found.all) == len(connections)
    assert (found.refused, found.failed) == (1, 0)
    head = connections[0].decode()
    assert head.startswith("POST /v2/models/tiny/infer HTTP/1.1\r\n")
    assert head.endswith("Content-Length: 2\r\n\r\n{}")


def test_where_nobody_answers_every_request_failed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    target = triton_http.Target.of(f"127.0.0.1:{port}", "tiny", b"{}")
    tally = asyncio.run(asking.ask(target, rate=200.0, seconds=0.1))
    assert tally.answers
    assert {outcome for _, _, outcome, _ in tally.answers} == {triton_http.FAILED}
    assert sum(tally.failures.values()) == len(tally.answers)


def test_the_operators_change_has_a_line_for_each_thing_that_went_on() -> None:
    change = Change(began=0.0, changed=10.0, tuned=20.0, served=30.0)
    cached = Change(began=30.0, changed=40.0, tuned=40.0, served=50.0)
    sent = [answered(float(at), 70.0 if at == 25 else 5.0) for at in range(50)]
    runs = operated.met([change, cached], Answers(all=tuple(sent), failures={}))
    assert [run.requests for run in runs[CONTROL]] == [10, 10]
    assert [run.requests for run in runs[TUNING]] == [10], "its tuning was known before"
    assert [run.worst_ms for run in runs[IN_PLACE]] == [70.0, 5.0]
    found = operated.figures(runs)
    assert targets(found) == {"T3.operator.failed": 0.0, "T3.operator.refused": 0.0}
    document = Document(rows=found.rows)
    assert any(
        line.startswith("| load in place | 1 |") for line in operated_section.lines(document)
    )
    assert retune_section.lines(document) == [], "it has a part of its own"
    assert operated_section.lines(Document()) == []


def test_one_request_that_fails_while_the_operator_changes_it_is_a_miss() -> None:
    change = Change(began=0.0, changed=10.0, tuned=20.0, served=30.0)
    sent = [answered(5.0), answered(15.0), answered(25.0), answered(26.0, outcome=2)]
    found = operated.figures(operated.met([change], Answers(all=tuple(sent), failures={})))
    assert targets(found)["T3.operator.failed"] == 1.0
    assert not found.targets[0].holds()


def test_no_change_of_the_goal_needs_other_pods() -> None:
    spec = operated_manifests.service("pvc://x")["spec"]
    assert spec["scaling"]["minReplicas"] == spec["scaling"]["maxReplicas"]
    patch = operated_manifests.with_goal(300)["spec"]["serving"]
    assert patch == {"latencyObjective": {"milliseconds": 300}}
    assert operated_manifests.CHANGED_MS[0] != operated_manifests.FIRST_MS


def compared(rows: float, simulated: float, share: float = 0.0, *, batch: int = 1) -> Compared:
    measured = Seen(rows_per_second=rows, p50_ms=10.0, p99_ms=20.0)
    says = Seen(rows_per_second=simulated, p50_ms=11.0, p99_ms=16.0)
    return Compared(
        setting=Setting(batch=batch, instances=1, threads=1),
        share=share,
        measured=measured,
        found={CALIBRATED: says, RAW: says, ITSELF: measured},
        requests=2100,
    )


def test_the_simulation_is_scored_beside_what_was_measured() -> None:
    found = fidelity.figures(
        "add",
        [
            compared(100, 104, batch=1),
            compared(200, 196, batch=2),
            compared(300, 330, batch=4),
            compared(50, 99, share=0.5, batch=4),
        ],
    )
    values = targets(found)
    assert values["T4.add.rows"] == pytest.approx(0.04), "the closed loops alone"
    assert values["T4.add.p50"] == pytest.approx(0.1)
    assert values["T4.add.p99"] == pytest.approx(0.2)
    assert values["T4.add.rank"] == 1.0
    assert values["T4.add.regret"] == 0.0
    lines = fidelity_section.lines(Document(rows=found.rows))
    assert any(line.startswith("| measured again | 0 % |") for line in lines)
    assert fidelity_section.lines(Document()) == []


def test_regret_is_what_the_first_choice_loses() -> None:
    items = [compared(100, 150, batch=1), compared(125, 120, batch=2)]
    assert fidelity.regret(items, CALIBRATED) == pytest.approx(0.2)
    assert fidelity.regret(items, ITSELF) == 0.0
    assert fidelity.rank(items, CALIBRATED) == pytest.approx(-1.0)


def test_ranks_share_what_is_equal() -> None:
    assert fidelity.spearman([1, 2, 3, 4], [10, 20, 30, 40]) == pytest.approx(1.0)
    assert fidelity.spearman([1, 2, 2, 4], [1, 3, 2, 4]) == pytest.approx(0.9487, abs=1e-4)
    assert fidelity.spearman([1, 1], [1, 2]) == 0.0


@pytest.mark.parametrize("batch", [16, 8])
def test_thirty_configurations_of_three_models_are_compared(batch: int) -> None:
    scored, fitted = fidelity.configurations(batch), fidelity.calibrating(batch)
    assert len(set(scored)) == 10
    assert not set(scored) & set(fitted), "nothing is scored that something was calibrated on"
    ways = {(1, 1), (2, 1), (1, 2)}
    assert {(s.instances, s.threads) for s, share in fitted if share} == ways
    assert {(s.instances, s.threads) for s, share in fitted if not share} == ways
    every = {*scored, *fitted}
    closed = {setting for setting, share in every if not share}
    assert {setting for setting, share in every if share} <= closed, "a share of what?"


def test_a_window_is_long_enough_to_tell_a_hundredth() -> None:
    assert seconds_for(1000.0, 4.0) == 4.0
    assert seconds_for(100.0, 4.0) == pytest.approx(21.0)
    assert seconds_for(1.0, 4.0) == MOST_SECONDS
    assert seconds_for(0.0, 4.0) == MOST_SECONDS


def test_a_plan_may_not_be_too_small_nor_much_too_large() -> None:
    setting = Setting(batch=8, instances=2, threads=1)
    items = [
        memory.Planned(setting=setting, peak=100 << 20, plan=110 << 20),
        memory.Planned(setting=setting, peak=100 << 20, plan=99 << 20),
    ]
    found = memory.figures("add", items)
    assert targets(found) == {
        "T5.add.least": pytest.approx(-0.01),
        "T5.add.most": pytest.approx(0.1),
    }
    assert [item.holds() for item in found.targets] == [False, True]
    assert memory_section.lines(Document()) == []
    assert any("| 110 MiB | 100 MiB | 10 % |" in x for x in memory_section.lines(_first(found)))


def _first(found: Figures) -> Document:
    return Document(rows=found.rows[:3])


def test_twelve_settings_are_asked_for_and_two_are_shown() -> None:
    assert len(set(memory.asked(16))) == 12
    assert len(set(memory.asked(8))) == 12
    assert [setting.batch for setting in memory.shown(16)] == [1, 16]
    assert [setting.batch for setting in memory.shown(1)] == [1]


def process(proc: Path, pid: int, name: str, kib: int, children: Mapping[int, str]) -> None:
    folder = proc / str(pid)
    for thread, text in children.items():
        (folder / "task" / str(thread)).mkdir(parents=True)
        (folder / "task" / str(thread) / "children").write_text(text)
    (folder / "comm").write_text(f"{name[:15]}\n")
    (folder / "smaps_rollup").write_text(
        f"00-ff ---p [rollup]\nRss: 999 kB\nPss: {kib} kB\nPss_File: {kib // 2} kB\n"
    )


def test_memory_is_that_of_the_server_and_of_its_instances(tmp_path: Path) -> None:
    process(tmp_path, 1, "tritonserver", 100, {1: "2 3 9 "})
    process(tmp_path, 2, "triton_python_backend_stub", 10, {2: ""})
    process(tmp_path, 3, "triton_python_backend_stub", 20, {3: "4 "})
    process(tmp_path, 4, "helper", 5, {4: ""})
    found = family.now(1, tmp_path)
    assert (found.server, found.instances) == (105 * 1024, 30 * 1024)
    assert found.total == 135 * 1024
    assert found.files == 15 * 1024
    assert family.now(77, tmp_path).total == 0


def tried(replicas: int, factor: float, late: int) -> Tried:
    return Tried(
        replicas=replicas,
        factor=factor,
        rows_per_second=90.0 * replicas,
        requests=1000,
        late=late,
        p99_ms=95.0,
    )


def test_capacity_has_to_hold_and_not_much_more() -> None:
    holds = [tried(n, at, late) for n in (1, 2, 3) for at, late in ((1.0, 5), (1.15, 40))]
    found = capacity.figures(holds)
    assert targets(found) == {"T6.at": 0.005, "T6.beyond": 8.0}
    assert all(item.holds() for item in found.targets)
    modest = capacity.figures([*holds, tried(3, 1.15, 0), tried(3, 1.0, 45)])
    assert [item.holds() for item in modest.targets] == [False, False]
    lines = capacity_section.lines(Document(rows=found.rows))
    assert any(
        line.startswith("| 2 replicas at 1.15 x R(2) | 207 rows/s | 4 % |") for line in lines
    )
    assert capacity_section.lines(Document()) == []


def test_replicas_with_another_setting_are_other_pods() -> None:
    one, other = (
        manifests.tritons("image", 1, "program", manifests.Served(batch=size), 3) for size in (4, 8)
    )
    templates = [found[1]["spec"]["template"]["metadata"]["annotations"] for found in (one, other)]
    assert templates[0] != templates[1]
    assert "max_batch_size: 8" in other[0]["data"]["config.pbtxt"]
    labels = one[1]["spec"]["template"]["metadata"]["labels"]
    assert one[2]["spec"]["selector"].items() <= labels.items()


def loaded(late: int, *, limited: bool, simulated: float) -> Loaded:
    return Loaded(
        rate=15.0, instances=1, limited=limited, requests=1000, late=late, typical_ms=25.0,
        simulated=simulated,
    )  # fmt: skip


def test_what_a_limit_on_waiting_costs_stands_beside_what_was_simulated() -> None:
    runs = [
        loaded(0, limited=False, simulated=0.0),
        loaded(12, limited=True, simulated=0.015),
        loaded(14, limited=True, simulated=0.015),
    ]
    found = limits.figures(runs)
    assert targets(found) == {"T7.off": pytest.approx(0.2)}
    lines = limits_section.lines(Document(rows=found.rows))
    name = "| 1 instance, 15 requests/s, with a limit | 1.3 % (1.2 to 1.4) | 1.5 % |"
    assert any(line.startswith(name) for line in lines)
    assert limits_section.lines(Document()) == []


def test_a_limit_on_waiting_is_a_queue_policy_and_none_is_none() -> None:
    limited = manifests.Served(batch=4, timeout_us=64_000).config()
    assert "timeout_action: REJECT default_timeout_microseconds: 64000" in limited
    assert "policy" not in manifests.Served(batch=4).config()
