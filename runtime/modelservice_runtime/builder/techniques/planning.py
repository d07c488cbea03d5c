"""Which candidates are made: a first wave from the facts, later ones from what it showed. Pure.

============  =====================================================================
user's word    steps that it allows (engine, where it is not ONNX Runtime)
============  =====================================================================
Fuse           ``fuse`` where there is attention, else ``slim``
Quantize       ``int8-dynamic…``, ``int8-static…``; with OpenVINO also
               ``openvino-int8`` (openvino)
AccuracyControl  ``int8-accuracy-control``, ``openvino-int8-accuracy-control``
OpenVINO       ``openvino`` (openvino)
BFloat16       ``openvino-bf16`` (openvino), where the CPU computes in it; with int8 in OpenVINO
               also that with bf16 for the rest (``openvino-int8+openvino-bf16``)
Float16        ``openvino-fp16`` (openvino), where the CPU computes in it; the ``-fp16``
               forms of what runs on a GPU
Prune          ``prune-N``, with a training entrypoint; behind it all of the above
AOTInductor    ``aot-inductor`` (aoti), of PyTorch sources
TensorRT       ``tensorrt`` (tensorrt), with a GPU
OnnxRuntimeCUDA  ``ort-cuda``, with a GPU; with TensorRT also ``ort-tensorrt``
============  =====================================================================

Both dynamic int8 of the plain export and of the fused graph are tried: on MiniLM the first is
faster and the second more accurate. Static int8 needs calibration rows, accuracy control also
selection rows and a goal that limits the loss.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelservice_runtime.builder.judged import SKIPPED, Judged
from modelservice_runtime.builder.recipes import PLAIN, Recipe, Step
from modelservice_runtime.contract.requests import ONNXRUNTIME, PRUNE, PYTORCH

from . import known_steps as steps
from . import pruning_plan
from .facts import Facts
from .forms import compiled, fused, in_openvino, on_gpu, quantized
from .known_steps import why
from .less_lossy import less_lossy
from .signs import kept, lost

__all__ = ["Facts", "more", "plan", "why"]


def plan(facts: Facts) -> tuple[Recipe, ...]:
    """The first wave, the plain export first; whatever a recipe builds on comes before it."""
    return _once(
        [
            PLAIN,
            *fused(facts),
            *quantized(facts, ()),
            *in_openvino(facts, ()),
            *compiled(facts),
            *on_gpu(facts),
            *(_pruned(ratio) for ratio in _first_ratios(facts)),
        ]
    )


def more(facts: Facts, judged: Sequence[Judged], *, late: bool = False) -> tuple[Recipe, ...]:
    """The next wave, empty when there is nothing left to try. ``judged``: of all waves so far.

    The ratio comes first, and what stands behind pruning when it is found, or ``late``: with the
    rest of the time better spent on the best ratio so far.
    """
    known = {candidate.recipe.name for candidate in judged}
    bases = [(), *([_prune_step(best)] if (best := _best_pruned(judged)) is not None else [])]
    wanted = [recipe for base in bases for recipe in less_lossy(facts, base, judged)]
    if _may_prune(facts):
        searched = bool(facts.ratios) or late
        ratios = () if searched else pruning_plan.next_ratios(_pruning(judged))
        wanted += [_pruned(ratio) for ratio in ratios] or _behind_pruning(facts, judged)
    return tuple(recipe for recipe in _once(wanted) if recipe.name not in known)


def _may_prune(facts: Facts) -> bool:
    return bool(
        facts.may(PRUNE)
        and facts.training_entrypoint
        and facts.source_kind == PYTORCH
        and facts.runs(ONNXRUNTIME)
    )


def _first_ratios(facts: Facts) -> tuple[float, ...]:
    return (facts.ratios or pruning_plan.FIRST_RATIOS) if _may_prune(facts) else ()


def _pruned(ratio: float) -> Recipe:
    return Recipe(steps=(steps.prune(ratio),))


def _prune_step(ratio: float) -> tuple[Step, ...]:
    return (steps.prune(ratio),)


def _pruning(judged: Sequence[Judged]) -> dict[float, bool]:
    """Ratio → whether the pruned model, by itself, keeps the metric."""
    return {
        float(candidate.recipe.steps[0].parameters["ratio"]): kept(candidate)
        for candidate in judged
        if len(candidate.recipe.steps) == 1
        and candidate.recipe.steps[0].technique == "prune"
        and candidate.outcome != SKIPPED
    }


def _best_pruned(judged: Sequence[Judged]) -> float | None:
    """The largest ratio that keeps the metric."""
    return max((ratio for ratio, keeps in _pruning(judged).items() if keeps), default=None)


def _behind_pruning(facts: Facts, judged: Sequence[Judged]) -> list[Recipe]:
    """int8 and OpenVINO behind the largest ratio that keeps the metric.

    Where one of them loses too much there, behind the next smaller ratio as well: less pruning
    with int8 may still be the faster one.
    """
    good = sorted((ratio for ratio, keeps in _pruning(judged).items() if keeps), reverse=True)
    failed = {candidate.recipe.name for candidate in judged if lost(candidate)}
    wanted: list[Recipe] = []
    for ratio in good:
        base = _prune_step(ratio)
        tails = [*quantized(facts, base), *in_openvino(facts, base)]
        wanted += tails
        if not any(recipe.name in failed for recipe in tails):
            break
    return wanted


def _once(recipes: Sequence[Recipe]) -> tuple[Recipe, ...]:
    """Each name once, the first that has it."""
    found: dict[str, Recipe] = {}
    for recipe in recipes:
        found.setdefault(recipe.name, recipe)
    return tuple(found.values())
