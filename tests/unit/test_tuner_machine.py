"""What the tuner reads of the machine: cores, their load, the CPU's name, signals."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.cpu import describe_cpu
from modelservice_runtime.tuner.cores import choose, parse_stat

STAT = """cpu  300 0 300 1000 100 0 0 0 0 0
cpu0 100 0 100 500 50 0 0 0 0 0
cpu1 200 0 200 500 50 0 0 0 0 0
intr 123 0 0
ctxt 5
"""
CORES = st.frozensets(st.integers(0, 63), min_size=1)
TICKS = st.dictionaries(st.integers(0, 63), st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)))


def test_the_kernel_s_figures_are_read_per_core() -> None:
    assert parse_stat(STAT) == {0: (200, 550), 1: (400, 550)}


@given(CORES, st.floats(0.1, 64), TICKS, TICKS)
def test_triton_gets_as_many_cores_as_a_pod_and_the_load_generator_the_rest(
    allowed: frozenset[int],
    cpu: float,
    before: dict[int, tuple[int, int]],
    after: dict[int, tuple[int, int]],
) -> None:
    cores = choose(allowed, cpu, before, after)
    assert cores.server
    assert cores.client
    assert cores.server | cores.client == allowed
    assert len(cores.server) >= min(cpu, len(allowed))
    assert len(cores.server) < cpu + 1 or cores.server == allowed
    if len(allowed) > len(cores.server):
        assert not cores.server & cores.client


def test_the_quietest_cores_are_taken() -> None:
    before = {0: (0, 0), 1: (0, 0), 2: (0, 0)}
    after = {0: (90, 10), 1: (5, 95), 2: (50, 50)}
    assert choose(frozenset({0, 1, 2}), 1, before, after).server == {1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "unknown CPU"),
        ("model name\t: AMD EPYC\nflags\t\t: fpu avx2 avx512f\n", "AMD EPYC (avx2 avx512f)"),
        (
            "processor: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t\t: fpu avx2 avx512f\n",
            "Some CPU @ 2 GHz (avx2 avx512f)",
        ),
        ("Features\t: fp asimd sve\n", "unknown CPU (asimd sve)"),
    ],
)
def test_the_cpu_is_named_with_what_decides_its_kernels(text: str, words: str) -> None:
    assert describe_cpu(text) == words


@given(st.text())
def test_whatever_the_kernel_says_of_the_cpu_the_words_are_few(text: str) -> None:
    assert len(describe_cpu(f"model name : {text}\nflags : {text}")) < 250


HELD = """
import os, signal
from modelservice_runtime.tuner.interrupts import Interrupts
interrupts = Interrupts()
interrupts.install({seconds})
done = []
try:
    with interrupts.held():
        with interrupts.held():
            {signal}
            done.append("inside")
        done.append("outside")
    done.append("beyond")
except Exception as error:
    print(type(error).__name__, *done)
"""


@pytest.mark.parametrize(
    ("line", "seconds", "words"),
    [
        ("os.kill(os.getpid(), signal.SIGTERM)", 60, "Interrupted inside outside"),
        ("signal.pause()", 0.1, "OutOfTime inside outside"),
    ],
    ids=["sigterm", "alarm"],
)
def test_a_signal_waits_for_the_end_of_what_must_not_be_cut(
    line: str, seconds: float, words: str
) -> None:
    script = HELD.format(signal=line, seconds=seconds)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == words


def test_once_the_result_is_written_a_signal_is_too_late() -> None:
    script = (
        "import os, signal\n"
        "from modelservice_runtime.tuner.interrupts import Interrupts\n"
        "interrupts = Interrupts()\n"
        "interrupts.install(60)\n"
        "interrupts.silence()\n"
        f"os.kill(os.getpid(), {int(signal.SIGTERM)})\n"
        "print('written')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "written"
