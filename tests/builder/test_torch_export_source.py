"""A torch.export program as a source: loaded, looked at first, exported; no pickle unpinned."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch.export import Dim

from modelservice_runtime.builder.errors import UserError
from modelservice_runtime.builder.torch_export_worker import ProgramEngine
from modelservice_runtime.contract import exit_codes
from modelservice_runtime.contract.requests import SourceRequest

if TYPE_CHECKING:
    from conftest import Bench

pytestmark = pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.*:FutureWarning")


class Two(torch.nn.Module):
    """Two inputs, a dict of outputs; the keys are not in the order of the alphabet."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(4, 3)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> dict[str, torch.Tensor]:
        """Both outputs, a row each."""
        return {"scores": self.linear(x), "doubled": 2 * y}


class Twice(torch.nn.Module):
    """One input, one output."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Doubled."""
        return 2 * x


def saved(folder: Path, batch: Any = None, name: str = "model.pt2") -> Path:
    dims = {0: batch or Dim("batch", min=1, max=8)}
    arguments = (torch.arange(12.0).reshape(3, 4),)
    program = torch.export.export(Twice().eval(), arguments, dynamic_shapes=(dims,))
    torch.export.save(program, folder / name)
    return folder / name


def rewritten(path: Path, change: Callable[[str, bytes], bytes], **added: bytes) -> None:
    """The archive with other bytes; names without the archive's own first folder."""
    with zipfile.ZipFile(path) as archive:
        entries = {info.filename: archive.read(info) for info in archive.infolist()}
    root = next(iter(entries)).partition("/")[0]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, change(name.partition("/")[2], data))
        for name, data in added.items():
            archive.writestr(f"{root}/{name}", data)


def unchanged(_: str, data: bytes) -> bytes:
    return data


class Touches:
    """Unpickled, it writes a file and becomes the example inputs that a program may have."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        code = "(open({!r}, 'w').close(), ((__import__('torch').ones(2, 4),), {{}}))[1]"
        return eval, (code.format(str(self.marker)),)


def with_code_in_its_samples(path: Path, marker: Path) -> None:
    buffer = io.BytesIO()
    torch.save(Touches(marker), buffer)
    rewritten(
        path, lambda name, old: buffer.getvalue() if name.startswith("data/sample_inputs") else old
    )


def loaded(folder: Path, *, pinned: bool = False) -> tuple[ProgramEngine, dict[str, Any]]:
    engine = ProgramEngine(pinned=pinned)
    return engine, engine.load(str(folder), str(folder / "written.safetensors"))


def test_names_and_answers_are_the_programs_and_kept_in_onnx_at_every_batch(tmp_path: Path) -> None:
    batch = Dim("batch", min=1, max=8)
    module = Two().eval()
    inputs = {"x": torch.randn(3, 4), "y": torch.randn(3, 2)}
    shapes = {"x": {0: batch}, "y": {0: batch}}
    program = torch.export.export(module, (), kwargs=inputs, dynamic_shapes=shapes)
    torch.export.save(program, tmp_path / "model.pt2")
    engine, reply = loaded(tmp_path)
    assert "exported with" in " ".join(reply["notes"])
    np.testing.assert_array_equal(
        load_file(tmp_path / "written.safetensors")["x"], inputs["x"].numpy()
    )
    engine.export(str(tmp_path / "model.onnx"), 8)
    session = onnxruntime.InferenceSession(
        str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    assert [tensor.name for tensor in session.get_outputs()] == ["scores", "doubled"]
    for rows in (1, 3, 8):
        given = {"x": torch.randn(rows, 4), "y": torch.randn(rows, 2)}
        arrays = {name: tensor.numpy() for name, tensor in given.items()}
        save_file(arrays, tmp_path / "in.safetensors")
        engine.run(str(tmp_path / "in.safetensors"), str(tmp_path / "out.safetensors"))
        ours = load_file(tmp_path / "out.safetensors")
        with torch.inference_mode():
            expected = {name: tensor.numpy() for name, tensor in module(**given).items()}
        theirs = dict(zip(["scores", "doubled"], session.run(None, arrays), strict=True))
        for name, array in expected.items():
            np.testing.assert_allclose(ours[name], array, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(theirs[name], array, rtol=1e-5, atol=1e-6)


def test_samples_beside_the_program_go_before_those_within(tmp_path: Path) -> None:
    saved(tmp_path)
    rows = np.full((5, 4), 7, np.float32)
    save_file({"input/x": rows}, tmp_path / "samples.safetensors")
    loaded(tmp_path)
    np.testing.assert_array_equal(load_file(tmp_path / "written.safetensors")["x"], rows)


def test_a_program_without_example_inputs_gets_made_up_ones_and_a_note(tmp_path: Path) -> None:
    path = saved(tmp_path)
    program = torch.export.load(path)
    program.example_inputs = None
    torch.export.save(program, path)
    _, reply = loaded(tmp_path)
    assert "made up" in " ".join(reply["notes"])
    assert load_file(tmp_path / "written.safetensors")["x"].shape == (8, 4)


def test_more_rows_than_the_program_takes_are_run_in_parts(tmp_path: Path) -> None:
    saved(tmp_path, Dim("batch", min=1, max=4))
    engine, _ = loaded(tmp_path)
    rows = np.arange(44, dtype=np.float32).reshape(11, 4)
    save_file({"x": rows}, tmp_path / "in.safetensors")
    engine.run(str(tmp_path / "in.safetensors"), str(tmp_path / "out.safetensors"))
    np.testing.assert_array_equal(load_file(tmp_path / "out.safetensors")["output"], 2 * rows)


def test_a_batch_that_is_too_low_for_serving_names_both_numbers(tmp_path: Path) -> None:
    saved(tmp_path, Dim("batch", min=1, max=4))
    engine, _ = loaded(tmp_path)
    with pytest.raises(UserError, match=r"at most 4 rows, spec\.serving\.maxBatchSize is 16"):
        engine.export(str(tmp_path / "model.onnx"), 16)


@pytest.mark.parametrize("batch", [Dim("batch"), Dim.DYNAMIC, Dim.AUTO], ids=str)
def test_a_batch_without_bounds_is_served_from_one_row_on(tmp_path: Path, batch: Any) -> None:
    saved(tmp_path, batch)
    engine, _ = loaded(tmp_path)
    engine.export(str(tmp_path / "model.onnx"), 64)
    session = onnxruntime.InferenceSession(
        str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    for rows in (1, 64):
        (doubled,) = session.run(None, {"x": np.ones((rows, 4), np.float32)})
        assert doubled.shape == (rows, 4)


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (None, r"input 'x' of the program has a fixed batch of 3; export with dynamic_shapes="),
        ({"x": {0: Dim("batch", min=3, max=8)}}, r"takes 3 rows or more, a request may have one"),
    ],
    ids=["fixed", "never one row"],
)
def test_a_program_that_cannot_be_batched_is_told_how_to_export(
    tmp_path: Path, shapes: Any, words: str
) -> None:
    program = torch.export.export(Twice(), (torch.ones(3, 4),), dynamic_shapes=shapes)
    torch.export.save(program, tmp_path / "model.pt2")
    with pytest.raises(UserError, match=words) as caught:
        loaded(tmp_path)
    assert "torch.export.Dim('batch', min=1" in caught.value.message


def test_a_value_that_is_no_tensor_is_named(tmp_path: Path) -> None:
    class Scaled(torch.nn.Module):
        def forward(self, x: torch.Tensor, scale: float) -> torch.Tensor:
            return x * scale

    dims = {"x": {0: Dim("batch", min=1, max=8)}, "scale": None}
    program = torch.export.export(Scaled(), (torch.ones(3, 4), 2.0), dynamic_shapes=dims)
    torch.export.save(program, tmp_path / "model.pt2")
    with pytest.raises(UserError, match="input 'scale' of the program is ConstantArgument"):
        loaded(tmp_path)


def test_a_source_holds_one_program(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"exactly one \.pt2 file; it has: none"):
        loaded(tmp_path)
    saved(tmp_path, name="a.pt2")
    saved(tmp_path, name="b.pt2")
    with pytest.raises(UserError, match=r"it has: a\.pt2, b\.pt2"):
        loaded(tmp_path)


def test_bytes_that_are_no_program_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.pt2").write_bytes(b"not a program")
    with pytest.raises(UserError, match=r"no program as torch\.export\.save writes it") as caught:
        loaded(tmp_path)
    assert caught.value.reason == "ModelInvalid"


def test_an_archive_with_compiled_code_is_refused_even_when_pinned(tmp_path: Path) -> None:
    rewritten(saved(tmp_path), unchanged, **{"data/aotinductor/model/code.so": b"\x7fELF"})
    with pytest.raises(UserError, match="it holds compiled code"):
        loaded(tmp_path, pinned=True)


def test_code_in_the_example_inputs_is_refused_unpinned_and_never_runs(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    with_code_in_its_samples(saved(tmp_path), marker)
    with pytest.raises(UserError, match=r"spec\.model\.source\.torchExport\.digest") as caught:
        loaded(tmp_path)
    assert caught.value.reason == "PickleNotPinned"
    assert "model.pt2 holds pickled parts (data/sample_inputs/model.pt)" in caught.value.message
    assert not marker.exists()


def test_with_a_pin_it_is_loaded_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # torch's own warning lacks an argument, which pytest's handler takes for an error.
    caplog.set_level(logging.CRITICAL, "torch._export.serde.serialize")
    marker = tmp_path / "ran"
    with_code_in_its_samples(saved(tmp_path), marker)
    _, reply = loaded(tmp_path, pinned=True)
    assert marker.exists()
    assert any("pickled parts" in note for note in reply["notes"])


@pytest.mark.parametrize(
    ("config", "entry"),
    [
        ("data/weights/model_weights_config.json", {"path_name": "weight_0", "use_pickle": True}),
        ("data/constants/model_constants_config.json", {"path_name": "opaque_obj_0"}),
        ("data/constants/model_constants_config.json", {"path_name": "custom_obj_0"}),
    ],
    ids=["tensor subclass", "object", "script object"],
)
def test_every_part_that_torch_would_unpickle_needs_the_pin(
    tmp_path: Path, config: str, entry: dict[str, Any]
) -> None:
    meta = {"is_param": False, "use_pickle": False, "tensor_meta": None, **entry}
    text = json.dumps({"config": {"thing": meta}}).encode()
    rewritten(saved(tmp_path), lambda name, old: text if name == config else old)
    with pytest.raises(UserError, match=entry["path_name"]) as caught:
        loaded(tmp_path)
    assert caught.value.reason == "PickleNotPinned"


@pytest.fixture
def program_bench(bench: Bench) -> Bench:
    bench.source = SourceRequest(kind="torchExport", uri="")
    saved(bench.source_folder)
    return bench


def test_a_program_is_built_and_published(program_bench: Bench) -> None:
    outcome = program_bench.build()
    assert outcome.code == exit_codes.OK, outcome.log
    manifest = program_bench.manifest()
    assert manifest.source.kind == "torchExport"
    assert [spec.name for spec in manifest.interface.inputs] == ["x"]


def test_a_build_refuses_code_in_a_program_and_publishes_nothing(program_bench: Bench) -> None:
    marker = program_bench.root / "ran"
    with_code_in_its_samples(program_bench.source_folder / "model.pt2", marker)
    outcome = program_bench.build()
    assert (outcome.code, outcome.result.reason) == (exit_codes.USER_ERROR, "PickleNotPinned")
    assert not marker.exists()
    assert program_bench.stored_files() == []
