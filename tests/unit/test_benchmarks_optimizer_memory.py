"""O4: peaks of processes beside the frameworks that they import."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
BENCHMARKS = REPOSITORY / "benchmarks"
sys.path[:0] = [str(BENCHMARKS / "optimizer"), str(BENCHMARKS / "common")]

from bench_figures.document import Document  # noqa: E402
from optimizer_figures.builds.reports import Candidate, Report  # noqa: E402
from optimizer_figures.memory import section  # noqa: E402
from optimizer_figures.memory.findings import allowed_mib, figures  # noqa: E402
from optimizer_figures.memory.frameworks import (  # noqa: E402
    MAKING,
    PARENT,
    RUNNING,
    SOURCE,
    Imports,
    Process,
    made_with,
    processes,
)

from modelservice_runtime.contract.requests import ENGINES, SOURCE_KINDS  # noqa: E402

MIB = 2**20
BUILDER = REPOSITORY / "runtime" / "modelservice_runtime" / "builder"


def candidate(
    name: str,
    *techniques: str,
    outcome: str = "Passed",
    engine: str = "onnxruntime",
    making: int = 0,
) -> Candidate:
    return Candidate(
        name=name,
        outcome=outcome,
        engine=engine,
        techniques=techniques,
        speedups={},
        size_bytes=10 * MIB,
        maker_peak_bytes=making,
    )


def report(
    *candidates: Candidate, kind: str = "pytorch", peaks: dict[str, int] | None = None
) -> Report:
    return Report(
        source_kind=kind,
        max_batch_size=8,
        total_seconds=1.0,
        workers=2,
        serial_seconds=1.0,
        longest_seconds=1.0,
        making_seconds=1.0,
        peaks={"builder": 100 * MIB, "source model": 900 * MIB, **(peaks or {})},
        candidates={each.name: each for each in candidates},
    )


def test_every_process_that_the_report_knows_is_found() -> None:
    found = processes(
        report(
            candidate("export"),
            candidate("fuse", "fuse", making=300 * MIB),
            candidate("openvino", "openvino_ir", engine="openvino", making=200 * MIB),
            peaks={"export": 80 * MIB, "openvino": 90 * MIB},
        )
    )
    assert [(each.kind, each.name, each.peak_bytes // MIB) for each in found] == [
        (PARENT, "builder", 100),
        (SOURCE, "source model", 900),
        (RUNNING, "export", 80),
        (MAKING, "fuse", 300),
        (RUNNING, "openvino", 90),
        (MAKING, "openvino", 200),
    ]


@pytest.mark.parametrize("outcome", ["Failed", "Skipped"])
def test_the_peak_of_a_step_before_is_not_taken_for_that_of_one_that_failed(outcome: str) -> None:
    failed = candidate("fuse+int8", "fuse", "quantize_dynamic", outcome=outcome, making=300 * MIB)
    assert [each.kind for each in processes(report(failed))] == [PARENT, SOURCE]


def test_the_last_step_decides_what_its_process_imported() -> None:
    int8 = made_with(candidate("fuse+int8-dynamic", "fuse", "quantize_dynamic"))
    assert "onnxruntime.quantization" in int8.modules
    assert not any("onnxscript" in module for module in int8.modules)
    slim, fuse = made_with(candidate("slim", "fuse")), made_with(candidate("fuse", "fuse"))
    assert "onnxslim" in slim.modules
    assert "onnxslim" not in fuse.modules


def test_nncf_is_imported_as_the_builder_does_without_torch() -> None:
    imports = made_with(candidate("openvino-int8", "openvino_int8"))
    assert imports.words()[-4:] == ["--without", "torch", "--without", "tensorflow"]


def own_modules() -> set[str]:
    """The project's modules that some kind of process imports."""
    names = [path.stem for path in (BUILDER / "techniques").glob("*.py")]
    kinds = [process for kind in SOURCE_KINDS for process in processes(report(kind=kind))]
    engines = [
        process
        for engine in ENGINES
        for process in processes(report(candidate("x", engine=engine), peaks={"x": 1}))
    ]
    made = [made_with(candidate(name, name)) for name in names]
    imports = [*(process.imports for process in [*kinds, *engines]), *made]
    modules = {module for each in imports for module in each.modules}
    return {module for module in modules if module.startswith("modelservice_runtime.")}


def test_every_kind_of_process_imports_modules_that_there_are() -> None:
    found = own_modules()
    assert len(found) > len(SOURCE_KINDS) + len(ENGINES)
    for module in found:
        path = REPOSITORY / "runtime" / f"{module.replace('.', '/')}.py"
        assert path.is_file(), module


TORCH, SMALL = Imports(modules=("torch",)), Imports(modules=("onnx",))
FOOTPRINTS = {TORCH: 600 * MIB, SMALL: 50 * MIB}
FOUND = (
    Process(kind=SOURCE, name="source model", peak_bytes=700 * MIB, imports=TORCH),
    Process(kind=MAKING, name="fuse", peak_bytes=90 * MIB, imports=SMALL),
    Process(kind=MAKING, name="int8", peak_bytes=400 * MIB, imports=SMALL),
    Process(kind=MAKING, name="prune-50", peak_bytes=650 * MIB, imports=TORCH),
)


def test_the_process_that_needs_most_beside_its_framework_counts() -> None:
    found = figures("digits", FOUND, FOOTPRINTS, model_bytes=10 * MIB, together_bytes=800 * MIB)
    (promise,) = found.targets
    assert (promise.value, promise.target, promise.holds()) == (350.0, 286.0, False)
    beside = {row.of: row.value for row in found.rows if row.what == "beside it"}
    assert beside == {"the source model": 100.0, "making a candidate (int8)": 350.0}


def test_the_promise_grows_with_the_model() -> None:
    assert allowed_mib(0) == 256.0
    assert allowed_mib(100 * MIB) == 556.0
    large = figures("digits", FOUND, FOOTPRINTS, model_bytes=100 * MIB, together_bytes=800 * MIB)
    assert large.targets[0].holds()


def test_the_page_tells_wholes_and_parts() -> None:
    found = figures("digits", FOUND, FOOTPRINTS, model_bytes=10 * MIB, together_bytes=800 * MIB)
    lines = section.lines(Document(rows=found.rows))
    assert "| digits | 800 MiB | 10 MiB |" in lines
    assert "| digits: the source model | 700 MiB | 600 MiB | 100 MiB |" in lines
    assert section.lines(Document()) == []
