"""What can be known before a model runs: does the metric fit the data and the model's output?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from modelservice_runtime.contract.requests import (
    ACCURACY,
    COSINE,
    ENTITY_F1,
    MACRO_F1,
    MEAN_ABSOLUTE_ERROR,
    NEIGHBOUR_AGREEMENT,
    EvaluationRequest,
)
from modelservice_runtime.contract.tensors import DATATYPES, ModelInterface, TensorSpec

from .answers import IGNORED, Answers, answers_of, check_class_labels
from .entities import check_entity_labels, check_label_names, has_entities
from .fitting import sizes_in_words
from .given import Data
from .invalid import invalid
from .row_metrics import check_numbers


def scored_output(request: EvaluationRequest, interface: ModelInterface) -> TensorSpec:
    """The output that is scored: the one named, or the first.

    Raises:
        UserError: the model has no such output.
    """
    if not request.output:
        return interface.outputs[0]
    for spec in interface.outputs:
        if spec.name == request.output:
            return spec
    names = ", ".join(spec.name for spec in interface.outputs)
    raise invalid(
        f"spec.evaluation.output: the model has no output {request.output!r}; it has {names}"
    )


def answers_in(spec: TensorSpec) -> Answers:
    """What the output answers, as far as its declared sizes tell."""
    return answers_of(floats=is_float(spec), dims=spec.dims)


def is_float(spec: TensorSpec) -> bool:
    """Floats of any width."""
    numpy_name, _ = DATATYPES[spec.datatype]
    return numpy_name.startswith("float")


def check(name: str, request: EvaluationRequest, data: Data, spec: TensorSpec) -> None:
    """Refuse the metric ``name`` where it cannot be computed.

    Raises:
        UserError: names the field, and what the metric needs.
    """
    checks: dict[str, Callable[[], object]] = {
        ACCURACY: lambda: _check_classes(ACCURACY, data, spec),
        MACRO_F1: lambda: _check_classes(MACRO_F1, data, spec),
        ENTITY_F1: lambda: _check_entities(request, data, spec),
        NEIGHBOUR_AGREEMENT: lambda: _check_embedding(spec),
        COSINE: lambda: _check_vector(spec),
        MEAN_ABSOLUTE_ERROR: lambda: check_numbers(data.labels, spec.dims, spec.name),
    }
    if name in checks:
        checks[name]()


def _check_classes(name: str, data: Data, spec: TensorSpec) -> np.ndarray:
    """A part of the data may be without labels that count, but not all of it."""
    labels = check_class_labels(data.labels, answers_in(spec), name, spec.name)
    if labels.ndim > 1 and (labels == IGNORED).all():
        raise invalid(f"evaluation data: all labels are {IGNORED}, which does not count")
    return labels


def _check_entities(request: EvaluationRequest, data: Data, spec: TensorSpec) -> None:
    labels = _check_classes(ENTITY_F1, data, spec)
    check_label_names(request.label_names, answers_in(spec).classes, spec.name)
    check_entity_labels(labels, request.label_names, spec.name)
    if not has_entities(labels, request.label_names):
        raise invalid("evaluation data: the labels hold no entity, so there is no EntityF1")


def _check_embedding(spec: TensorSpec) -> None:
    if not is_float(spec) or len(spec.dims) != 1 or spec.dims[0] == 1:
        raise invalid(
            f"spec.evaluation.metric: {NEIGHBOUR_AGREEMENT} needs one vector of floats for each"
            f" row; output {spec.name!r} is {spec.datatype} {sizes_in_words(spec.dims)}"
        )


def _check_vector(spec: TensorSpec) -> None:
    if not spec.dims or all(size == 1 for size in spec.dims):
        raise invalid(
            f"spec.evaluation.metric: {COSINE} of single numbers says nothing; output"
            f" {spec.name!r} has one for each row; take {MEAN_ABSOLUTE_ERROR}"
        )
