"""The cache: a thing is built once, a killed build is repeated, what is in use stays."""

from __future__ import annotations

import io
import multiprocessing
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelservice_harness.console import Console
from modelservice_harness.digests import digest_of_files
from modelservice_harness.layout import Layout, layout_of
from modelservice_harness.locks import exclusive
from modelservice_harness.processes import Runner
from modelservice_harness.pruning import Built, prune, superfluous
from modelservice_harness.workshop import MARKER, Workshop, clean_environ, is_complete


def workshop_in(tmp_path: Path) -> Workshop:
    console = Console(io.StringIO())
    return Workshop(
        layout=Layout(repository=tmp_path / "repo", cache=tmp_path / "cache"),
        console=console,
        runner=Runner(console),
        environ=dict(os.environ),
    )


def test_a_thing_is_built_once(tmp_path: Path) -> None:
    workshop, place, calls = workshop_in(tmp_path), tmp_path / "cache" / "thing-1", []

    def build(folder: Path, _lock: int) -> None:
        calls.append(folder)
        (folder / "file").write_text("x")

    for _ in range(3):
        assert workshop.ensure(place, "thing", build) == place
    assert calls == [place]
    assert is_complete(place)


def test_what_a_failed_build_left_is_removed_before_the_next(tmp_path: Path) -> None:
    workshop, place = workshop_in(tmp_path), tmp_path / "cache" / "thing-1"

    def fail(folder: Path, _lock: int) -> None:
        (folder / "half").write_text("x")
        raise OSError("no space")

    def succeed(folder: Path, _lock: int) -> None:
        assert list(folder.iterdir()) == []

    with pytest.raises(OSError, match="no space"):
        workshop.ensure(place, "thing", fail)
    assert not is_complete(place)
    workshop.ensure(place, "thing", succeed)
    assert is_complete(place)


def _hold(path: Path, ready: multiprocessing.synchronize.Event) -> None:
    with exclusive(path, lambda: None):
        ready.set()
        multiprocessing.Event().wait(60)


def test_a_lock_dies_with_the_process_that_held_it(tmp_path: Path) -> None:
    """After ``kill -9`` in the middle, the next run does not wait for ever."""
    path = tmp_path / "lock"
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(path, ready))
    holder.start()
    assert ready.wait(20)
    waited: list[bool] = []

    def kill_it() -> None:
        waited.append(True)
        holder.kill()

    with exclusive(path, kill_it):
        assert waited == [True]
    holder.join(20)


def test_a_kubeconfig_that_happens_to_be_set_reaches_no_program_of_ours() -> None:
    found = clean_environ({"KUBECONFIG": "/home/me/production", "PATH": "/bin", "PYTHONPATH": "x"})
    assert found == {"PATH": "/bin"}


def test_the_cache_lies_where_xdg_says(tmp_path: Path) -> None:
    layout = layout_of({"XDG_CACHE_HOME": str(tmp_path), "HOME": "/nowhere"})
    assert layout.cache == tmp_path / "modelservice-operator"
    assert (layout.repository / "pyproject.toml").is_file()
    assert layout.version().count(".") == 2


def test_a_digest_sees_names_bytes_and_execute_bits_but_no_caches(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    first = digest_of_files(tmp_path, [tmp_path])
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("compiled")
    assert digest_of_files(tmp_path, [tmp_path]) == first
    seen = {first}
    for change in (
        lambda: (tmp_path / "a.py").write_text("2"),
        lambda: (tmp_path / "a.py").chmod(0o755),
        lambda: (tmp_path / "a.py").rename(tmp_path / "b.py"),
        (tmp_path / "empty").touch,
    ):
        change()
        seen.add(digest_of_files(tmp_path, [tmp_path]))
    assert len(seen) == 5


@given(
    uses=st.lists(st.integers(0, 1000), unique=True, max_size=12),
    keep=st.integers(1, 5),
    referenced=st.sets(st.integers(0, 11)),
)
def test_only_old_and_unreferenced_things_are_superfluous(
    uses: list[int], keep: int, referenced: set[int]
) -> None:
    built = [Built(path=Path(f"/c/x-{i:02d}"), name="x", used=float(u)) for i, u in enumerate(uses)]
    text = " ".join(str(item.path) for i, item in enumerate(built) if i in referenced)
    gone = superfluous(built, text, keep)
    newest = sorted(built, key=lambda item: -item.used)[:keep]
    assert not {item.path for item in newest} & set(gone)
    assert not any(str(path) in text for path in gone)
    assert len(built) - len(gone) <= keep + len(referenced)


def test_pruning_leaves_what_is_not_finished(tmp_path: Path) -> None:
    """Another run may be building it at this moment."""
    layout = Layout(repository=tmp_path, cache=tmp_path / "cache")
    for number in range(6):
        folder = layout.binaries / f"localcluster-{number:016d}"
        folder.mkdir(parents=True)
        (folder / MARKER).touch()
        os.utime(folder / MARKER, (number, number))
    unfinished = layout.binaries / "localcluster-unfinished"
    unfinished.mkdir()
    gone = prune(layout)
    assert sorted(path.name[-1] for path in gone) == ["0", "1"]
    assert unfinished.is_dir()
