"""Pickles in the code of a PyTorch source: refused without a digest pin, told of with one."""

from __future__ import annotations

import pickle
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from modelservice_runtime.builder import entrypoint
from modelservice_runtime.builder.errors import UserError
from modelservice_runtime.builder.pickles import (
    FORCE_NO_WEIGHTS_ONLY,
    FORCE_WEIGHTS_ONLY,
    is_pinned,
    torch_environment,
)
from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.requests import SourceRequest
from modelservice_runtime.store.digests import tree_digest

if TYPE_CHECKING:
    from conftest import Bench

PIN = "sha256:" + "0" * 64

READS = """
    import pickle, torch
    from pathlib import Path
    HERE = Path(__file__).parent
    def load():
        {statement}
        return torch.nn.Linear(4, 3).eval(), {{"input": torch.ones(2, 4)}}
"""


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Path]:
    """An empty source; what is imported from it is forgotten afterwards."""
    paths = list(sys.path)
    yield tmp_path
    sys.path[:] = paths
    sys.modules.pop("model", None)


def write(source: Path, statement: str) -> None:
    (source / "model.py").write_text(textwrap.dedent(READS.format(statement=statement)))


def load(source: Path, *, pinned: bool = False) -> entrypoint.Loaded:
    return entrypoint.load(source, "model:load", [], pinned=pinned)


class Writes:
    """Unpickled, it writes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return eval, (f"open({str(self.marker)!r}, 'w').close()",)


@pytest.fixture
def weights(source: Path) -> Path:
    """``weights.pt`` holds more than tensors; its code writes the file that is returned."""
    marker = source / "ran"
    torch.save({"model": Writes(marker)}, source / "weights.pt")
    (source / "weights.pkl").write_bytes(pickle.dumps(Writes(marker)))
    return marker


@pytest.mark.parametrize("kind", ["pytorch", "torchExport"])
def test_only_a_pinned_source_may_unpickle(kind: str) -> None:
    open_source = SourceRequest(kind=kind, uri="file:///source")
    pinned = SourceRequest(kind=kind, uri="file:///source", digest=PIN)
    assert torch_environment(open_source)[FORCE_WEIGHTS_ONLY] == "1"
    assert not is_pinned(torch_environment(open_source))
    assert is_pinned(torch_environment(pinned))
    assert not is_pinned({})


def test_an_inherited_variable_cannot_undo_the_refusal() -> None:
    inherited = {FORCE_NO_WEIGHTS_ONLY: "1"}
    request = SourceRequest(kind="pytorch", uri="file:///source")
    assert {**inherited, **torch_environment(request)}[FORCE_NO_WEIGHTS_ONLY] == "0"


@pytest.mark.parametrize("kind", ["onnx", "tensorflow"])
def test_sources_without_torch_get_no_variables(kind: str) -> None:
    assert torch_environment(SourceRequest(kind=kind, uri="file:///source")) == {}


@pytest.mark.parametrize(
    ("statement", "forced"),
    [
        ("torch.load(HERE / 'weights.pt', weights_only=False)", True),
        ("torch.load(HERE / 'weights.pt', weights_only=False)", False),
        ("pickle.loads((HERE / 'weights.pkl').read_bytes())", True),
    ],
    ids=["torch.load, variable", "torch.load, hook alone", "pickle"],
)
def test_unpinned_it_is_refused_with_its_place_before_its_code_runs(
    source: Path,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    statement: str,
    forced: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    if forced:
        monkeypatch.setenv(FORCE_WEIGHTS_ONLY, "1")
    write(source, statement)
    with pytest.raises(UserError, match=r"spec\.model\.source\.pytorch\.digest") as caught:
        load(source)
    assert caught.value.reason == "PickleNotPinned"
    assert "model.py:6" in caught.value.message
    assert "safetensors" in caught.value.message
    assert not weights.exists()


def test_tensors_alone_need_no_pin(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FORCE_WEIGHTS_ONLY, "1")
    torch.save(torch.nn.Linear(4, 3).state_dict(), source / "weights.pt")
    write(source, "torch.load(HERE / 'weights.pt', weights_only=False)")
    assert load(source).notes == ()


def test_with_a_pin_it_is_read_and_the_notes_name_what(source: Path, weights: Path) -> None:
    write(source, "torch.load(HERE / 'weights.pt', weights_only=False)")
    notes = " ".join(load(source, pinned=True).notes)
    assert "unpickles objects (__builtin__.eval)" in notes
    assert weights.exists()


def test_answers_of_own_worker_processes_are_no_pickles_of_the_source(source: Path) -> None:
    queue = "from multiprocessing import Queue; from collections import OrderedDict"
    write(source, f"{queue}; q = Queue(); q.put(OrderedDict(a=1)); q.get()")
    assert load(source).notes == ()


def test_what_is_unpickled_after_the_entrypoint_is_not_watched(source: Path) -> None:
    write(source, "pass")
    load(source)
    assert pickle.loads(pickle.dumps(Path("a"))) == Path("a")  # noqa: S301 - our own bytes


def test_a_build_reads_a_pickle_if_its_bytes_are_pinned_and_says_so(bench: Bench) -> None:
    marker = bench.root / "ran"
    torch.save({"model": Writes(marker)}, bench.source_folder / "weights.pt")
    bench.write(
        "model.py", READS.format(statement="torch.load(HERE / 'weights.pt', weights_only=False)")
    )
    refused = bench.build()
    assert (refused.code, refused.result.reason) == (exit_codes.USER_ERROR, "PickleNotPinned")
    assert not marker.exists()
    pinned = bench.build(digest=tree_digest(bench.source_folder), attempt=2)
    assert pinned.code == exit_codes.OK, pinned.log
    assert marker.exists()
    assert "unpickles objects" in " ".join(line["message"] for line in pinned.progress)
