"""``spec.evaluation.metric`` → the metric, its preconditions checked before any model runs.

Without a name, what the data allow:

=====================  =============================================  ===================
labels                 the scored output, for each row                 metric
=====================  =============================================  ===================
floats                 any                                             MeanAbsoluteError
class numbers          one answer                                      Accuracy
class numbers          tokens, spec.evaluation.labelNames given        EntityF1
class numbers          tokens                                          Accuracy
none                   class numbers, or floats [classes ≥ 2]          Top1Agreement
none                   one float                                       MeanAbsoluteError
none                   any other                                       Cosine
=====================  =============================================  ===================

A vector of floats cannot be told from class scores: for embeddings name NeighbourAgreement.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping

from modelservice_runtime.contract.requests import (
    ACCURACY,
    COSINE,
    ENTITY_F1,
    ENTRYPOINT,
    MACRO_F1,
    MEAN_ABSOLUTE_ERROR,
    METRICS,
    NEIGHBOUR_AGREEMENT,
    TOP1_AGREEMENT,
    EvaluationRequest,
)
from modelservice_runtime.contract.tensors import ModelInterface, TensorSpec

from . import class_metrics, neighbours, row_metrics
from .entities import entity_f1
from .given import Data
from .invalid import invalid
from .metric import ArrayRule, Metric, of_output
from .preconditions import check, is_float, scored_output
from .user_metric import UserCode, UserMetric

__all__ = ["Metric", "UserCode", "default_metric", "metric_for"]

_LABELLED = {ACCURACY, MACRO_F1, ENTITY_F1}
#: The value of outputs that cannot be scored; shares are 0 then.
_WORST = {COSINE: -1.0, MEAN_ABSOLUTE_ERROR: sys.float_info.max, ENTRYPOINT: -sys.float_info.max}


def metric_for(
    request: EvaluationRequest,
    data: Data,
    interface: ModelInterface,
    user_code: UserCode | None = None,
) -> Metric:
    """The metric that ``request`` names, or the default for ``data``.

    ``user_code``: needed for the metric Entrypoint.

    Raises:
        UserError: the metric cannot be computed on these data or this model; names the field.
    """
    spec = scored_output(request, interface)
    name = request.metric or default_metric(request, data, spec)
    if name not in METRICS:
        raise invalid(f"spec.evaluation.metric: {name!r} is none of {', '.join(METRICS)}")
    if name == ENTRYPOINT:
        return _user_metric(request, data, user_code)
    check(name, request, data, spec)
    return Metric(
        name=name,
        more_is_better=name != MEAN_ABSOLUTE_ERROR,
        output=spec.name,
        worst=_WORST.get(name, 0.0),
        labelled=name in _LABELLED or (name == MEAN_ABSOLUTE_ERROR and data.labels is not None),
        rule=of_output(spec.name, _rules(request)[name]),
    )


def default_metric(request: EvaluationRequest, data: Data, spec: TensorSpec) -> str:
    """The metric where none is named: the table above."""
    if data.labels is not None:
        if data.labels.dtype.kind == "f":
            return MEAN_ABSOLUTE_ERROR
        return ENTITY_F1 if data.labels.ndim > 1 and request.label_names else ACCURACY
    if not is_float(spec):
        return TOP1_AGREEMENT
    if all(size == 1 for size in spec.dims):
        return MEAN_ABSOLUTE_ERROR
    return TOP1_AGREEMENT if len(spec.dims) == 1 and spec.dims[0] > 1 else COSINE


def _rules(request: EvaluationRequest) -> Mapping[str, ArrayRule]:
    return {
        ACCURACY: class_metrics.accuracy,
        MACRO_F1: class_metrics.macro_f1,
        ENTITY_F1: functools.partial(entity_f1, label_names=request.label_names),
        TOP1_AGREEMENT: class_metrics.top1_agreement,
        NEIGHBOUR_AGREEMENT: neighbours.neighbour_agreement,
        COSINE: row_metrics.cosine,
        MEAN_ABSOLUTE_ERROR: row_metrics.mean_absolute_error,
    }


def _user_metric(request: EvaluationRequest, data: Data, user_code: UserCode | None) -> Metric:
    if not request.entrypoint:
        raise invalid(
            "spec.evaluation.entrypoint: the metric Entrypoint needs a function, MODULE:FUNCTION"
        )
    if user_code is None:
        raise ValueError("the metric Entrypoint needs to know where the user's code is")
    return Metric(
        name=ENTRYPOINT,
        more_is_better=True,
        output="",
        worst=_WORST[ENTRYPOINT],
        labelled=data.labels is not None,
        rule=UserMetric(entrypoint=request.entrypoint, code=user_code),
    )
