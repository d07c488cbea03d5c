"""The search: recipes in waves, made side by side, tried, timed alone, judged together.

A later wave follows from what the earlier ones showed (planning). When time is up, the best so
far counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from modelservice_runtime.contract.manifest import LatencyPair

from . import measuring
from .baseline import Baseline
from .engines import ModelProcess, start_candidate
from .errors import PARITY_REJECTED, BuildError, Infrastructure, Interrupted, OutOfTime, Rejected
from .evaluating import Scoring, score_source, write_selection
from .facts import facts_of, with_allowance
from .judged import Judged
from .locking import alone
from .producing import Product, Production, Share, figures_of
from .recipes import PLAIN, Recipe
from .setting_out import Ground, production, workers
from .stages import Build
from .techniques.facts import Facts
from .techniques.planning import more, plan
from .trying import Trial, try_out, with_fault
from .verdicts import Contestant, Outcome, judge

#: Of the time that is left, what one wave may spend on making candidates.
WAVE_SHARE = 0.5
#: Below this share of the whole time no further wave begins: what there is must be published.
LAST_WAVE_SHARE = 0.25
#: With less than this share left, no further ratio is searched for.
LATE_SHARE = 0.5
#: With less than this share of the time left, only what may be served is timed.
SPARE_SHARE = 0.5
#: For timing what will not be served.
DOUBTED_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What came of a search, and what it stood on."""

    ground: Ground
    scoring: Scoring | None
    trials: Mapping[str, Trial]
    production: Production
    outcome: Outcome


def find(build: Build, ground: Ground, share: Share) -> Finding:
    """Search, from the plan to the judgement.

    Raises:
        BuildError: the build cannot go on; a bad candidate is no reason.
    """
    facts = facts_of(build, ground)
    scoring = None
    if ground.data is not None and _is_scored(build, facts):
        with build.stage("data", "running the source model on the evaluation data"):
            scoring = score_source(build, ground.baseline.source, ground.data)
            facts = with_allowance(facts, scoring)
    selection = write_selection(scoring, build.scratch.evaluation) if scoring else None
    making = production(build, ground, selection=selection, share=share)
    search = Search(
        build=build,
        baseline=ground.baseline,
        scoring=scoring,
        production=making,
        facts=facts,
        workers=workers(build, ground),
    )
    outcome = search.run()
    return Finding(
        ground=ground, scoring=scoring, trials=search.trials, production=making, outcome=outcome
    )


def produce_only(build: Build, ground: Ground, share: Share) -> None:
    """Make this pod's share of the first wave, into the store.

    Later waves follow from judgements, which are the first pod's.

    Raises:
        BuildError: the build cannot go on.
    """
    making = production(build, ground, selection=None, share=share)
    recipes = plan(facts_of(build, ground))
    names = ", ".join(recipe.name for recipe in recipes)
    with build.stage("produce", f"pod {share.index + 1} of {share.count}: {names}"):
        making.produce(recipes)


def _is_scored(build: Build, facts: Facts) -> bool:
    """Whether any candidate has to prove something: what is exact does so by parity."""
    return bool(build.request.evaluation.data_uri) or not all(r.exact for r in plan(facts))


@dataclass(slots=True, kw_only=True)
class Search:
    """One build's search. ``workers``: candidates tried side by side."""

    build: Build
    baseline: Baseline
    scoring: Scoring | None
    production: Production
    facts: Facts
    workers: int
    trials: dict[str, Trial] = field(default_factory=dict)
    latency: dict[str, tuple[LatencyPair, ...]] = field(default_factory=dict)

    def run(self) -> Outcome:
        """All waves; the candidates judged, at least the plain export among them.

        Raises:
            Interrupted, Infrastructure: the build cannot go on.
        """
        self._wave([PLAIN], {PLAIN.name: self.baseline.export})
        self._check_plain()
        recipes: Sequence[Recipe] = [r for r in plan(self.facts) if r.name != PLAIN.name]
        number = 1
        while recipes:
            self._wave(recipes, self._make(recipes, number))
            if self._is_left_less_than(LAST_WAVE_SHARE):
                break
            known = self.trials
            late = self._is_left_less_than(LATE_SHARE)
            wanted = more(self.facts, self.judged(), late=late)
            recipes = [r for r in wanted if r.name not in known]
            number += 1
        return judge(self.contestants(), self.scoring, self.build.request)

    def _check_plain(self) -> None:
        """What is served where nothing else may be must be fit for it.

        Raises:
            OutOfTime: there was no time to see.
            Rejected: it is not, in words.
        """
        fault = self.trials[PLAIN.name].fault
        if not fault:
            return
        self.build.deadline.check(self.build.clock(), "running the plain export")
        raise Rejected(
            PARITY_REJECTED,
            f"the exported model is not equal to the source model: {fault}; nothing was published;"
            " correct the model, or allow more under spec.evaluation.parity",
        )

    def judged(self) -> tuple[Judged, ...]:
        """What is known so far, judged."""
        return judge(self.contestants(), self.scoring, self.build.request).candidates

    def contestants(self) -> list[Contestant]:
        """Every candidate with its latency, in the order of their making."""
        return [
            Contestant(
                trial=trial,
                latency=self.latency.get(name, ()),
                figures=figures_of(trial.recipe.steps, self.production.done),
            )
            for name, trial in self.trials.items()
        ]

    def _make(self, recipes: Sequence[Recipe], number: int) -> Mapping[str, Product]:
        self.production.ends = self.build.clock() + WAVE_SHARE * self._remaining()
        names = ", ".join(recipe.name for recipe in recipes)
        with self.build.stage("produce", f"wave {number}: {names}", needed=False):
            return self.production.produce(recipes)

    def _wave(self, recipes: Sequence[Recipe], products: Mapping[str, Product]) -> None:
        for recipe in recipes:
            product = products[recipe.name]
            self.trials[recipe.name] = Trial(recipe=recipe, product=product, fault=product.error)
        words = f"running {len(recipes)} candidates on the data"
        with self.build.stage("evaluate", words, needed=False):
            self._try([name for name in products if not self.trials[name].fault])
        good = [name for name in products if self._is_worth_timing(self.trials[name])]
        words = f"timing {len(good)} candidates, one at a time"
        with self.build.stage("measure", words, needed=False):
            for number, name in enumerate(good):
                words = f"timing {name} ({number + 1} of {len(good)})"
                self.build.say("measure", words, number / len(good))
                self._time(name)

    def _is_worth_timing(self, trial: Trial) -> bool:
        """What runs; if time allows what loses too much, too: speed alone would take that."""
        enough = self._remaining() > SPARE_SHARE * self.build.deadline.duration_seconds
        return not trial.fault and (enough or not trial.doubt)

    def _try(self, names: Sequence[str]) -> None:
        """Side by side. A process dies with the thread that started it: each ends in its own."""

        def one(name: str) -> Trial:
            if self._remaining() <= 0:
                words = "there was no time left to run it"
                return with_fault(self.trials[name], words, no_time=True)
            return try_out(self.build, self.baseline, self.scoring, self.trials[name])

        with ThreadPoolExecutor(self.workers) as pool:
            for name, trial in zip(names, pool.map(one, names), strict=True):
                self.trials[name] = trial

    def _time(self, name: str) -> None:
        trial = self.trials[name]
        if self._remaining() <= 0:
            words = "there was no time left to measure it"
            self.trials[name] = with_fault(trial, words, trial.peak_bytes, no_time=True)
            return
        try:
            with alone():
                self.latency[name] = self._measured(trial)
        except (Interrupted, Infrastructure):
            raise
        except BuildError as error:
            late = isinstance(error, OutOfTime)
            self.trials[name] = with_fault(trial, error.message, trial.peak_bytes, no_time=late)

    def _measured(self, trial: Trial) -> tuple[LatencyPair, ...]:
        build = self.build
        sizes = measuring.batches(build.request.max_batch_size)
        files = {batch: self.baseline.batch_file(build, batch) for batch in sizes}
        with start_candidate(
            trial.recipe.name,
            trial.recipe.engine,
            environment=build.environment,
            cwd=build.scratch.work,
            limits=build.limits,
        ) as worker:
            model = ModelProcess(worker, build.deadline, build.clock)
            model.open(trial.product.model, trial.recipe.precision)
            budget = DOUBTED_SECONDS if trial.doubt else measuring.BUDGET_SECONDS
            return measuring.measure(self.baseline.source, model, files, build.clock, budget)

    def _is_left_less_than(self, share: float) -> bool:
        """Of the whole time."""
        return self._remaining() < share * self.build.deadline.duration_seconds

    def _remaining(self) -> float:
        return self.build.deadline.remaining(self.build.clock())
