"""The command line against a running Triton: what is wrong is said before anything is loaded."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.contract.traffic import (
    CLOSED_LOOP,
    POISSON,
    TRACE,
    LengthShare,
    RowsShare,
)
from modelservice_runtime.tuner import __main__ as program
from modelservice_runtime.tuner import command, running_server
from modelservice_runtime.tuner.errors import TRACE_INVALID, UserError
from modelservice_runtime.tuner.options import add_arguments, lengths, rows_per_request
from modelservice_runtime.tuner.question import Question
from modelservice_runtime.tuner.running_server import THREADS, RunningServer
from modelservice_runtime.tuner.settings import Option, Setting, first_options

URL = ("--url", "localhost:8001", "--model", "m")


def parsed(*words: str) -> argparse.Namespace:
    """What the words mean."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args([*URL, "--goal-ms", "50", *words])


def asked(*words: str) -> Question:
    """What they ask."""
    return command.question_of(parsed(*words))


def test_rows_are_read_with_their_shares() -> None:
    assert rows_per_request("4") == (RowsShare(rows=4, percent=100.0),)
    assert rows_per_request("1:80,8:20") == (
        RowsShare(rows=1, percent=80.0),
        RowsShare(rows=8, percent=20.0),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not ROWS:PERCENT"),
        ("one", "'one' is not ROWS:PERCENT"),
        ("1:many", "'1:many' is not ROWS:PERCENT"),
        ("1.5", "is not ROWS:PERCENT"),
        ("0", "must be positive"),
        ("-1", "must be positive"),
        ("1:150,2:-50", "must be positive"),
        ("1:80,8:30", "do not add up to 100"),
        ("1:nan", "do not add up to 100"),
        ("1,2", "do not add up to 100"),
        ("1:80,,8:20", "is not ROWS:PERCENT"),
    ],
)
def test_bad_rows_are_named(text: str, words: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=words):
        rows_per_request(text)


def test_lengths_are_read_with_their_shares() -> None:
    assert lengths("64") == (LengthShare(length=64, percent=100.0),)
    assert lengths("128:40,16:60") == (
        LengthShare(length=16, percent=60.0),
        LengthShare(length=128, percent=40.0),
    )
    assert asked("--lengths", "16:60,128:40").traffic.lengths == lengths("16:60,128:40")
    assert asked().traffic.lengths == ()
    assert asked("--lengths", "16:60,128:40").curve_length == 128


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("long", "'long' is not LENGTH:PERCENT"),
        ("0", "length and percents must be positive"),
        ("16:80,128:30", "do not add up to 100"),
        ("16:50,16:50", "each length may be there once"),
    ],
)
def test_bad_lengths_are_named(text: str, words: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=words):
        lengths(text)


@given(st.text())
def test_any_text_is_rows_or_the_error(text: str) -> None:
    try:
        shares = rows_per_request(text)
    except argparse.ArgumentTypeError:
        return
    assert sum(share.percent for share in shares) == pytest.approx(100, abs=0.1)
    assert all(share.rows >= 1 for share in shares)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--goal-ms", "0"), "0 is not a positive number"),
        (("--goal-ms", "-3"), "-3 is not a positive number"),
        (("--goal-ms", "inf"), "inf is not a positive number"),
        (("--goal-ms", "nan"), "nan is not a positive number"),
        (("--goal-ms", "soon"), "argument --goal-ms: invalid"),
        (("--max-seconds", "0"), "0 is not a positive number"),
        (("--percentile", "49"), "49 is not from 50 to 99.9"),
        (("--percentile", "100"), "100 is not from 50 to 99.9"),
        (("--rows-per-request", "1:3"), "do not add up to 100"),
        (("--max-batch", "0"), "argument --max-batch"),
        (("--max-batch", "-2"), "argument --max-batch"),
        (("--cpu", "-1"), "argument --cpu"),
        (("--cpu", "nan"), "argument --cpu"),
        (("--max-instances", "-1"), "argument --max-instances"),
        (("--max-threads", "-1"), "argument --max-threads"),
        (("--closed-loop", "-1"), "argument --closed-loop"),
        (("--rows-per-second", "-1"), "argument --rows-per-second"),
        (("--rows-per-second", "inf"), "argument --rows-per-second"),
        (("--memory-limit-mib", "-1"), "argument --memory-limit-mib"),
        (("--repeated-percent", "101"), "argument --repeated-percent"),
    ],
)
def test_a_bad_option_is_named(
    words: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parsed(*words)
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["--model", "--goal-ms"])
def test_an_address_alone_is_not_enough(
    missing: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(program.CACHE_VARIABLE, "unused")
    words = {"--url": "localhost:8001", "--model": "m", "--goal-ms": "50"}
    del words[missing]
    with pytest.raises(SystemExit):
        program.main([part for pair in words.items() for part in pair])
    assert f"--url needs {missing} too" in capsys.readouterr().err


def test_a_question_has_what_was_said() -> None:
    found = asked(
        "--percentile", "95", "--max-batch", "32", "--cpu", "3", "--memory-limit-mib", "512",
        "--rows-per-second", "900", "--rows-per-request", "2:50,4:50", "--repeated-percent", "7",
    )  # fmt: skip
    assert found.goal_words() == "p95 ≤ 50 ms"
    assert (found.limits.cpu, found.limits.max_batch_size) == (3, 32)
    assert found.memory_bytes == 512 << 20
    assert found.traffic.arrivals == POISSON
    assert found.traffic.rows_per_second == 900
    assert found.traffic.mean_rows == 3
    assert found.least_batch == 4
    assert found.replicas(300) == 3


def test_clients_that_wait_are_a_closed_loop() -> None:
    found = asked("--closed-loop", "12")
    assert (found.traffic.arrivals, found.clients) == (CLOSED_LOOP, 12)
    assert asked().clients == 0
    assert (found.has_all(11), found.has_all(12)) == (False, True)
    assert asked("--closed-loop", "12", "--or-fewer").has_all(1)


def test_fewer_than_no_clients_is_refused() -> None:
    with pytest.raises(UserError, match=r"--or-fewer.*--closed-loop"):
        asked("--or-fewer")


def test_a_trace_is_read(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("\ufeffseconds,requests\n0,1\n1,3\n", encoding="utf-8")
    found = asked("--trace", str(path))
    assert found.traffic.arrivals == TRACE
    assert found.trace is not None
    assert found.trace.mean_rate == 2.0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"seconds,requests\n0,1\n0,1\n", "line 3"),
        (b"\xff\xfe\x00", "decode"),
    ],
)
def test_a_trace_that_is_none_is_said_with_its_file(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "trace.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        asked("--trace", str(path))
    assert caught.value.reason == TRACE_INVALID
    assert str(path) in caught.value.message


def test_a_trace_and_clients_that_wait_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="closed-loop"):
        asked("--closed-loop", "4", "--trace", str(tmp_path / "trace.csv"))


def test_requests_larger_than_the_largest_batch_are_refused() -> None:
    with pytest.raises(UserError, match=r"8 rows.*--max-batch"):
        asked("--max-batch", "4", "--rows-per-request", "1:50,8:50")


def tensor(*dims: int) -> dict[str, Any]:
    """As Triton's JSON has it: sixty-four bits are text."""
    return {"name": "x", "data_type": "TYPE_FP32", "dims": [str(dim) for dim in dims]}


@pytest.mark.parametrize(
    ("inputs", "outputs", "expected"),
    [
        ([tensor(3, 4)], [tensor(5)], 17),
        ([tensor(3), tensor(2, 2)], [tensor(1)], 8),
        ([tensor(-1)], [tensor(5)], 0),
        ([tensor(3)], [tensor(-1, 5)], 0),
        ([tensor(3)], [tensor(5), tensor(-1)], 0),
        ([tensor(-1, -1)], [tensor(5)], 0),
        ([], [tensor(5)], 0),
        ([tensor(3)], [], 0),
    ],
)
def test_where_a_size_may_vary_the_numbers_of_a_row_are_not_known(
    inputs: list[dict[str, Any]], outputs: list[dict[str, Any]], expected: int
) -> None:
    assert command.numbers_per_row({"input": inputs, "output": outputs}) == expected


def test_open_axes_are_as_long_as_the_longest_request_that_was_said() -> None:
    config = {"input": [tensor(-1, 3)], "output": [tensor(-1), tensor(2)]}
    assert command.numbers_per_row(config, 8) == 34


CONFIG: dict[str, Any] = {
    "name": "m",
    "backend": "onnxruntime",
    "max_batch_size": 16,
    "instance_group": [{"name": "m_0", "kind": "KIND_CPU", "count": 2}],
    "dynamic_batching": {
        "preferred_batch_size": [4],
        "max_queue_delay_microseconds": "700",
        "default_queue_policy": {"timeout_action": "REJECT"},
    },
    "model_warmup": [{"name": "one", "batch_size": 1}, {"name": "full", "batch_size": 16}],
    "parameters": {THREADS: {"string_value": "3"}, "variant": {"string_value": "int8"}},
}


def server(**more: Any) -> RunningServer:
    """One that is never asked."""
    return RunningServer(client=None, model="m", config={**CONFIG, **more})


def test_what_serves_is_read_from_the_configuration() -> None:
    option = Option(variant="int8", instances=2, threads=3)
    assert server().current() == Setting(
        option=option, max_batch_size=16, queue_delay_microseconds=700
    )
    bare = RunningServer(client=None, model="m", config={"max_batch_size": 4})
    assert bare.current().option == Option(variant="m", instances=1, threads=1)
    assert not bare.can_change_threads


def test_a_setting_changes_what_it_names_and_leaves_out_the_queue_s_policy() -> None:
    option = Option(variant="int8", instances=4, threads=1)
    wanted = Setting(option=option, max_batch_size=8, queue_delay_microseconds=0)
    config = server().override(wanted)
    assert config["max_batch_size"] == 8
    assert config["instance_group"] == [{"kind": "KIND_CPU", "count": 4}]
    assert config["dynamic_batching"] == {"max_queue_delay_microseconds": 0}
    assert [item["batch_size"] for item in config["model_warmup"]] == [1, 8]
    assert config["parameters"][THREADS] == {"string_value": "1"}
    assert server().config == CONFIG


def test_threads_that_the_backend_has_no_word_for_stay_as_they_are() -> None:
    found = command._within(asked("--cpu", "4"), server(backend="python", parameters={}))
    assert found.limits.fixed_threads == 1
    assert command._within(asked("--cpu", "4"), server()).limits.fixed_threads == 0


def test_instances_of_a_model_on_a_gpu_share_it_and_not_the_cores() -> None:
    on_gpu = server(instance_group=[{"kind": "KIND_GPU", "count": 1, "gpus": [0]}])
    limits = command._within(asked("--cpu", "16"), on_gpu).limits
    assert limits.gpu
    assert first_options(limits) == ((1, 1), (2, 1))
    assert not command._within(asked("--cpu", "16"), server()).limits.gpu


def test_the_memory_of_its_gpus_is_read_where_it_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_server, "read_gpu_memory", {"host:8002": (3, 16)}.__getitem__)
    quiet = RunningServer(client=None, model="m", config=CONFIG, pid=os.getpid())
    silent = quiet.memory()
    assert silent is not None
    assert (silent.gpu, silent.gpu_total) == (0, 0)
    told = replace(quiet, metrics="host:8002").memory()
    assert told is not None
    assert (told.gpu, told.gpu_total) == (3, 16)


def test_instances_of_other_models_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[int] = []

    def wait(_: int, instances: int) -> bool:
        waited.append(instances)
        return False

    monkeypatch.setattr(running_server, "wait_for_leaving", wait)
    monkeypatch.setattr(running_server, "read_gpu_memory", lambda _: (3, 16))
    shared = RunningServer(
        client=None, model="m", config=CONFIG, pid=os.getpid(), metrics="host:8002", others=4
    )
    use = shared.memory()
    assert use is not None
    assert waited == [4 + 2]
    assert use.gpu_total == 0
