"""What a user may get wrong: each ends with its own reason, in words, and publishes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.results import FAILED, REJECTED

if TYPE_CHECKING:
    from conftest import Bench

_HEAD = "import os, signal, sys, time, torch\n"
_INPUTS = '{"x": torch.randn(5, 4)}'

CASES = {
    "no such module": ("", "EntrypointNotFound", "has no module 'model'"),
    "no such function": (_HEAD + "def other(): pass\n", "EntrypointNotFound", "no function 'load'"),
    "raises": (
        _HEAD + "def load(): raise ValueError('weights.bin is not here')\n",
        "EntrypointFailed",
        "ValueError: weights.bin is not here at model.py:2",
    ),
    "fails to import": (
        _HEAD + "import a_package_nobody_has\n",
        "EntrypointFailed",
        "a_package_nobody_has",
    ),
    "exits": (_HEAD + "def load(): os._exit(3)\n", "EntrypointFailed", "exit code 3"),
    "leaves": (_HEAD + "def load(): sys.exit('bye')\n", "EntrypointFailed", "SystemExit: bye"),
    "crashes": (
        _HEAD + "def load(): os.kill(os.getpid(), signal.SIGSEGV)\n",
        "EntrypointFailed",
        "SIGSEGV",
    ),
    "is killed by the kernel": (
        _HEAD + "def load(): os.kill(os.getpid(), signal.SIGKILL)\n",
        "EntrypointOutOfMemory",
        "spec.optimization.resources.limits.memory",
    ),
    "returns no module": (
        _HEAD + f"def load(): return 'a model', {_INPUTS}\n",
        "EntrypointNotAModule",
        "returned str where a torch.nn.Module",
    ),
}


@pytest.mark.parametrize(("code", "reason", "words"), CASES.values(), ids=CASES.keys())
def test_a_bad_entrypoint_is_the_users_error_in_words(
    bench: Bench, code: str, reason: str, words: str
) -> None:
    bench.write("model.py" if code else "unrelated.py", code)
    outcome = bench.build()
    assert (outcome.code, outcome.result.outcome) == (exit_codes.USER_ERROR, FAILED)
    assert outcome.result.reason == reason
    assert words in outcome.result.message
    assert bench.stored_files() == []


def test_an_entrypoint_that_hangs_is_stopped_and_the_log_shows_where(bench: Bench) -> None:
    bench.write("model.py", _HEAD + "def load():\n    while True: time.sleep(1)\n")
    bench.duration_seconds = 20
    outcome = bench.build()
    assert outcome.code == exit_codes.DEADLINE
    assert outcome.result.reason == "EntrypointTimedOut"
    assert "did not end within 10 s" in outcome.result.message
    assert 'model.py", line 3 in load' in outcome.log
    assert bench.stored_files() == []


@pytest.mark.parametrize(
    "code",
    [
        "def load(): return bytearray(3 << 30)\n",
        "def load(): return torch.empty(1 << 40)\n",
        "def load():\n    kept = []\n    while True: kept.append(b'x' * (8 << 20))\n",
    ],
    ids=["python", "torch", "bit by bit"],
)
def test_an_entrypoint_that_needs_too_much_memory_is_told_the_limit(
    bench: Bench, code: str
) -> None:
    bench.write("model.py", _HEAD + code)
    bench.options = ["--memory-limit", str(1536 << 20)]
    outcome = bench.build()
    assert outcome.code == exit_codes.USER_ERROR
    assert outcome.result.reason == "EntrypointOutOfMemory"
    assert "the limit is 1536 MiB" in outcome.result.message


def test_a_module_that_cannot_be_exported_is_told_in_the_exporters_words(bench: Bench) -> None:
    bench.write(
        "model.py",
        """
        import torch
        class Bad(torch.nn.Module):
            def forward(self, x):
                if x.sum().item() > 0:
                    return x * 2
                return x
        def load():
            return Bad().eval(), {"x": torch.randn(5, 4)}
        """,
    )
    outcome = bench.build()
    assert (outcome.code, outcome.result.reason) == (exit_codes.USER_ERROR, "ExportFailed")
    assert "cannot be exported at model.py:5 (`if x.sum().item() > 0:`)" in outcome.result.message
    assert "data-dependent" in outcome.result.message
    assert "avoid Python control flow" in outcome.result.message
    assert bench.stored_files() == []


_EXPORTS_DIFFERENTLY = """
import torch
class Bad(torch.nn.Module):
    def forward(self, x):
        if torch.compiler.is_exporting():
            return {exported}
        return x * 2
def load():
    return Bad().eval(), {{"x": torch.ones(5, 4)}}
"""


@pytest.mark.parametrize(
    ("exported", "words"),
    [
        ("x * 2.1", "output 'output' at batch 1: differs by 0.1"),
        ("(x * 2) / (x - 1)", "the artifact gives NaN or Inf"),
    ],
    ids=["too far", "not a number"],
)
def test_an_artifact_that_is_not_equal_is_rejected_and_nothing_is_published(
    bench: Bench, exported: str, words: str
) -> None:
    bench.write("model.py", _EXPORTS_DIFFERENTLY.format(exported=exported))
    outcome = bench.build()
    assert (outcome.code, outcome.result.outcome) == (exit_codes.REJECTED, REJECTED)
    assert outcome.result.reason == "ParityRejected"
    assert words in outcome.result.message
    assert "spec.evaluation.parity" in outcome.result.message
    assert bench.stored_files() == []


def test_moved_bytes_behind_a_pin_are_refused_before_any_code_runs(tiny: Bench) -> None:
    outcome = tiny.build(digest="sha256:" + "0" * 64)
    assert (outcome.code, outcome.result.reason) == (
        exit_codes.USER_ERROR,
        "SourceDigestMismatch",
    )
    assert "sha256:0000" in outcome.result.message
    assert [line["stage"] for line in outcome.progress] == ["source"]


def test_a_source_that_is_not_there_is_named(bench: Bench) -> None:
    bench.source_folder.rmdir()
    outcome = bench.build()
    assert (outcome.code, outcome.result.reason) == (exit_codes.USER_ERROR, "SourceNotFound")
    assert str(bench.source_folder) in outcome.result.message


def test_a_request_that_is_not_one_is_no_users_error(bench: Bench) -> None:
    bench.source = type(bench.source)(kind="torchscript", uri="", entrypoint="")
    outcome = bench.build()
    assert (outcome.code, outcome.result.reason) == (1, "RequestInvalid")
