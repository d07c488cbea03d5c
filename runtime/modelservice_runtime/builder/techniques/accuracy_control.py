"""int8 with accuracy control: layers go back into float32 until the metric is kept.

NNCF ranks the layers, puts the worst back first, and stops when the metric on the selection part
has lost no more than is allowed.

The step for models on which plain int8 loses too much. ``engine`` ``openvino``: the result is
NNCF's own, as IR. ``onnxruntime``: NNCF says which layers to leave alone, and ONNX Runtime's own
quantizer does the rest in the form that its kernels are fast with (NNCF's ONNX result is laid out
for OpenVINO, and in ONNX Runtime slower than float32). The gate judges either.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import openvino

from modelservice_runtime.builder.recipes import INT8
from modelservice_runtime.contract.requests import ONNXRUNTIME, OPENVINO
from modelservice_runtime.contract.store_layout import MODEL_FILE
from modelservice_runtime.contract.tensors import ModelInterface

from . import one_thread, onnx_files, openvino_int8, openvino_model, quantize_static, quiet
from .base import CannotProduceError, Made, Work
from .calibration_rows import MOST_ROWS, RowFile, calibration
from .openvino_int8 import SingleRows
from .openvino_ir import write
from .parameters import one_of, parameter
from .refusals import in_words
from .selection_part import Item, SelectionPart, selection_of
from .trying_out import open_session
from .versions import versions_of

#: Items that each layer is ranked by: those where the quantized model is worst.
_RANKING_ITEMS = 16
#: Layers put back one after another; a model that needs more is no model for int8.
_MOST_LAYERS = 12
#: Of the step's time, what the search may use; the rest is for writing the result.
_SEARCH_SHARE = 0.8


class _TimeIsUpError(Exception):
    """The search took too long."""


class AccuracyControl:
    """The technique."""

    name = "accuracy_control"

    def produce(self, work: Work) -> Made:
        """Search, then write what ``engine`` will run.

        ``metric``, ``output`` (empty: the first), ``max_drop`` (in the metric's unit): what may be
        lost. ``rows``: of the calibration part, at most. ``per_channel``, ``reduce_range``,
        ``signed``: as in ``quantize_static``.

        Raises:
            CannotProduceError: no data, or the loss stays too large, or time is up.
        """
        engine = one_of(work, "engine", (OPENVINO, ONNXRUNTIME))
        search = _search(work)
        with tempfile.TemporaryDirectory() as folder:
            if engine == OPENVINO:
                made = search.as_ir(*search.run(work.parent))
            else:
                source = Path(folder) / MODEL_FILE
                quantize_static.prepare(work.parent, source)
                made = search.as_onnx(source, _left_in_float(search.run(source)[0]))
        return replace(made, versions={**made.versions, **versions_of("nncf", "openvino")})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """``ends``: on the monotonic clock, seconds."""

    work: Work
    interface: ModelInterface
    rows: RowFile
    selection: SelectionPart
    max_drop: float
    ends: float

    def run(self, source: Path) -> tuple[openvino.Model, float]:
        """NNCF's search on the ONNX file ``source``: a model within the loss, and what it loses."""
        nncf = openvino_int8.import_nncf()
        with in_words("OpenVINO"):
            model = openvino_model.read_model(source)
        restoring = nncf.AdvancedAccuracyRestorerParameters(
            max_num_iterations=_MOST_LAYERS,
            ranking_subset_size=_RANKING_ITEMS,
            num_ranking_workers=1,
        )
        with (
            in_words("NNCF's accuracy control"),
            one_thread.openvino_models(),
            quiet.nothing_printed(),
        ):
            try:
                found = nncf.quantize_with_accuracy_control(
                    model,
                    nncf.Dataset(SingleRows(rows=self.rows)),
                    nncf.Dataset(self.selection),
                    self.validate,
                    max_drop=self.max_drop,
                    drop_type=nncf.DropType.ABSOLUTE,
                    subset_size=self.rows.rows,
                    model_type=openvino_int8.model_type(nncf, model),
                    advanced_accuracy_restorer_parameters=restoring,
                )
            except _TimeIsUpError:
                raise CannotProduceError(self._too_slow()) from None
            compiled = openvino.compile_model(found, openvino_model.DEVICE)
            lost = self.selection.loss(lambda inputs: self._scored(compiled, inputs))
        self._check(lost, f"with up to {_MOST_LAYERS} layers back in float32")
        return found, lost

    def validate(
        self, compiled: openvino.CompiledModel, items: Sequence[Item]
    ) -> tuple[float, list[float]]:
        """NNCF's question: the metric over ``items``, and that of each of them."""
        means, sizes = [], []
        for first, inputs in items:
            if time.monotonic() > self.ends:
                raise _TimeIsUpError
            scores = self.selection.guide.scores(self._scored(compiled, inputs), first)
            means.append(float(scores.mean()))
            sizes.append(len(scores))
        return float(np.average(means, weights=sizes)), means

    def as_ir(self, found: openvino.Model, lost: float) -> Made:
        """The result as it is."""
        count = openvino_int8.count_quantized(found)
        if not count:
            raise CannotProduceError("no layer is left in int8")
        made = write(self.work, found, self.interface, INT8)
        return replace(
            made,
            notes=(f"{count} products compute in int8", self._words(lost), *made.notes),
            figures={"quantized_operators": float(count), "selection_loss": lost},
        )

    def as_onnx(self, source: Path, kept: Sequence[str]) -> Made:
        """``source`` in ONNX Runtime's form: the layers ``kept`` stay in float32."""
        made = quantize_static.quantize(self.work, source, kept)
        session = open_session(self.work.target / made.model_file)
        output = [self.selection.output]
        lost = self.selection.loss(lambda inputs: np.asarray(session.run(output, inputs)[0]))
        self._check(lost, f"with {len(kept)} products in float32, in ONNX Runtime,")
        return replace(
            made,
            notes=(*made.notes, f"{len(kept)} stay in float32", self._words(lost)),
            figures={**made.figures, "selection_loss": lost},
        )

    def _scored(
        self, compiled: openvino.CompiledModel, inputs: dict[str, np.ndarray]
    ) -> np.ndarray:
        scored: np.ndarray = compiled(inputs)[self.selection.place]
        return scored

    def _check(self, lost: float, how: str) -> None:
        if lost > self.max_drop:
            metric = self.selection.guide.metric
            raise CannotProduceError(
                f"{how} int8 still loses {lost:.4g} of {metric}; {self.max_drop:g} is allowed"
            )

    def _words(self, lost: float) -> str:
        metric, rows = self.selection.guide.metric, self.selection.rows.rows
        return f"loses {lost:.4g} of {metric} on {rows} rows of the selection part"

    def _too_slow(self) -> str:
        seconds = self.work.seconds * _SEARCH_SHARE
        return (
            f"NNCF did not find within {seconds:.0f} s which layers to put back so that int8 loses"
            f" no more than {self.max_drop:g} of {self.selection.guide.metric}"
        )


def _left_in_float(found: openvino.Model) -> tuple[str, ...]:
    """Names of the products that NNCF did not quantize, or put back."""
    int8 = openvino_int8.quantized_nodes(found)
    return tuple(name for name in openvino_int8.products(found) if name not in int8)


def _search(work: Work) -> _Search:
    interface = onnx_files.interface_of(work.parent)
    names = tuple(spec.name for spec in interface.inputs)
    return _Search(
        work=work,
        interface=interface,
        rows=calibration(work, names, parameter(work, "rows", MOST_ROWS)),
        selection=selection_of(work, interface),
        max_drop=parameter(work, "max_drop", 0.01),
        ends=time.monotonic() + work.seconds * _SEARCH_SHARE,
    )


TECHNIQUE = AccuracyControl()
