"""Everything that was seen of all candidates → an outcome and a reason for each. Pure.

===========================================================  ==========
what was seen                                                 outcome
===========================================================  ==========
there was no time for it                                      Skipped
it could not be made                                          Failed
it does not load, fit or stay finite; exact, but not equal    Rejected
the goals are missed on the selection part                    Rejected
slower than the wanted speed-up                               Rejected
the gate: the loss is beyond the goal                         Rejected
the gate: the samples cannot tell                             Undecided
else, by the rule of ``choosing``                             Chosen, Finalist, Passed
===========================================================  ==========

One that is exact has nothing to prove where the goals only limit a loss. Where they ask for a
value of their own, it must prove that as everybody else. If nothing may be served otherwise, the
plain export is: it is the source model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from modelservice_runtime.contract.manifest import LatencyPair
from modelservice_runtime.contract.requests import (
    MAX_DEGRADATION,
    MAX_DEGRADATION_PERCENT,
    BuildRequest,
    Goal,
)

from . import choosing
from .evaluating import Scoring
from .gate import judging
from .judged import (
    CHOSEN,
    FAILED,
    FINALIST,
    PASSED,
    REJECTED,
    SKIPPED,
    UNDECIDED,
    Judged,
)
from .measuring import speedup
from .recipes import PLAIN
from .trying import Trial

_LOSS_LIMITS = {MAX_DEGRADATION, MAX_DEGRADATION_PERCENT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One candidate with its latency (empty if it was not measured).

    ``figures``: what the steps of its making counted.
    """

    trial: Trial
    latency: tuple[LatencyPair, ...]
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """``served``: names of what goes into the artifact, the chosen one first.

    ``goal_met``: the goals are proven for the chosen one; ``goal``: in words, how or why not.
    """

    candidates: tuple[Judged, ...]
    served: tuple[str, ...]
    choice: str
    goal_met: bool
    goal: str


def judge(
    contestants: Sequence[Contestant], scoring: Scoring | None, request: BuildRequest
) -> Outcome:
    """The outcome of all. ``contestants``: the plain export is among them."""
    goals = request.evaluation.goals
    first = {c.trial.recipe.name: _before_the_gate(c, request) for c in contestants}
    at_gate = [c for c in contestants if first[c.trial.recipe.name] is None]
    verdicts = _verdicts(at_gate, scoring, request)
    judged = {
        c.trial.recipe.name: first[c.trial.recipe.name]
        or _after_the_gate(c, verdicts.get(c.trial.recipe.name), goals)
        for c in contestants
    }
    return _chosen(_with_metric(judged, contestants, scoring, request), verdicts)


def _with_metric(
    judged: Mapping[str, Judged],
    contestants: Sequence[Contestant],
    scoring: Scoring | None,
    request: BuildRequest,
) -> dict[str, Judged]:
    """What was measured of those that had nothing to prove is told all the same."""
    told = dict(judged)
    for contestant in contestants:
        name, seen = contestant.trial.recipe.name, contestant.trial.evidence
        untold = told[name].outcome == PASSED and told[name].metric is None
        if scoring is not None and seen is not None and untold:
            confidence = request.evaluation.confidence
            metric = judging.measured(seen, scoring.metric.name, confidence)
            told[name] = dataclasses.replace(told[name], metric=metric)
    return told


def _before_the_gate(contestant: Contestant, request: BuildRequest) -> Judged | None:
    """The outcome of a candidate that does not get to the gate, None for one that does."""
    trial = contestant.trial
    if trial.fault:
        made = trial.product.made is not None
        late = trial.no_time or trial.product.no_time
        outcome = SKIPPED if late else REJECTED if made else FAILED
        return _judged(contestant, outcome, trial.fault)
    if trial.doubt:
        words = f"on the selection part: {trial.doubt}"
        if contestant.latency:
            words += f" ({speedup(contestant.latency):.2f} times as fast as the source model)"
        return _judged(contestant, REJECTED, words)
    wanted, reached = request.optimization.min_speedup, speedup(contestant.latency)
    if trial.recipe.name != PLAIN.name and reached < wanted:
        words = f"{reached:.2f} times as fast as the source model; minSpeedup asks for {wanted:g}"
        return _judged(contestant, REJECTED, words)
    return None


def _verdicts(
    at_gate: Sequence[Contestant], scoring: Scoring | None, request: BuildRequest
) -> Mapping[str, judging.Verdict]:
    if scoring is None:
        return {}
    evaluation = request.evaluation
    proving = not _only_limits(evaluation.goals)
    evidence = {
        c.trial.recipe.name: c.trial.evidence
        for c in at_gate
        if c.trial.evidence is not None and (proving or not c.trial.recipe.exact)
    }
    return judging.judge(
        evidence,
        evaluation.goals,
        confidence=evaluation.confidence,
        metric=scoring.metric.name,
    )


def _after_the_gate(
    contestant: Contestant, verdict: judging.Verdict | None, goals: Sequence[Goal]
) -> Judged:
    trial = contestant.trial
    if trial.recipe.exact and _only_limits(goals):
        return _judged(contestant, PASSED, "computes what the source model does")
    if verdict is None:
        return _judged(contestant, UNDECIDED, "there are no evaluation data to judge it by")
    outcome = {judging.PASSES: PASSED, judging.FAILS: REJECTED}.get(verdict.outcome, UNDECIDED)
    return dataclasses.replace(_judged(contestant, outcome, verdict.reason), metric=verdict.metric)


def _judged(contestant: Contestant, outcome: str, reason: str) -> Judged:
    trial, product = contestant.trial, contestant.trial.product
    files = [path for path in product.folder.rglob("*") if path.is_file()]
    made = product.made
    return Judged(
        recipe=trial.recipe,
        outcome=outcome,
        reason=reason,
        seconds=product.seconds,
        cached=product.cached,
        size_bytes=sum(path.stat().st_size for path in files),
        peak_bytes=trial.peak_bytes,
        selection_value=trial.selection_value,
        doubted=bool(trial.doubt),
        parity=trial.parity,
        latency=contestant.latency,
        notes=made.notes if made else (),
        figures=contestant.figures,
    )


def _chosen(judged: Mapping[str, Judged], verdicts: Mapping[str, judging.Verdict]) -> Outcome:
    options = [_option(candidate) for candidate in judged.values() if candidate.outcome == PASSED]
    unproven = [c for c in judged.values() if c.outcome == UNDECIDED and not c.recipe.exact]
    if not options:
        return _source_model_kept(judged, verdicts)
    choice = choosing.choose(options)
    final = {name: _placed(candidate, choice, options) for name, candidate in judged.items()}
    first = final[choice.names[0]]
    return Outcome(
        candidates=tuple(final.values()),
        served=choice.names,
        choice=choice.why,
        goal_met=True,
        goal=_goal_words(first, unproven),
    )


def _placed(
    candidate: Judged, choice: choosing.Choice, options: Sequence[choosing.Option]
) -> Judged:
    name = candidate.recipe.name
    if candidate.outcome != PASSED:
        return candidate
    if name == choice.names[0]:
        return dataclasses.replace(candidate, outcome=CHOSEN, reason=choice.why)
    own = _option(candidate)
    if name in choice.names:
        words = f"{own.speedup:.2f} times as fast as the source model; goes along to the tuning"
        return dataclasses.replace(candidate, outcome=FINALIST, reason=words)
    better = choosing.beaten_by(own, options)
    words = f"within the goals, but {better or choice.names[0]} is better"
    words += f" ({own.speedup:.2f} times as fast as the source model)"
    return dataclasses.replace(candidate, reason=words)


def _source_model_kept(
    judged: Mapping[str, Judged], verdicts: Mapping[str, judging.Verdict]
) -> Outcome:
    """Nothing keeps the goals, the plain export included: it is served all the same."""
    plain = judged[PLAIN.name]
    why = f"no candidate can be shown to keep the goals: {plain.reason}"
    verdict = verdicts.get(PLAIN.name)
    chosen = dataclasses.replace(
        plain,
        outcome=CHOSEN,
        reason="the source model is served as it is, because nothing keeps the goals",
        metric=verdict.metric if verdict else None,
    )
    return Outcome(
        candidates=tuple({**judged, PLAIN.name: chosen}.values()),
        served=(PLAIN.name,),
        choice=f"{PLAIN.name}: the source model as it is; {why}",
        goal_met=False,
        goal=f"{why}; the source model is served as it is",
    )


def _goal_words(first: Judged, unproven: Sequence[Judged]) -> str:
    if first.metric is not None and not first.recipe.exact:
        metric = first.metric
        words = (
            f"{metric.name} {metric.value:.4f}, the source model has {metric.source_value:.4f},"
            f" on {metric.samples} samples"
        )
    else:
        words = "the artifact computes what the source model does"
    if unproven and first.recipe.exact:
        words += f"; {unproven[0].recipe.name} could not be proven: {unproven[0].reason}"
    return words


def _option(candidate: Judged) -> choosing.Option:
    metric = candidate.metric
    drop = 0.0 if metric is None or candidate.recipe.exact else metric.drop
    return choosing.Option(
        name=candidate.recipe.name,
        speedup=speedup(candidate.latency),
        drop=drop,
        size_bytes=candidate.size_bytes,
    )


def _only_limits(goals: Sequence[Goal]) -> bool:
    return all(goal.kind in _LOSS_LIMITS for goal in goals)
