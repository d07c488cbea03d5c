"""Where plain int8 loses too much: forms of it that lose less. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelservice_runtime.builder.judged import Judged
from modelservice_runtime.builder.recipes import Recipe, Step
from modelservice_runtime.contract.requests import (
    ACCURACY_CONTROL,
    ENTRYPOINT,
    ONNXRUNTIME,
    OPENVINO,
    QUANTIZE,
)

from . import known_steps as steps
from .facts import Facts
from .forms import int8
from .signs import kept, lost

#: Shares of the layers that stay in float32, one after another, where dynamic int8 loses much.
_FLOAT_SHARES = (0.25, 0.5)


def less_lossy(facts: Facts, base: tuple[Step, ...], judged: Sequence[Judged]) -> Iterator[Recipe]:
    """What to try behind ``base``, nothing as long as a plain form there keeps the metric."""
    if not facts.may(QUANTIZE):
        return
    controlled = _can_control(facts)
    if _all_lost(judged, base, "int8-static"):
        if not base:
            yield int8(steps.int8_static(facts, "entropy"))
        if controlled:
            yield int8(*base, steps.accuracy_control(facts, ONNXRUNTIME))
    if _all_lost(judged, base, "int8-dynamic") and facts.calibration_rows:
        shares = [share for share in _FLOAT_SHARES if not _tried(facts, base, share, judged)]
        if not _is_beaten(judged, base, "int8-dynamic"):
            yield from (int8(*base, steps.int8_dynamic(facts, share)) for share in shares[:1])
    if _all_lost(judged, base, "openvino-int8") and controlled:
        yield int8(*base, steps.accuracy_control(facts, OPENVINO), engine=OPENVINO)


def _can_control(facts: Facts) -> bool:
    guided = facts.metric not in {"", ENTRYPOINT} and facts.max_drop is not None
    guided = guided and facts.may(ACCURACY_CONTROL)
    return bool(guided and facts.calibration_rows and facts.selection_rows)


def _all_lost(judged: Sequence[Judged], base: tuple[Step, ...], label: str) -> bool:
    """At least one of this kind was judged, one lost too much, and none keeps the metric."""
    kind = _of_kind(judged, base, label)
    return any(map(lost, kind)) and not any(map(kept, kind))


def _of_kind(judged: Sequence[Judged], base: tuple[Step, ...], label: str) -> list[Judged]:
    return [
        candidate
        for candidate in judged
        if candidate.recipe.steps
        and _is_of_kind(candidate.recipe.steps[-1].label, label)
        and _base(candidate.recipe) == base
    ]


def _is_beaten(judged: Sequence[Judged], base: tuple[Step, ...], label: str) -> bool:
    """The last of this kind is slower than what keeps the metric; the next ones are slower yet."""
    timed = [_speed(candidate) for candidate in _of_kind(judged, base, label) if candidate.latency]
    others = (_speed(each) for each in judged if each.latency and kept(each))
    return bool(timed) and timed[-1] < max(others, default=0.0)


def _speed(candidate: Judged) -> float:
    """Times as fast as the source model at the batch size where it is fastest."""
    return max(pair.source_ms / max(pair.artifact_ms, 1e-9) for pair in candidate.latency)


def _is_of_kind(found: str, label: str) -> bool:
    return found == label or (found.startswith(f"{label}-") and "control" not in found)


def _base(recipe: Recipe) -> tuple[Step, ...]:
    """What a quantized recipe stands on: a pruned model, or the export, fused or not."""
    return recipe.steps[:1] if recipe.steps[0].technique == "prune" else ()


def _tried(facts: Facts, base: tuple[Step, ...], share: float, judged: Sequence[Judged]) -> bool:
    name = int8(*base, steps.int8_dynamic(facts, share)).name
    return any(candidate.recipe.name == name for candidate in judged)
