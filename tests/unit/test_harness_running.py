"""Running programs: failures carry the log's end, and one failure stops the other lanes."""

from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path

import pytest

from modelservice_harness.access import wait_for
from modelservice_harness.console import Console, clock_text
from modelservice_harness.errors import Cancelled, CommandFailed, WaitTimeout
from modelservice_harness.lanes import Lanes, first_cause
from modelservice_harness.processes import Runner, Step, capture, tail


def step(tmp_path: Path, script: str, name: str = "step") -> Step:
    return Step(
        what=name,
        args=[sys.executable, "-c", script],
        log=tmp_path / f"{name}.log",
        env=dict(os.environ),
        cwd=tmp_path,
    )


def test_a_failed_step_tells_its_code_and_its_last_lines(tmp_path: Path) -> None:
    runner = Runner(Console(io.StringIO()))
    with pytest.raises(CommandFailed, match=r"step failed with code 3(.|\n)*no space left"):
        runner.run(step(tmp_path, "print('no space left'); raise SystemExit(3)"))


def test_a_step_that_works_says_nothing(tmp_path: Path) -> None:
    stream = io.StringIO()
    Runner(Console(stream)).run(step(tmp_path, "print('fine')"))
    assert stream.getvalue() == ""
    assert tail(tmp_path / "step.log") == "fine"


def test_the_first_failure_stops_the_other_lanes(tmp_path: Path) -> None:
    """A failed download must not leave the compiler running for minutes."""
    runner = Runner(Console(io.StringIO()))
    started = tmp_path / "started"
    endless = f"open({str(started)!r}, 'w'); import time; time.sleep(60)"

    def fails_later() -> None:
        wait_for(started.exists, 30, "the endless lane")
        raise CommandFailed("the index did not answer")

    def both() -> None:
        with Lanes(runner.cancel) as lanes:
            lanes.start(lambda: runner.run(step(tmp_path, endless, "endless")))
            lanes.start(fails_later)

    with pytest.raises(CommandFailed, match="the index"):
        both()


def test_after_cancelling_nothing_starts(tmp_path: Path) -> None:
    runner = Runner(Console(io.StringIO()))
    runner.cancel()
    with pytest.raises(Cancelled):
        runner.run(step(tmp_path, "print(1)"))


def test_lanes_give_their_results() -> None:
    with Lanes(lambda: None) as lanes:
        one, two = lanes.start(lambda: 1), lanes.start(lambda: "two")
    assert (one.result(), two.result()) == (1, "two")


def test_the_cause_is_told_not_its_consequences() -> None:
    cause = CommandFailed("disk full")
    assert first_cause([None, Cancelled("stopped"), cause]) is cause
    assert isinstance(first_cause([Cancelled("stopped")]), Cancelled)
    assert first_cause([None, None]) is None


def test_a_program_that_is_not_there_is_a_failure_in_words() -> None:
    with pytest.raises(CommandFailed, match="no-such-program"):
        capture(["no-such-program"], env={"PATH": "/usr/bin"})


def test_tail_keeps_the_end_and_drops_what_was_overwritten(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {i}\n" for i in range(5000)) + "10%\r90%\r100%\n\n")
    assert tail(log, 2) == "line 4999\n100%"
    assert tail(tmp_path / "missing") == ""


def test_waiting_gives_back_what_it_waited_for() -> None:
    values = iter(["", "", "found"])
    assert wait_for(lambda: next(values), 5, "a value", poll_seconds=0.001) == "found"


def test_a_time_out_shows_the_last_state() -> None:
    with pytest.raises(WaitTimeout, match=r"the pod: not within 0.01 s; last state: Pending"):
        wait_for(lambda: False, 0.01, "the pod", state=lambda: "Pending", poll_seconds=0.001)
    with pytest.raises(WaitTimeout, match="last state: 0"):
        wait_for(lambda: 0, 0, "a count")


def test_lines_from_threads_do_not_mix() -> None:
    stream = io.StringIO()
    console = Console(stream)

    def write(number: int) -> None:
        for _ in range(50):
            console.raw(f"{number}" * 50)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 200
    assert all(len(set(line)) == 1 and len(line) == 50 for line in lines)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.9, "0:59"), (83.4, "1:23")])
def test_times_are_minutes_and_seconds(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text
