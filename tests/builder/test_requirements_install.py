"""A source's own requirements: added from its wheels, never in place of the builder's."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import pytest
from onnx import TensorProto, helper

from modelservice_runtime.builder import requirements
from modelservice_runtime.builder.errors import UserError
from modelservice_runtime.builder.scratch import Scratch
from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.requests import ONNX, SourceRequest

if TYPE_CHECKING:
    from conftest import Bench

TIMEOUT_SECONDS = 50.0


def make_wheel(folder: Path, name: str, version: str, needs: str = "") -> str:
    """A wheel of one module ``<name>.py`` with ``VALUE = 7``; its requirement line."""
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    requires = f"Requires-Dist: {needs}\n" if needs else ""
    files = {
        f"{name}.py": "VALUE = 7\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},{_record_hash(text)},{len(text)}\n" for path, text in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in files.items():
            archive.writestr(inner, text)
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def _record_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    made = Scratch(root=tmp_path / "scratch")
    made.create()
    return made


def install(scratch: Scratch, text: str) -> requirements.Installed:
    (scratch.source / "requirements.txt").write_text(text)
    environment = scratch.environment({"PATH": "/usr/bin:/bin"})
    return requirements.install(scratch, environment, TIMEOUT_SECONDS)


def test_a_wheel_in_the_source_is_installed_without_a_network_and_imported(bench: Bench) -> None:
    """It needs numpy too, which the builder has: no second one is installed."""
    line = make_wheel(bench.source_folder / "wheels", "own_package", "1.0", "numpy>=2")
    bench.write("requirements.txt", line)
    bench.write("model.py", "import own_package\ndef load(): raise ValueError(own_package.VALUE)\n")
    outcome = bench.build()
    assert "ValueError: 7" in outcome.result.message, outcome.log


def test_the_manifest_names_what_was_installed(bench: Bench) -> None:
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 2]) for name in ("x", "y")
    )
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", [x], [y])
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    onnx.save(model, bench.source_folder / "model.onnx")
    line = make_wheel(bench.source_folder / "wheels", "thing", "1.0")
    bench.write("requirements.txt", line)
    bench.source = SourceRequest(kind=ONNX, uri="")
    outcome = bench.build()
    assert outcome.code == exit_codes.OK, outcome.log
    assert bench.manifest().requirements == (line.strip(),)


def test_without_requirements_nothing_happens(scratch: Scratch) -> None:
    assert requirements.install(scratch, {}, TIMEOUT_SECONDS) == requirements.Installed()


def test_what_was_installed_is_pinned_and_brings_the_same_bytes_again(
    scratch: Scratch, tmp_path: Path
) -> None:
    """What a package needs must be hashed too; the builder's own packages are not listed."""
    wheels = scratch.source / "wheels"
    first = make_wheel(wheels, "Own_Package", "1.0", "numpy>=2")
    second = make_wheel(wheels, "another", "2.5", "own-package")
    installed = install(scratch, f"# ours\n{second}{first}")
    assert installed.pinned == (second.strip(), first.strip().replace("Own_Package", "own-package"))
    (folder,) = installed.paths
    assert (folder / "another.py").is_file()

    again = Scratch(root=tmp_path / "again")
    again.create()
    shutil.copytree(wheels, again.source / "wheels")
    assert install(again, "\n".join(installed.pinned)).pinned == installed.pinned


def test_a_distribution_that_pip_says_nothing_of_is_pinned_without_a_hash(tmp_path: Path) -> None:
    (tmp_path / "thing-3.dist-info").mkdir()
    (tmp_path / "thing-3.dist-info/METADATA").write_text("Name: thing\nVersion: 3\n")
    assert requirements.pins([tmp_path], {"version": "1", "install": []}) == ("thing==3",)


def test_another_version_of_the_builders_own_package_is_refused_in_words(scratch: Scratch) -> None:
    line = make_wheel(scratch.source / "wheels", "numpy", "1.26.0")
    with pytest.raises(UserError) as caught:
        install(scratch, line)
    assert caught.value.reason == "RequirementsNotInstallable"
    assert f"numpy=={importlib.metadata.version('numpy')}" in caught.value.message
    assert "another version than the builder has" in caught.value.message


def test_a_requirement_without_a_hash_is_refused_in_words(scratch: Scratch) -> None:
    make_wheel(scratch.source / "wheels", "own_package", "1.0")
    with pytest.raises(UserError, match="give its --hash"):
        install(scratch, "own_package==1.0\n")


def test_a_wheel_that_was_tampered_with_is_refused(scratch: Scratch) -> None:
    line = make_wheel(scratch.source / "wheels", "own_package", "1.0")
    make_wheel(scratch.source / "wheels", "own_package", "1.0", "numpy")
    with pytest.raises(UserError, match="DO NOT MATCH THE HASHES"):
        install(scratch, line)


def test_a_wheel_that_is_missing_is_named(scratch: Scratch) -> None:
    (scratch.source / "wheels").mkdir()
    with pytest.raises(UserError, match=r"own_package.*into wheels/"):
        install(scratch, f"own_package==1.0 --hash=sha256:{'0' * 64}\n")


def test_the_advice_without_a_way_out_is_to_bring_the_wheels() -> None:
    error = requirements.explain("ERROR: No matching distribution found for x==1", offline=False)
    assert "No matching distribution found for x==1" in error.message
    assert "put the wheels for Linux x86-64" in error.message
