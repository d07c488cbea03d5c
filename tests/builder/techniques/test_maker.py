"""A maker process: what it makes, and how each way of failing is told from the others."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modelservice_runtime.builder.errors import (
    ENTRYPOINT_OUT_OF_MEMORY,
    ENTRYPOINT_TIMED_OUT,
    BuildError,
    Infrastructure,
    OutOfTime,
    UserError,
)
from modelservice_runtime.builder.recipes import Step
from modelservice_runtime.builder.techniques import inspecting, maker
from modelservice_runtime.builder.techniques.base import CannotProduceError, Made, Work
from modelservice_runtime.builder.techniques.work_json import from_json, to_json
from modelservice_runtime.builder.worker import Limits, Stopped

if TYPE_CHECKING:
    from conftest import Example

    WorkOf = Callable[..., Work]
    Makes = Callable[[str, Work], Made]
    Bad = Callable[..., Made]

NO_LIMIT = Limits(memory_bytes=0)

#: A maker with techniques that misbehave.
BAD_MAKER = """
import os
import time

from modelservice_runtime.builder.techniques import maker
from modelservice_runtime.builder.techniques.base import CannotProduceError, Made


class Bad:
    name = "bad"

    def produce(self, work):
        getattr(self, work.parameters["how"])(work)
        (work.target / "model.onnx").write_bytes(b"something")
        return Made(model_file=work.parameters.get("file", "model.onnx"), figures={"n": 1.0})

    def well(self, work):
        print("a technique may print what it likes")

    def hang(self, work):
        while True:
            time.sleep(0.05)

    def eat(self, work):
        self.eaten = [bytearray(16 << 20) for _ in range(1000)]

    def crash(self, work):
        os.abort()

    def leave(self, work):
        os._exit(0)

    def refuse(self, work):
        raise CannotProduceError("the model has an operator that nobody knows")

    def fail(self, work):
        raise ZeroDivisionError("a mistake of ours")

    def fill(self, work):
        with (work.target / "large").open("wb") as out:
            while True:
                out.write(bytes(1 << 20))


TECHNIQUE = Bad()

if __name__ == "__main__":
    maker.main({"bad": "bad_maker"})
"""


@pytest.fixture
def bad(environment: dict[str, str], tmp_path: Path, work_on: WorkOf) -> Bad:
    """Make a step that misbehaves: ``how``, and what bounds it."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules/bad_maker.py").write_text(textwrap.dedent(BAD_MAKER))
    paths = f"{tmp_path / 'modules'}:{environment['PYTHONPATH']}"

    def make(
        how: str,
        *,
        timeout: float = 30,
        memory_bytes: int = 0,
        target: Path | None = None,
        stop: Callable[[], bool] = lambda: False,
        **parameters: str,
    ) -> Made:
        work = work_on(tmp_path / "nothing.onnx", how=how, **parameters)
        return maker.make(
            Step(technique="bad", label="int8-bad", parameters=work.parameters),
            replace(work, target=target or work.target),
            limits=Limits(memory_bytes=memory_bytes),
            environment={**environment, "PYTHONPATH": paths},
            timeout=timeout,
            cwd=tmp_path,
            stop=stop,
            module="bad_maker",
        )

    return make


def test_what_was_made_comes_back_with_the_memory_that_it_took(bad: Bad) -> None:
    made = bad("well")
    assert made.model_file == "model.onnx"
    assert made.figures["n"] == 1.0
    assert made.figures[maker.PEAK] > 1 << 20


def test_a_technique_that_does_not_apply_is_told_from_one_that_fails(bad: Bad) -> None:
    with pytest.raises(CannotProduceError, match=r"^the model has an operator that nobody knows$"):
        bad("refuse")
    with pytest.raises(BuildError, match="ZeroDivisionError: a mistake of ours") as caught:
        bad("fail")
    assert not isinstance(caught.value, UserError)


def test_a_technique_that_hangs_is_stopped_in_time(bad: Bad) -> None:
    with pytest.raises(OutOfTime) as caught:
        bad("hang", timeout=2)
    assert caught.value.reason == ENTRYPOINT_TIMED_OUT


def test_a_technique_that_is_not_wanted_any_more_is_stopped_at_once(bad: Bad) -> None:
    asked = []

    def stop() -> bool:
        asked.append(True)
        return len(asked) > 3

    with pytest.raises(Stopped):
        bad("hang", stop=stop)


def test_a_technique_that_eats_all_memory_is_stopped_before_the_pod_is(bad: Bad) -> None:
    with pytest.raises(UserError, match="ran out of memory") as caught:
        bad("eat", memory_bytes=2 << 30)
    assert caught.value.reason == ENTRYPOINT_OUT_OF_MEMORY


@pytest.mark.parametrize(
    ("how", "words"), [("crash", "SIGABRT"), ("leave", "exit code 0")], ids=["crash", "exit"]
)
def test_a_technique_that_takes_its_process_along_leaves_the_build_alone(
    bad: Bad, how: str, words: str
) -> None:
    with pytest.raises(UserError, match=f"^int8-bad: .*{words}"):
        bad(how)


def test_a_full_disk_is_no_fault_of_the_technique(bad: Bad, in_small_folder: Path) -> None:
    with pytest.raises(Infrastructure, match="scratch folder is full") as caught:
        bad("fill", target=in_small_folder)
    assert caught.value.reason == "ScratchUnusable"


@pytest.fixture
def in_small_folder(tmp_path: Path) -> Path:
    """A folder of 4 MiB, if this machine lets us mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    options = ["-o", "size=4m", "none", str(folder)]
    done = subprocess.run(["mount", "-t", "tmpfs", *options], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("no volume can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("file", ["other.onnx", "../outside.onnx", ""])
def test_a_file_that_is_not_there_is_a_fault_of_the_technique(
    bad: Bad, tmp_path: Path, file: str
) -> None:
    (tmp_path / "outside.onnx").write_bytes(b"x")
    with pytest.raises(BuildError, match="which is not there"):
        bad("well", file=file)


def test_only_known_techniques_are_imported(made: Makes, work_on: WorkOf, cnn: Example) -> None:
    with pytest.raises(BuildError, match="KeyError: 'os'"):
        made("os", work_on(cnn))


def test_every_technique_that_can_be_asked_for_names_itself() -> None:
    """In a process of its own: importing them all takes several frameworks."""
    code = textwrap.dedent(
        """
        import importlib, importlib.util
        from modelservice_runtime.builder.techniques.maker import REGISTRY
        for name, module in REGISTRY.items():
            if importlib.util.find_spec(module) is None:
                print("missing", name)
                continue
            technique = importlib.import_module(module).TECHNIQUE
            assert technique.name == name, (technique.name, name)
            assert callable(technique.produce)
        """
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_the_parents_side_imports_no_framework() -> None:
    """The build's own process stays small."""
    modules = ("maker", "inspecting", "planning")
    package = "modelservice_runtime.builder.techniques"
    heavy = {"torch", "onnx", "onnxruntime", "openvino", "nncf", "sympy", "onnxscript"}
    code = f"import sys\nfor m in {modules}: __import__(f'{package}.{{m}}')\n"
    code += f"print(sorted(set(sys.modules) & {heavy}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_task_survives_the_way_to_the_process(cnn: Example, work_on: WorkOf) -> None:
    work = work_on(cnn, ratio=0.5, how="ort", rows=3, per_channel=True)
    assert from_json(to_json(work)) == work
    bare = replace(
        work, calibration=None, selection=None, training_entrypoint="a:b", training_seed=7
    )
    assert from_json(to_json(bare)) == bare


def test_the_contents_of_an_export_are_counted(
    cnn: Example, environment: dict[str, str], tmp_path: Path
) -> None:
    found = inspecting.inspect(
        cnn.model, limits=NO_LIMIT, environment=environment, timeout=60, cwd=tmp_path
    )
    assert found.operators["Conv"] == 3
    assert found.operators["Gemm"] == 1
    # Batch norms are folded into the convolutions: weights and biases of these and of the head.
    assert found.parameters == pytest.approx(
        3 * 16 * 9 + 16 + 16 * 9 + 16 + 16 * 16 + 16 + 85, abs=8
    )


def test_an_export_that_cannot_be_read_is_an_error_in_words(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"not a model")
    with pytest.raises(BuildError, match=r"reading bad\.onnx"):
        inspecting.inspect(
            tmp_path / "bad.onnx",
            limits=NO_LIMIT,
            environment=environment,
            timeout=60,
            cwd=tmp_path,
        )


#: Notes every name that is looked up and every address that is connected to, in each process.
LISTENER = """
import os, sys

def note(event, args):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname"}:
        with open(os.environ["NOTES"], "a") as out:
            out.write(f"{event} {args[-1] if event == 'socket.connect' else args[0]}\\n")
        raise ConnectionRefusedError("nothing is sent from a test")

sys.addaudithook(note)
"""


@pytest.fixture
def listened(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """An environment in which every process notes whom it talks to; not one of a CI."""
    folder = tmp_path / "listener"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(LISTENER)
    (tmp_path / "notes").touch()
    return {
        **environment,
        "PYTHONPATH": f"{folder}:{environment['PYTHONPATH']}",
        "NOTES": str(tmp_path / "notes"),
    }


TALKATIVE = """
import sys, time
import nncf.telemetry
nncf.telemetry.telemetry.send_event("nncf", "action", "label")
import openvino_telemetry
openvino_telemetry.Telemetry().force_shutdown(3)
"""


def test_the_libraries_would_report_what_is_done_if_they_were_let(
    listened: dict[str, str], tmp_path: Path
) -> None:
    """Else the next test would show nothing."""
    subprocess.run(
        [sys.executable, "-c", TALKATIVE],
        env=listened,
        check=False,
        capture_output=True,
        timeout=50,
    )
    assert (tmp_path / "notes").read_text() != ""


@pytest.mark.parametrize("technique", ["openvino_ir", "openvino_int8", "accuracy_control"])
def test_nothing_that_is_done_here_is_reported_to_anybody(
    listened: dict[str, str], tmp_path: Path, cnn: Example, work_on: WorkOf, technique: str
) -> None:
    work = work_on(cnn)
    maker.make(
        Step(technique=technique, label=technique),
        work,
        limits=NO_LIMIT,
        environment=listened,
        timeout=100,
        cwd=tmp_path,
    )
    assert (tmp_path / "notes").read_text() == ""
