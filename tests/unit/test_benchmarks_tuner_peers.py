"""T1's peers: what is asked of Model Analyzer and of ours, and how their answers are read."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path[:0] = [
    str(BENCHMARKS / "tuner"),
    str(BENCHMARKS / "optimizer"),
    str(BENCHMARKS / "common"),
]

from tuner_figures.models.cases import ADD, DIGITS, MODELS, NARROW, chosen  # noqa: E402
from tuner_figures.peers import circling, found, ours  # noqa: E402
from tuner_figures.peers.modes import (  # noqa: E402
    BRUTE,
    MODES,
    OPTUNA,
    QUICK,
    RATES,
    THREADS,
    named,
    peer,
)
from tuner_figures.peers.picks import Pick, together  # noqa: E402
from tuner_figures.peers.profile import Folders, power_of_two, profile  # noqa: E402
from tuner_figures.peers.searching import Ledger, single, turn  # noqa: E402
from tuner_figures.serving.settings import Setting, distinct, turned  # noqa: E402

from modelservice_harness.errors import HarnessError  # noqa: E402

HEAD = (
    "Model,Batch,Concurrency,Model Config Path,Instance Group,Max Batch Size,"
    "Satisfies Constraints,Throughput (infer/sec),p99 Latency (ms)"
)
#: As Model Analyzer 1.58 wrote it.
TABLE = f"""{HEAD}
add,1,8,add_config_default,1:CPU,4,Yes,5625.7,6.2
add,1,4,add_config_3,2:CPU,16,Yes,5704.9,2.3
add,1,32,add_config_3,2:CPU,16,No,9999.0,12.3
add,1,4,add_config_1,2:CPU,1,Yes,3428.0,4.1
"""


def test_the_most_throughput_within_the_constraint_is_its_pick() -> None:
    best = found.best(TABLE, threads=2)
    assert best is not None
    assert best.setting == Setting(batch=16, instances=2, threads=2)
    assert best.throughput == 5704.9


def test_nothing_within_the_constraint_is_no_pick() -> None:
    assert found.best(f"{HEAD}\nadd,1,8,x,1:CPU,4,No,5.7,6.2\n", threads=1) is None
    assert found.best(f"{HEAD}\n", threads=1) is None


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("Model,Batch\nadd,1\n", "Satisfies Constraints"),
        (f"{HEAD}\nadd,1,8,x,CPU,4,Yes,5.7,6.2\n", "number of instances"),
        (f"{HEAD}\nadd,1,8,x,1:CPU,four,Yes,5.7,6.2\n", "not understood"),
        (f"{HEAD.replace('Max Batch Size', 'Most')}\nadd,1,8,x,1:CPU,4,Yes,5.7,6.2\n", "column"),
    ],
)
def test_another_table_is_refused_in_words(table: str, words: str) -> None:
    with pytest.raises(found.UnreadableError, match=words):
        found.best(table, threads=1)


def test_load_is_the_time_in_which_the_load_generator_ran() -> None:
    load = found.load("100.0 108.5 0\n120.25 121.25 99\n130.0 ")
    assert (load.runs, load.seconds, load.failed) == (3, 9.5, 2)
    assert found.load("") == found.Load(runs=0, seconds=0.0, failed=0)


NEW = "[Model Analyzer] Profiling add_config_1: concurrency=4\n"
KNOWN = "[Model Analyzer] Existing measurement found for run config. Skipping profile\n"


def test_a_search_that_measures_nothing_new_goes_in_circles() -> None:
    assert not circling.circles("")
    assert not circling.circles(NEW + KNOWN * (circling.CIRCLE - 1))
    assert not circling.circles(NEW + KNOWN * circling.CIRCLE + NEW)
    assert circling.circles(NEW + KNOWN * circling.CIRCLE)


def checkpoint(*measured: tuple[int, int, float, float]) -> str:
    """As Model Analyzer 1.58 writes it: batch, instances, infer/s, p99 of each."""
    results = {
        f"add_config_{number}": [
            {
                "_model_run_configs": [
                    {
                        "_model_config_variant": {
                            "model_config": {
                                "maxBatchSize": batch,
                                "instanceGroup": [{"count": instances, "kind": "KIND_CPU"}],
                            }
                        }
                    }
                ]
            },
            {
                "words": {
                    "_model_config_measurements": [
                        {
                            "_non_gpu_data_from_tag": {
                                "perf_throughput": ["perf_throughput", {"_value": rate}],
                                "perf_latency_p99": ["perf_latency_p99", {"_value": p99}],
                            }
                        }
                    ]
                }
            },
        ]
        for number, (batch, instances, rate, p99) in enumerate(measured)
    }
    return json.dumps({"ResultManager.results": {"_results": {"add": results}}})


def test_what_it_had_found_is_in_its_checkpoint() -> None:
    text = checkpoint((16, 1, 7591.0, 10.2), (4, 3, 9407.0, 6.3), (8, 3, 6425.0, 7.9))
    best = circling.best_of_checkpoint(text, "add", 8.0, threads=2)
    assert best is not None
    assert (best.setting, best.throughput) == (Setting(batch=4, instances=3, threads=2), 9407.0)
    assert circling.best_of_checkpoint(text, "add", 1.0, threads=2) is None
    for odd in ("", "[]", "{}", checkpoint().replace("add", "other")):
        with pytest.raises(found.UnreadableError, match="its checkpoint"):
            circling.best_of_checkpoint(odd, "add", 8.0, threads=2)


def test_its_failure_is_told_in_its_own_words() -> None:
    log = "[Model Analyzer] Starting\n12:00:01 [Model Analyzer] ERROR: Failed to load add\nbye\n"
    assert found.trouble(log, 1) == "Failed to load add (exit code 1)"
    assert "does not say" in found.trouble("", 3)


def words_of(mode: object, name: str = "add") -> dict[str, object]:
    model = next(model for model in MODELS if model.name == name)
    text = profile(
        model=model,
        bounds=model.bounds(quick=False),
        mode=mode,
        folders=Folders(root=Path("/work")),
        inputs=Path("/inputs.json"),
        programs={"tritonserver": Path("/t"), "perf_analyzer": Path("/p")},
        ports={"http": 1, "grpc": 2, "metrics": 3},
    )
    found: dict[str, object] = json.loads(text)
    return found


def test_every_mode_gets_the_same_goal_and_bounds() -> None:
    for mode in MODES:
        words = words_of(mode)
        assert words["profile_models"]["add"]["constraints"] == {
            "perf_latency_p99": {"max": ADD.goal_ms}
        }
        assert words["run_config_search_max_instance_count"] == 3
        assert words["run_config_search_max_model_batch_size"] == 16
        flags = words["profile_models"]["add"]["perf_analyzer_flags"]
        assert flags["input-data"] == "/inputs.json"


def test_bounds_of_both_kinds_of_load_are_refused_by_it_so_it_gets_one() -> None:
    assert "run_config_search_max_concurrency" in words_of(QUICK)
    assert not any("request_rate" in word for word in words_of(BRUTE))
    assert words_of(RATES)["request_rate_search_enable"] is True
    assert not any("concurrency" in word for word in words_of(RATES))
    assert power_of_two(100) == 128


def test_ours_gets_the_same_goal_and_bounds(tmp_path: Path) -> None:
    from tuner_figures.models.artifacts import Artifact  # noqa: PLC0415

    artifact = Artifact(model=DIGITS, folder=tmp_path, inputs=tmp_path, key="k")
    asked = (artifact, DIGITS.bounds(quick=False), "127.0.0.1:9", tmp_path / "r.json")
    assert "--closed-loop" not in ours.command(*asked)
    words = ours.command(*asked, 32)
    assert words[-1] == "--or-fewer"
    pairs = dict(zip(words[:-1:2], words[1:-1:2], strict=True))
    assert pairs["--closed-loop"] == "32"
    assert pairs["-m"] == "modelservice_runtime.tuner"
    assert (pairs["--url"], pairs["--model"]) == ("127.0.0.1:9", "digits")
    assert (pairs["--goal-ms"], pairs["--percentile"]) == ("20", "99")
    assert (pairs["--max-batch"], pairs["--max-instances"], pairs["--max-threads"]) == (
        "16", "3", "2",
    )  # fmt: skip


def test_our_result_is_read() -> None:
    served = {"variant": "export", "maxBatchSize": 8, "instances": 2, "threads": 1}
    words = {"setting": served, "loadSeconds": 30.5, "loadRuns": 9, "wallSeconds": 40.0}
    pick = ours.parsed(json.dumps(words), seconds=41.0)
    assert pick.setting == Setting(batch=8, instances=2, threads=1)
    assert (pick.load_seconds, pick.runs, pick.seconds, pick.failure) == (30.5, 9, 41.0, "")
    served["queueDelayMicroseconds"] = 500
    delayed = ours.parsed(json.dumps(words), seconds=41.0).setting
    assert delayed == Setting(batch=8, instances=2, threads=1, delay_us=500)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"setting": 3}', '{"setting": {}}'])
def test_another_result_of_ours_is_a_failure_in_words(text: str) -> None:
    pick = ours.parsed(text, seconds=1.0)
    assert pick.setting is None
    assert "not understood" in pick.failure


def pick(batch: int = 8, **more: object) -> Pick:
    setting = Setting(batch=batch, instances=1, threads=1)
    words = {"setting": setting, "runs": 10, "load_seconds": 50.0, "seconds": 100.0, **more}
    return Pick(**words)


def test_a_sweep_by_hand_costs_what_all_its_searches_cost() -> None:
    both = together([pick(throughput=10.0), pick(batch=4, throughput=12.0)])
    assert both.setting == Setting(batch=4, instances=1, threads=1)
    assert (both.runs, both.load_seconds, both.seconds) == (20, 100.0, 200.0)
    one = together([pick(setting=None, failure="no", throughput=0.0), pick()])
    assert one.setting is not None
    assert one.failure == ""


def test_a_search_that_ended_is_not_made_again(tmp_path: Path) -> None:
    ledger, made = Ledger(path=tmp_path / "picks.jsonl"), []

    def search() -> Pick:
        made.append(1)
        return pick(failure="", throughput=3.5)

    assert ledger.once("0 quick", search) == (pick(throughput=3.5), False)
    assert ledger.once("0 quick", search) == (pick(throughput=3.5), True)
    ledger.once("1 quick", search)
    assert len(made) == 2


def test_a_search_that_came_to_no_load_is_made_again(tmp_path: Path) -> None:
    ledger = Ledger(path=tmp_path / "picks.jsonl")
    broken, nothing = (pick(setting=None, failure="no", runs=runs) for runs in (0, 9))
    assert ledger.once("0 ours", lambda: broken) == (broken, False)
    assert ledger.once("0 ours", lambda: nothing) == (nothing, False)
    assert ledger.once("0 ours", pick) == (nothing, True), "to find nothing is a result"


def test_some_modes_are_searched_on_demand() -> None:
    assert named(["optuna", "quick"]) == (QUICK, OPTUNA), "in their usual order"
    assert single([QUICK, OPTUNA]) == [("quick", 1), ("optuna", 1)]
    assert single(MODES) == [
        ("quick", 1), ("brute", 1), ("optuna", 1), ("brute", 2), ("brute at rates", 1),
    ]  # fmt: skip
    assert single([THREADS]) == [("brute", 1), ("brute", 2)]
    assert (peer(MODES), peer([QUICK, OPTUNA])) == (BRUTE, QUICK)
    with pytest.raises(ValueError, match="no mode fast; there are quick"):
        named(["quick", "fast"])


def test_searches_take_turns_and_those_by_brute_force_are_made_once() -> None:
    names = [("quick", 1), ("brute", 1), ("optuna", 1), ("brute", 2), ("ours", 0)]
    assert turn(names, 0) == names
    assert turn(names, 1) == [("optuna", 1), ("ours", 0), ("quick", 1)]
    assert turn(names, 5) == [("quick", 1), ("optuna", 1), ("ours", 0)]


def test_a_pick_without_a_setting_is_kept_too() -> None:
    nothing = pick(setting=None, failure="it broke")
    assert Pick.load(json.loads(json.dumps(nothing.dump()))) == nothing
    assert "nothing: it broke" in nothing.words()


def test_rounds_turn_the_order() -> None:
    one, two, three = (Setting(batch=size, instances=1, threads=1) for size in (1, 2, 3))
    assert distinct([one, two, one]) == (one, two)
    firsts = {turned([one, two, three], number)[0] for number in range(6)}
    assert firsts == {one, two, three}
    assert turned([], 3) == []
    assert "delay 2.5 ms" in Setting(batch=1, instances=1, threads=1, delay_us=2500).words()


def test_an_unknown_model_is_told() -> None:
    assert [model.name for model in chosen((), quick=True)] == ["add"]
    assert [model.name for model in chosen(["digits"], quick=False)] == ["digits"]
    assert DIGITS.bounds(quick=True) == NARROW
    with pytest.raises(HarnessError, match="there are add, digits"):
        chosen(["nonsense"], quick=False)
