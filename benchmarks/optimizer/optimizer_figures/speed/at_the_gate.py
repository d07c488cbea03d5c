"""An engine at the builder's own gate, alone, which is milder than beside others.

What computes what the source model does has to be equal to it, by the manifest's tolerance; what
is not, and what computes otherwise, has to prove its metric. In the environment.
"""

from __future__ import annotations

from modelservice_runtime.builder import parity
from modelservice_runtime.builder.evaluating import GATE
from modelservice_runtime.builder.gate import judging
from modelservice_runtime.builder.rows import not_finite, run_all
from modelservice_runtime.builder.tensors import Arrays

from .findings import Verdict
from .setting import Setting
from .starting import Started


def judge(setting: Setting, started: Started) -> Verdict:
    """The verdict.

    Raises:
        BuildError: it does not run.
    """
    outputs = run_all(
        started.model,
        setting.scoring.batches[GATE],
        setting.build.scratch.work / "outputs.safetensors",
    )
    name, rows = not_finite(outputs)
    if rows:
        reason = f"output {name!r} has NaN or Inf for {rows} rows"
        return Verdict(engine=started.name, words=started.words, reason=reason)
    if started.exact and not _difference(setting, outputs):
        reason = "computes what the source model does"
        return Verdict(engine=started.name, within=True, words=started.words, reason=reason)
    return _by_metric(setting, started, outputs)


def _difference(setting: Setting, outputs: Arrays) -> str:
    expected = setting.scoring.expected[GATE]
    rows = len(next(iter(outputs.values())))
    tolerance = setting.build.request.parity
    return parity.verdict(parity.compare(expected, outputs, batch=rows, tolerance=tolerance))


def _by_metric(setting: Setting, started: Started, outputs: Arrays) -> Verdict:
    evidence = setting.scoring.evidence(GATE, outputs)
    if evidence is None:
        raise ValueError("the gate has no rows")
    evaluation = setting.build.request.evaluation
    verdict = judging.judge(
        {started.name: evidence},
        evaluation.goals,
        confidence=evaluation.confidence,
        metric=setting.scoring.metric.name,
    )[started.name]
    return Verdict(
        engine=started.name,
        within=verdict.outcome == judging.PASSES,
        words=started.words,
        reason=verdict.reason,
        loss=verdict.metric.drop if verdict.metric else None,
    )
