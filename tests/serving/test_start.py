"""The start wrapper: lays out what Triton reads, or refuses in words; flags and shared memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from artifacts import EXPORT, Kind, onnx_file, read_manifest
from models import linear
from pod import Pod

from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.codec import dumps
from modelservice_runtime.contract.model_config import ONNXRUNTIME_BACKEND, render_pbtxt
from modelservice_runtime.contract.store_layout import MANIFEST
from modelservice_runtime.serve import flags, layout, shared_memory, start
from modelservice_runtime.serve.termination import shortened

PodOf = Callable[..., Pod]
TWO = (EXPORT, Kind(name="other", write=onnx_file))


def refusal(pod: Pod, config: str) -> tuple[int, str]:
    """Exit code and termination message of a container with this configuration."""
    (pod.root / "config.pbtxt").write_text(config)
    done = pod.run_once({})
    return done.returncode, pod.message_file.read_text()


def test_an_unknown_backend_is_refused(pod_of: PodOf) -> None:
    pod = pod_of(linear())
    config = render_pbtxt(replace(pod.config, backend="tensorflow"))
    code, message = refusal(pod, config)
    assert code == exit_codes.USER_ERROR
    assert message == (
        "the configuration names backend 'tensorflow'; known are onnxruntime, python, tensorrt"
    )
    assert not (pod.root / "repository").exists()


def test_an_empty_configuration_is_refused(pod_of: PodOf) -> None:
    code, message = refusal(pod_of(linear()), "")
    assert (code, "names backend ''" in message) == (exit_codes.USER_ERROR, True)


def test_a_missing_model_is_refused(pod_of: PodOf) -> None:
    pod = pod_of(linear())
    pod.model_file.unlink()
    code, message = refusal(pod, render_pbtxt(pod.config))
    assert code == exit_codes.USER_ERROR
    assert "the artifact was not fetched to the end" in message


def test_a_missing_configuration_is_worth_another_try(pod_of: PodOf) -> None:
    pod = pod_of(linear())
    done = pod.run_once({})
    assert done.returncode == exit_codes.INFRASTRUCTURE
    assert "cannot be laid out" in pod.message_file.read_text()


def names_under(folder: Path) -> set[str]:
    """Everything in the version's folder and beside it; linked folders as one name."""
    found = [*folder.iterdir(), *(folder / "1").iterdir(), *(folder / "warmup").iterdir()]
    return {path.relative_to(folder).as_posix() for path in found} - {"1", "warmup"}


RUNNER_FILES = {path.name for path in layout.RUNNER.glob("*.py")}


def test_the_layout_is_made_afresh_each_time(pod_of: PodOf, tmp_path: Path) -> None:
    pod = pod_of(linear(), kinds=TWO)
    repository = tmp_path / "repository"
    config = render_pbtxt(pod.config)
    folder = layout.lay_out(pod.artifact, config, repository, "tiny")
    (folder / "leftover").touch()
    (folder / "config.pbtxt").write_text("half a line")
    layout.lay_out(pod.artifact, config, repository, "tiny")
    files = {"config.pbtxt", "warmup/x", "1/export", "1/other", *(f"1/{n}" for n in RUNNER_FILES)}
    assert names_under(folder) == files
    assert {"model.py", "engines.py"} <= RUNNER_FILES
    assert (folder / "config.pbtxt").read_text() == config
    assert (folder / "1" / "export" / "model.onnx").resolve() == pod.model_file.resolve()


def test_triton_s_own_backend_gets_no_runner(pod_of: PodOf, tmp_path: Path) -> None:
    pod = pod_of(linear())
    config = render_pbtxt(replace(pod.config, backend=ONNXRUNTIME_BACKEND))
    folder = layout.lay_out(pod.artifact, config, tmp_path / "repository", "tiny")
    assert [path.name for path in (folder / "1").iterdir()] == ["export"]
    assert 'default_model_filename: "export/model.onnx"' in config


def test_a_variant_that_the_artifact_does_not_have_is_refused(pod_of: PodOf) -> None:
    pod = pod_of(linear(), kinds=TWO)
    code, message = refusal(pod, render_pbtxt(replace(pod.config, variant="int8")))
    assert code == exit_codes.USER_ERROR
    assert message == ("the configuration names variant 'int8'; the artifact has export, other")


@pytest.mark.parametrize("manifest", ["", "{}"])
def test_an_artifact_without_its_manifest_is_refused(pod_of: PodOf, manifest: str) -> None:
    pod = pod_of(linear())
    (pod.artifact / MANIFEST).write_text(manifest)
    code, message = refusal(pod, render_pbtxt(pod.config))
    assert code == exit_codes.USER_ERROR
    assert "manifest.json cannot be read: Manifest" in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ".."}, "variant '..' has a name that is no folder's"),
        ({"name": ""}, "variant '' has a name that is no folder's"),
        ({"name": "model.py"}, "variant 'model.py' has a name that is no folder's"),
        ({"folder": "../elsewhere"}, "variant 'other': '../elsewhere' is not in the artifact"),
        ({"folder": "/etc", "model_file": "passwd"}, "'/etc' is not in the artifact"),
    ],
)
def test_a_variant_that_points_out_of_the_artifact_is_refused(
    pod_of: PodOf, tmp_path: Path, change: dict[str, str], words: str
) -> None:
    pod = pod_of(linear(), kinds=TWO)
    manifest = read_manifest(pod.artifact)
    first, second = manifest.variants
    text = dumps(replace(manifest, variants=(first, replace(second, **change))))
    (pod.artifact / MANIFEST).write_text(text)
    with pytest.raises(layout.LayoutError, match=re.escape(words)):
        layout.lay_out(pod.artifact, render_pbtxt(pod.config), tmp_path / "repository", "tiny")
    assert not (tmp_path / "repository").exists()


def test_a_configuration_is_replaced_whole(tmp_path: Path) -> None:
    layout.write_config(tmp_path, "old")
    layout.write_config(tmp_path, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["config.pbtxt"]
    assert (tmp_path / "config.pbtxt").read_text() == "new"


def plan(key: str) -> flags.ServerPlan:
    return flags.ServerPlan(
        repository=Path("/repository"),
        model="tiny",
        endpoint=flags.Endpoint(),
        admin_key=key,
        shared_memory_prefix="prefix_",
    )


def test_a_flag_of_the_pod_replaces_ours_of_the_same_name() -> None:
    extra = ["--http-port=18000", "--metrics-config=summary_latencies=false", "--log-verbose=1"]
    words = flags.command(plan("key"), extra)
    assert words[0] == "tritonserver"
    assert [word for word in words if word.startswith("--http-port")] == ["--http-port=18000"]
    summaries = [word for word in words if word.startswith("--metrics-config=summary_lat")]
    assert summaries == ["--metrics-config=summary_latencies=false"]
    # Flags that may be given several times are told apart by what they set.
    assert sum(word.startswith("--metrics-config=") for word in words) == 2
    assert sum(word.startswith("--backend-config=python,") for word in words) == 2


def test_what_changes_a_server_is_closed_on_both_protocols_or_on_none() -> None:
    rule = "model-repository,shared-memory,trace,logging:modelservice-admin-key=key"
    closed = flags.command(plan("key"))
    assert {f"--http-restricted-api={rule}", f"--grpc-restricted-protocol={rule}"} <= set(closed)
    assert not [word for word in flags.command(plan("")) if "restricted" in word]


def test_without_a_key_each_start_makes_up_another_one(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    made = [start.admin_key(file) for file in (None, None, tmp_path / "none", tmp_path / "empty")]
    assert len(set(made)) == 4
    assert min(len(key) for key in made) >= 32


def test_the_operator_s_key_is_taken_from_its_file(pod_of: PodOf) -> None:
    pod = pod_of(linear())
    config, key = pod.root / "config.pbtxt", pod.root / "key"
    config.write_text(render_pbtxt(pod.config))
    key.write_text("of-the-operator\n")
    plan = start.prepare(pod.artifact, config, pod.root / "r", "tiny", start.admin_key(key))
    assert plan.admin_key == "of-the-operator"


def test_threads_that_spin_are_off_unless_the_pod_says_otherwise() -> None:
    made = start.child_environment({"OMP_NUM_THREADS": "4", "HOME": "/"})
    assert made == {"OMP_NUM_THREADS": "4", "OMP_WAIT_POLICY": "PASSIVE", "HOME": "/"}


def test_only_one_s_own_shared_memory_is_removed(tmp_path: Path) -> None:
    own = shared_memory.region_prefix(tmp_path / "repository", "tiny")
    other = shared_memory.region_prefix(tmp_path / "repository", "tiny2")
    for name in (f"{own}1", f"{own}2", f"{other}1", "psm_1"):
        (tmp_path / name).touch()
    assert shared_memory.remove_regions(own, tmp_path) == 2
    assert shared_memory.remove_regions(own, tmp_path) == 0
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {f"{other}1", "psm_1"}


def test_last_words_are_cut_between_characters() -> None:
    text = shortened("é" * 5000)
    assert len(text) == 4096
    assert shortened("x" + "é" * 5000).decode() == "x" + "é" * 2047
