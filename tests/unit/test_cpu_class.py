"""The CPU's class: what changes the numbers of int8, bf16 and fp16 kernels, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.cpu import UNKNOWN_CLASS, cpu_class, read_cpu_class

AVX512 = "avx2 avx512f avx512bw"
CASES = {
    "no vector instructions": ("flags", "fpu sse4_2", "x86-64 none"),
    "Haswell": ("flags", "sse4_2 avx2 fma", "x86-64 avx2"),
    "Skylake": ("flags", AVX512, "x86-64 avx512"),
    "Cascade Lake": ("flags", f"{AVX512} avx512_vnni", "x86-64 vnni"),
    "Alder Lake": ("flags", "avx2 avx_vnni", "x86-64 vnni"),
    "Zen 5": ("flags", f"{AVX512} avx512_vnni avx_vnni avx512_bf16", "x86-64 vnni bf16"),
    "Sapphire Rapids": (
        "flags",
        f"{AVX512} avx512_vnni avx512_bf16 avx512_fp16 amx_tile amx_int8 amx_bf16",
        "x86-64 amx bf16 fp16",
    ),
    "Graviton 2": ("Features", "fp asimd asimdhp asimddp", "aarch64 dotprod fp16"),
    "Graviton 3": (
        "Features",
        "fp asimd asimdhp asimddp sve i8mm bf16",
        "aarch64 dotprod i8mm bf16 fp16 sve",
    ),
    "Cortex-A53": ("Features", "fp asimd aes", "aarch64 none"),
}


@pytest.mark.parametrize(("key", "flags", "expected"), CASES.values(), ids=CASES.keys())
def test_the_class_of_a_cpu(key: str, flags: str, expected: str) -> None:
    text = f"processor\t: 0\nmodel name\t: a CPU\n{key}\t\t: {flags}\nvmx flags\t: amx_int8\n"
    assert cpu_class(text) == expected


@pytest.mark.parametrize("text", ["", "processor : 0\n", "flags :\n", "isa : rv64imafdc\n"])
def test_a_text_without_flags_gives_no_class(text: str) -> None:
    assert cpu_class(text) == UNKNOWN_CLASS


def test_cores_that_differ_have_the_class_of_what_all_of_them_can() -> None:
    assert cpu_class("flags : avx2 avx_vnni\nflags : avx2\n") == "x86-64 avx2"


FLAGS = st.lists(
    st.sampled_from(["sse4_2", "avx2", "avx512bw", "avx_vnni", "amx_int8", "avx512_bf16"]),
    min_size=1,
    unique=True,
)


ORDERS = FLAGS.flatmap(lambda flags: st.tuples(st.just(flags), st.permutations(flags)))


@given(ORDERS, st.integers(1, 4))
def test_neither_the_order_nor_the_number_of_cores_matters(
    orders: tuple[list[str], list[str]], cores: int
) -> None:
    one, other = (" ".join(flags) for flags in orders)
    text = "".join(f"processor : {number}\nflags : {other}\n" for number in range(cores))
    assert cpu_class(text) == cpu_class(f"flags : {one}\n")


def test_this_machine_has_a_class() -> None:
    assert read_cpu_class() != UNKNOWN_CLASS
    assert read_cpu_class(Path("/nonexistent")) == UNKNOWN_CLASS
