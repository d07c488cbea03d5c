"""The user's own metric: in a process of its own, with words for all that can go wrong."""

from __future__ import annotations

import errno
import os
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from modelservice_runtime.builder.errors import (
    ENTRYPOINT_FAILED,
    ENTRYPOINT_NOT_FOUND,
    ENTRYPOINT_TIMED_OUT,
    BuildError,
    OutOfTime,
    UserError,
)
from modelservice_runtime.builder.evaluation.broken import Broken
from modelservice_runtime.builder.evaluation.data import Data, from_arrays
from modelservice_runtime.builder.evaluation.invalid import EVALUATION_DATA_INVALID
from modelservice_runtime.builder.evaluation.metric import Metric
from modelservice_runtime.builder.evaluation.metrics import UserCode, metric_for
from modelservice_runtime.builder.evaluation.user_function import check
from modelservice_runtime.builder.evaluation.user_metric import write_array
from modelservice_runtime.builder.gate.evidence import Scores
from modelservice_runtime.builder.worker import Limits
from modelservice_runtime.contract.requests import ENTRYPOINT, EvaluationRequest
from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec

ROWS = 40
Made: TypeAlias = Callable[..., Metric]


@pytest.fixture
def own(tmp_path: Path) -> Made:
    """The metric of a function with this body."""

    def make(body: str, entrypoint: str = "metric:score", seconds: float = 60.0) -> Metric:
        source, scratch = tmp_path / "source", tmp_path / "scratch"
        source.mkdir()
        scratch.mkdir()
        function = "import numpy as np\ndef score(outputs, labels, inputs):\n"
        text = function + textwrap.indent(textwrap.dedent(body), "    ")
        (source / "metric.py").write_text(text)
        code = UserCode(
            source=source,
            module_path=(),
            scratch=scratch,
            environment=dict(os.environ),
            limits=Limits(memory_bytes=0),
            seconds=seconds,
        )
        output = TensorSpec(name="y", datatype="FP32", dims=(3,))
        interface = ModelInterface(inputs=(), outputs=(output,))
        request = EvaluationRequest(metric=ENTRYPOINT, entrypoint=entrypoint)
        return metric_for(request, rows(), interface, code)

    return make


def rows(labels: np.ndarray | None = None) -> Data:
    return from_arrays({"x": np.arange(ROWS, dtype=np.int64)}, labels, given="made")


def outputs(shift: float = 0.0) -> dict[str, np.ndarray]:
    return {"y": np.full((ROWS, 3), 1 + shift, np.float32)}


def test_each_row_has_the_score_that_the_function_gives(own: Made, tmp_path: Path) -> None:
    metric = own(
        """
        outputs["y"] += 1  # its own copy
        print("printed words do no harm")
        return outputs["y"].sum(axis=1) * labels + inputs["x"]
        """
    )
    data = rows(np.arange(ROWS) % 2)
    scored = metric.prepare(data, outputs())
    found = scored(outputs(0.5))
    assert isinstance(found, Scores)
    np.testing.assert_allclose(found.source, 6 * data.labels + data.inputs["x"])
    np.testing.assert_allclose(found.candidate, 7.5 * data.labels + data.inputs["x"])
    assert found.more_is_better
    assert not list((tmp_path / "scratch").rglob("scored-*"))


def test_without_labels_the_function_gets_none(own: Made) -> None:
    metric = own("return [float(labels is None)] * len(inputs['x'])")
    assert metric.evidence(rows(), outputs(), outputs()).source_value == 1.0


FAULTS: list[tuple[str, str, str, str]] = [
    ("raises", "return 1 / 0", ENTRYPOINT_FAILED, "ZeroDivisionError.* at metric.py:3"),
    ("exits", "import sys; sys.exit(3)", ENTRYPOINT_FAILED, "SystemExit: 3 at metric.py:3"),
    ("ends", "import os; os._exit(3)", ENTRYPOINT_FAILED, "the metric: .* exit code 3"),
    ("too few", "return np.ones(39)", EVALUATION_DATA_INVALID, r"\[39\]; it must return 40"),
    ("a column", "return np.ones((40, 1))", EVALUATION_DATA_INVALID, r"shape \[40, 1\]"),
    ("one number", "return 0.93", EVALUATION_DATA_INVALID, r"shape \[\]; it must return 40"),
    ("nothing", "return None", EVALUATION_DATA_INVALID, "returned NoneType of object"),
    ("text", "return ['a'] * 40", EVALUATION_DATA_INVALID, "returned list of <U1"),
    ("ragged", "return [[1], [1, 2]] * 20", EVALUATION_DATA_INVALID, "it must return 40"),
    (
        "NaN",
        "return np.where(inputs['x'] % 13 == 5, np.nan, 1)",
        EVALUATION_DATA_INVALID,
        "'metric:score' returned NaN or Inf for 3 of 40 rows, first for 5",
    ),
]


@pytest.mark.parametrize(
    ("body", "reason", "words"), [fault[1:] for fault in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_a_function_that_fails_on_the_source_model_is_the_users_fault(
    own: Made, body: str, reason: str, words: str
) -> None:
    metric = own(body)
    with pytest.raises(UserError) as caught:
        metric.prepare(rows(), outputs())
    assert caught.value.reason == reason
    assert re.search(words, caught.value.message)
    assert "spec.evaluation.entrypoint" in caught.value.message


#: The source model's outputs are 1, the candidate's 2.
ON_A_CANDIDATE: list[tuple[str, str, str]] = [
    ("NaN", "return np.full(40, np.nan if outputs['y'][0, 0] > 1 else 1)", "Inf for 40 of 40"),
    ("too few", "return [1] * (40 if outputs['y'][0, 0] == 1 else 3)", r"shape \[3\]"),
    ("raises", "assert outputs['y'][0, 0] == 1, 'too large'; return np.ones(40)", "too large"),
    (
        "killed",
        "import os; outputs['y'][0, 0] > 1 and os.kill(os.getpid(), 9); return np.ones(40)",
        "ran out of memory",
    ),
]


@pytest.mark.parametrize(
    ("body", "words"), [o[1:] for o in ON_A_CANDIDATE], ids=[o[0] for o in ON_A_CANDIDATE]
)
def test_a_function_that_fails_on_a_candidate_alone_fails_the_candidate(
    own: Made, body: str, words: str
) -> None:
    scored = own(body).prepare(rows(), outputs())
    found = scored(outputs(1.0))
    assert isinstance(found, Broken)
    assert re.search(words, found.words)
    assert found.source_value == 1.0
    assert found.p_of_drop(1e9) == 1.0
    assert scored(outputs()).candidate_value == 1.0


@pytest.mark.parametrize(
    ("entrypoint", "reason", "words"),
    [
        ("metrics:score", ENTRYPOINT_NOT_FOUND, "the source has no module 'metrics'; .*metrics.py"),
        ("a.b:score", ENTRYPOINT_NOT_FOUND, "no module 'a'; .* a/b.py"),
        ("metric:scores", ENTRYPOINT_NOT_FOUND, "'metric' has no function 'scores'"),
        ("metric:np", ENTRYPOINT_NOT_FOUND, "has no function 'np'"),
        (
            "bad:score",
            ENTRYPOINT_FAILED,
            "ModuleNotFoundError: No module named 'missing'.*bad.py:1",
        ),
    ],
)
def test_a_function_that_is_not_there_is_named(
    own: Made, tmp_path: Path, entrypoint: str, reason: str, words: str
) -> None:
    metric = own("return np.ones(40)", entrypoint)
    (tmp_path / "source" / "bad.py").write_text("import missing\n")
    with pytest.raises(UserError) as caught:
        metric.prepare(rows(), outputs())
    assert caught.value.reason == reason
    assert re.search(words, caught.value.message)


def test_a_function_that_does_not_return_is_stopped(own: Made) -> None:
    metric = own("import threading\nthreading.Event().wait()", seconds=0.5)
    with pytest.raises(OutOfTime) as caught:
        metric.prepare(rows(), outputs())
    assert caught.value.reason == ENTRYPOINT_TIMED_OUT
    assert "computing spec.evaluation.entrypoint did not end" in caught.value.message


def test_a_candidate_on_which_it_does_not_return_fails(own: Made) -> None:
    body = """
    import threading
    if outputs["y"][0, 0] > 1:
        threading.Event().wait()
    return np.ones(40)
    """
    metric = own(body)
    scored = metric.prepare(rows(), outputs())
    # The source model was scored without hurry; nobody need wait so long for the candidate.
    object.__setattr__(metric.rule.code, "seconds", 0.5)  # type: ignore[attr-defined]
    found = scored(outputs(1.0))
    assert isinstance(found, Broken)
    assert "did not end within" in found.words


def test_a_fault_of_ours_is_not_blamed_on_the_candidate(own: Made, tmp_path: Path) -> None:
    scored = own("return np.ones(40)").prepare(rows(), outputs())
    for folder in (tmp_path / "scratch").glob("metric-*/inputs"):
        (folder / "x.npy").write_bytes(b"damaged")
    with pytest.raises(BuildError, match=r"computing spec\.evaluation\.entrypoint: ValueError"):
        scored(outputs(1.0))


def test_a_full_disk_is_said_by_its_number() -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        write_array(Path("/dev/full"), np.ones(100_000))
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize("value", [[True, False], [1, 0], (1.0, 0.0), np.float16([1, 0])], ids=repr)
def test_numbers_of_every_kind_are_scores(value: object) -> None:
    found = check(value, "metric:score", 2)
    assert found.dtype == np.float64
    assert found.tolist() == [1.0, 0.0]


def test_complex_numbers_are_no_scores() -> None:
    with pytest.raises(UserError, match="ndarray of complex128"):
        check(np.ones(2, complex), "metric:score", 2)


def test_the_metric_needs_to_know_where_the_code_is() -> None:
    request = EvaluationRequest(metric=ENTRYPOINT, entrypoint="metric:score")
    output = TensorSpec(name="y", datatype="FP32", dims=(3,))
    with pytest.raises(ValueError, match="where the user's code is"):
        metric_for(request, rows(), ModelInterface(inputs=(), outputs=(output,)))
