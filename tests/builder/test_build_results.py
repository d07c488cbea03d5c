"""Small decisions of the builder: result length, digests, deadlines, hardware, timing."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_runtime.builder import hardware, timing
from modelservice_runtime.builder.deadline import Deadline
from modelservice_runtime.builder.errors import OutOfTime
from modelservice_runtime.builder.scratch import Scratch
from modelservice_runtime.builder.stages import Build
from modelservice_runtime.builder.worker import Limits, explain_death
from modelservice_runtime.contract.codec import dumps, loads
from modelservice_runtime.contract.requests import BuildRequest
from modelservice_runtime.contract.results import MAX_RESULT_BYTES, BuildResult
from modelservice_runtime.contract.short_results import fitting
from modelservice_runtime.store.digests import listing_digest, tree_digest

REQUEST = {
    "namespace": "team",
    "name": "tiny",
    "buildKey": "k",
    "attempt": 1,
    "source": {"kind": "onnx", "uri": "file:///x"},
    "storeUri": "file:///s",
    "artifactUri": "file:///s/a",
    "maxBatchSize": 8,
    "durationSeconds": 60,
}
SHA = st.text("0123456789abcdef", min_size=64, max_size=64)
PATHS = st.text("abc/._ü ", min_size=1, max_size=12)


@given(st.text(max_size=9000))
def test_any_message_fits_and_as_much_of_it_as_possible_is_kept(message: str) -> None:
    result = BuildResult(key="k", attempt=1, outcome="Failed", reason="R", message=message)
    text = fitting(result)
    assert len(text.encode()) <= MAX_RESULT_BYTES
    again = loads(BuildResult, text)
    assert message.startswith(again.message.removesuffix("…"))
    if again.message != message:
        longer = len(again.message)
        grown = BuildResult(
            key="k", attempt=1, outcome="Failed", reason="R", message=message[:longer] + "…"
        )
        assert len(dumps(grown).encode()) > MAX_RESULT_BYTES


@given(st.dictionaries(PATHS, SHA), st.randoms())
def test_a_listing_has_one_digest_in_any_order(entries: dict[str, str], random: Random) -> None:
    shuffled = list(entries.items())
    random.shuffle(shuffled)
    assert listing_digest(shuffled) == listing_digest(entries.items())


@given(st.dictionaries(PATHS, SHA, min_size=1), st.data())
def test_another_path_or_content_is_another_digest(
    entries: dict[str, str], data: st.DataObject
) -> None:
    changed = dict(entries)
    path = data.draw(st.sampled_from(sorted(entries)))
    changed[path] = data.draw(SHA.filter(lambda sha: sha != entries[path]))
    assert listing_digest(changed.items()) != listing_digest(entries.items())
    renamed = {k if k != path else k + "x": v for k, v in entries.items()}
    assert listing_digest(renamed.items()) != listing_digest(entries.items())


def test_a_folders_digest_can_be_said_again_with_ordinary_tools(tmp_path: Path) -> None:
    """The recipe in the docstring of ``digests``, for whoever pins a source."""
    for name in ("model.py", "b/ä.txt", "b.txt", "__pycache__/model.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    recipe = (
        "find * -type f -not -path '*__pycache__*' -print0 | LC_ALL=C sort -z"
        " | xargs -0 sha256sum | sha256sum"
    )
    said = subprocess.run(
        ["sh", "-c", recipe], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert tree_digest(tmp_path) == "sha256:" + said.stdout.split()[0]


@pytest.mark.parametrize(("duration", "left"), [(60, 54.0), (3600, 3585.0)])
def test_a_reserve_is_kept_to_say_that_time_is_up(duration: int, left: float) -> None:
    deadline = Deadline.after(duration, now=1000.0)
    assert deadline.remaining(1000.0) == pytest.approx(left)
    assert deadline.remaining(1e9) == 0.0
    deadline.check(1000.0, "waiting")
    with pytest.raises(OutOfTime, match=r"spec\.optimization\.maxDurationSeconds"):
        deadline.check(1000.0 + duration, "exporting")


@pytest.mark.parametrize(
    ("texts", "limit"),
    [([], 0), (["max\n"], 0), (["4294967296\n"], 1 << 32), (["9223372036854771712\n"], 0)],
    ids=["no cgroup", "no limit", "4 GiB", "version 1, no limit"],
)
def test_the_memory_limit_is_read_as_the_kernel_writes_it(texts: list[str], limit: int) -> None:
    assert hardware.memory_limit(texts) == limit


@pytest.mark.parametrize(
    ("texts", "cores"),
    [([], 0.0), (["max 100000\n"], 0.0), (["150000 100000\n"], 1.5)],
    ids=["no cgroup", "no quota", "one and a half"],
)
def test_the_quota_is_read_as_the_kernel_writes_it(texts: list[str], cores: float) -> None:
    assert hardware.core_quota(texts) == cores


@pytest.mark.parametrize(
    ("code", "limit", "words"),
    [
        (-signal.SIGSEGV, 0, "crashed with SIGSEGV"),
        (-signal.SIGABRT, 1 << 30, "limit 1024 MiB"),
        (-signal.SIGKILL, 0, "ran out of memory"),
        (3, 0, "exit code 3"),
    ],
    ids=["crash", "crash at a limit", "killed", "left"],
)
def test_the_end_of_a_process_is_said_in_words(code: int, limit: int, words: str) -> None:
    error = explain_death(code, "the model", "running it", 0, limit)
    assert words in error.message
    assert ("limits.memory" in error.message) == (limit > 0 or code == -signal.SIGKILL)


def test_when_time_is_up_only_what_is_needed_is_refused(tmp_path: Path) -> None:
    """The best so far is published although the time for finding better ones is over."""
    build = Build(
        request=loads(BuildRequest, json.dumps(REQUEST)),
        scratch=Scratch(root=tmp_path),
        environment={},
        limits=Limits(memory_bytes=0),
        deadline=Deadline.after(60, now=0.0),
        clock=lambda: 1000.0,
        say=lambda *_: None,
    )
    with (
        pytest.raises(OutOfTime, match="about to begin the stage 'export'"),
        build.stage("export", "exporting"),
    ):
        pass
    with build.stage("publish", "writing", needed=False):
        pass
    assert build.seconds == {"publish": 0.0}


def test_one_disturbed_round_does_not_move_the_figure() -> None:
    assert timing.settled([[10.0], [10.0], [90.0]]) == 10.0
    assert json.dumps(timing.repeat(lambda: None, 0.0)), "at least one call"
