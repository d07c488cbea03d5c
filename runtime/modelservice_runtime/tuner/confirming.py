"""The second part of a tuning: the best few of the simulated settings, measured in turns.

Each is loaded at the rate that it should carry, or with all clients of a closed loop and, where
that misses the goal, with as many as seem to keep it; the model is put right with what was seen,
and what each carries is asked anew, until the best is decided. Where model and measurements
disagree beyond the tolerance, Optuna's TPE searches further with measurements alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from .bench import Bench
from .calibration import SPEED_TOLERANCE, Fit, fitted
from .clients_held import Shown, is_decided, next_clients, shown, still_open
from .deadline import Deadline
from .further import further
from .loading import Loading
from .progress import say
from .question import Question
from .search import (
    CLEARLY_BEHIND,
    NOISE_SHARE,
    Candidate,
    Memory,
    finalists,
    ranked,
    simulate,
)
from .settings import Setting
from .trials import ENOUGH_REQUESTS, Trial, clients_to_send, most_sent, valid, verdict

#: Rounds in which each finalist is loaded once.
LEAST_ROUNDS, MOST_ROUNDS = 2, 4
#: Loaded a little below what it should carry: beyond it all turns at once, which tells less.
BELOW_SHARE = 0.95
#: Two speeds of a noisy machine differ by as many times its noise, and mean nothing.
NOISES = 2.0
#: Each round sends other random times.
_SEED_STEP = 101


@dataclass(slots=True, kw_only=True)
class Confirming:
    """``trials``: all runs under load, in order. ``fits``: of each finalist, the latest.

    ``noise``: share by which the machine's speed scatters: a difference that it explains is not
    the model's.
    """

    bench: Bench
    question: Question
    memory: Memory
    trials: list[Trial] = field(default_factory=list)
    fits: dict[Setting, Fit] = field(default_factory=dict)
    first_fits: dict[Setting, Fit] = field(default_factory=dict)
    noise: float = 0.0
    searched_further: bool = False
    _bases: dict[Setting, Candidate] = field(default_factory=dict)

    def best(self, order: Sequence[Candidate], deadline: Deadline) -> Candidate | None:
        """The setting to serve with, as measured; None where none keeps the goal.

        ``order``: simulated, the best first.
        """
        hopes = list(finalists(order, self.question))
        hopes = self._rounds(hopes, deadline)
        self._note_common()
        if self._disagree() and hopes:
            hopes = self._further(order, hopes, deadline)
        return hopes[0] if hopes else None

    def _rounds(self, hopes: list[Candidate], deadline: Deadline) -> list[Candidate]:
        """The finalists in the order of what they carry, as far as they were measured."""
        for number in range(MOST_ROUNDS):
            if self._decided(hopes, number):
                break
            measured = [self._measured(hope, number, deadline) for hope in hopes]
            if any(done is None for done in measured):
                break  # time is up, or one of them ended Triton
            corrected = [done for done in measured if done is not None]
            order = ranked(corrected, self.question)
            best = order[0].rows_per_second if order else 0.0
            if best <= 0:
                break  # so slow was none before: their order stays what it was
            hopes = self._in_question(order, best)
        return hopes

    def _in_question(self, order: Sequence[Candidate], best: float) -> list[Candidate]:
        """Those of which it is not clear that another one carries more."""
        if self.question.clients:
            return still_open(self._shown(order))
        return [hope for hope in order if hope.rows_per_second >= CLEARLY_BEHIND * best]

    def _shown(self, hopes: Sequence[Candidate]) -> list[tuple[Candidate, Shown]]:
        """Of a closed loop, each with what its runs have shown."""
        runs = [valid(self.trials_of(hope.setting)) for hope in hopes]
        known = [shown(seen, self.question) for seen in runs]
        return list(zip(hopes, known, strict=True))

    def _decided(self, hopes: Sequence[Candidate], rounds: int) -> bool:
        """Whether another round would change nothing."""
        if not hopes or rounds < LEAST_ROUNDS:
            return not hopes
        if self.question.clients:
            return is_decided(self._shown(hopes))
        carried = [hope.rows_per_second for hope in hopes]
        if min(carried) >= (1 - NOISE_SHARE) * max(carried):
            return True  # as good as each other: what the best carries is proven later
        return all(self._is_known(hope.setting) for hope in hopes)

    def _is_known(self, setting: Setting) -> bool:
        """Whether its runs tell what it carries."""
        return verdict(valid(self.trials_of(setting))).requests >= ENOUGH_REQUESTS

    def trials_of(self, setting: Setting) -> list[Trial]:
        """Its runs, in order."""
        return [trial for trial in self.trials if trial.setting == setting]

    def _measured(self, candidate: Candidate, number: int, deadline: Deadline) -> Candidate | None:
        """One more run of it; the candidate as the corrected model has it."""
        trial = self._loaded(candidate, number, deadline, 0.7 if self.searched_further else 0.6)
        if trial is None:
            return None
        return self.corrected(candidate)

    def _loaded(
        self, candidate: Candidate, number: int, deadline: Deadline, fraction: float
    ) -> Trial | None:
        """One run as the traffic will be."""
        if self.question.clients:
            clients = self._clients(candidate)
            return self.run_clients(candidate, clients, deadline, fraction, proving=False)
        rows = BELOW_SHARE * candidate.rows_per_second
        return self.run(candidate.setting, rows, number, deadline, fraction)

    def _clients(self, candidate: Candidate) -> int:
        """All at first, then as many as seem to keep the goal: it serves with those.

        At once with those where fewer will do.
        """
        seen = valid(self.trials_of(candidate.setting))
        if not seen and not self.question.or_fewer:
            return self.question.clients
        return max(1, next_clients(candidate, seen, self.question))

    def run(
        self, setting: Setting, rows: float, number: int, deadline: Deadline, fraction: float
    ) -> Trial | None:
        """One run at ``rows`` a second; None where it was given up."""
        seed, rows = _SEED_STEP * (number + 1), min(rows, most_sent(self.trials))
        return self._told(self._loading.at_rate(setting, rows, seed, deadline), fraction)

    def run_clients(
        self,
        candidate: Candidate,
        clients: int,
        deadline: Deadline,
        fraction: float,
        *,
        proving: bool = True,
    ) -> Trial | None:
        """One run with so many requests in flight; None where it was given up."""
        sending = clients_to_send(clients, candidate.setting, self.trials)
        trial = self._loading.with_clients(
            candidate, clients, deadline, proving=proving, sending=sending
        )
        return self._told(trial, fraction)

    @property
    def _loading(self) -> Loading:
        return Loading(bench=self.bench, question=self.question)

    def _told(self, trial: Trial | None, fraction: float) -> Trial | None:
        if trial is not None:
            self.trials.append(trial)
            words = f"{trial.setting.words()} {trial.load_words}: {trial.violations:.2%} late"
            say("settings under load", fraction, f"{words}{_because(trial.discarded)}")
        return trial

    def corrected(self, candidate: Candidate) -> Candidate:
        """The candidate as the model has it once its valid runs have put it right.

        Of a closed loop no less than what held, and no more than what missed the goal.
        """
        runs = valid(self.trials_of(candidate.setting))
        if not runs:
            return candidate
        base, seen = self._base(candidate), [trial.seen() for trial in runs]
        fit = fitted(base.service, seen, self.question.objective.percentile, self.noise)
        self.fits[candidate.setting] = fit
        self.first_fits.setdefault(candidate.setting, fit)
        right = simulate(candidate.setting, fit.service, self.question, self.memory)
        return shown(runs, self.question).within(right) if self.question.clients else right

    def _base(self, candidate: Candidate) -> Candidate:
        """As it was before any correction: corrections do not add up."""
        self._bases.setdefault(candidate.setting, candidate)
        return self._bases[candidate.setting]

    def _kept(self, setting: Setting) -> float:
        """What is left of the first word of the model on ``setting``, by what was measured so far.

        Of settings of the same option where there are such, else of all.
        """
        shares = {
            known: self.corrected(base).rows_per_second / base.rows_per_second
            for known, base in self._bases.items()
            if base.rows_per_second > 0
        }
        own = [share for known, share in shares.items() if known.option == setting.option]
        return median(own or shares.values() or [1.0])

    def _disagree(self) -> bool:
        """Whether the model was wrong about most of what was measured.

        What it is off by at all of them alike changes no order.
        """
        fits = list(self.first_fits.values())
        if len(fits) > 1:
            fits = [fit.beside(fits) for fit in fits]
        wrong = [not fit.agrees and abs(fit.speed - 1) > NOISES * self.noise for fit in fits]
        return bool(wrong) and sum(wrong) * 2 > len(wrong)

    def _note_common(self) -> None:
        """That executions take longer or less than in the curves at all finalists alike."""
        speeds = [fit.speed for fit in self.first_fits.values()]
        more = median(speeds) - 1 if len(speeds) > 1 else 0.0
        if abs(more) > SPEED_TOLERANCE:
            words = f"{abs(more):.0%} {'longer' if more > 0 else 'less'}"
            self.bench.notes.append(
                f"under load executions take {words} than in the curves, at the settings that"
                " were compared alike: what was measured there counts"
            )

    def _further(
        self, order: Sequence[Candidate], hopes: list[Candidate], deadline: Deadline
    ) -> list[Candidate]:
        """More measurements, of settings that TPE picks by what was measured so far."""
        self.bench.notes.append(
            f"model and measurements disagree ({_disagreement(self.first_fits.values())}):"
            " searched further with measurements (Optuna TPE)"
        )
        self.searched_further = True
        tried = {hope.setting: hope.rows_per_second for hope in hopes}

        def ask(candidate: Candidate) -> float | None:
            rows = self._kept(candidate.setting) * candidate.rows_per_second
            if rows <= 0:
                return 0.0
            hope = replace(candidate, rows_per_second=rows)
            if self._loaded(hope, 7, deadline, 0.65) is None:
                return None
            return self.corrected(candidate).rows_per_second

        found = further(order, tried, ask)
        more = [self.corrected(item) for item in found]
        best = list(ranked([*hopes, *more], self.question))[:2]
        return self._rounds(best, deadline)


def _disagreement(fits: Iterable[Fit]) -> str:
    """The largest error in words."""
    errors = [
        pair
        for fit in fits
        for pair in (
            (1 / fit.speed - 1, "time of executions"),
            (fit.median_error, "median latency"),
            (fit.tail_error, "tail latency"),
        )
    ]
    error, name = max(errors, key=lambda pair: abs(pair[0]))
    return f"{name} by {error:+.0%}"


def _because(why: str) -> str:
    return f" (thrown away: {why})" if why else ""
