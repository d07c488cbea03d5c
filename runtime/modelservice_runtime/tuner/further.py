"""Where the model fails: settings picked by Optuna's TPE, each judged by a measurement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import optuna

from .search import NOISE_SHARE, Candidate
from .settings import Setting

#: Each costs a run.
TRIALS = 8
#: So many in a row that are no better than the best before end the search.
PATIENCE = 3
_SEED = 1


def further(
    order: Sequence[Candidate],
    known: Mapping[Setting, float],
    ask: Callable[[Candidate], float | None],
) -> tuple[Candidate, ...]:
    """What was tried beside ``known``, as simulated.

    ``order``: the simulated settings, the best first, those that fit. ``ask``: measures one, rows
    a second that it carries; None ends the search.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    candidates = {item.setting: item for item in order if not item.misfit}
    names: dict[str, Setting] = {}
    for setting in candidates:
        names.setdefault(_name(setting), setting)  # of several delays the best one
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=_SEED, n_startup_trials=2)
    )
    distributions = _distributions(list(candidates))
    for setting, rows in known.items():
        if setting in candidates:
            study.add_trial(
                optuna.trial.create_trial(
                    params=_params(setting), distributions=distributions, value=rows
                )
            )
    tried: list[Candidate] = []
    best, in_vain = max(known.values(), default=0.0), 0
    for _ in range(TRIALS):
        if in_vain == PATIENCE:
            break
        trial = study.ask(distributions)
        picked = names.get(_name_of(trial.params))
        if picked is None or picked in known or picked in {item.setting for item in tried}:
            # No such combination, or nothing new to learn of it.
            study.tell(trial, known.get(picked, 0.0) if picked else 0.0)
            continue
        measured = ask(candidates[picked])
        if measured is None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            break
        study.tell(trial, measured)
        tried.append(candidates[picked])
        in_vain = 0 if measured > best * (1 + NOISE_SHARE) else in_vain + 1
        best = max(best, measured)
    return tuple(tried)


def _distributions(
    settings: Sequence[Setting],
) -> dict[str, optuna.distributions.BaseDistribution]:
    options = sorted({setting.option.words() for setting in settings})
    sizes = sorted({setting.max_batch_size for setting in settings})
    waits = sorted({_wait(setting) for setting in settings})
    return {
        "option": optuna.distributions.CategoricalDistribution(options),
        "batch": optuna.distributions.CategoricalDistribution(sizes),
        "delay": optuna.distributions.CategoricalDistribution(waits),
    }


def _params(setting: Setting) -> dict[str, object]:
    return {
        "option": setting.option.words(),
        "batch": setting.max_batch_size,
        "delay": _wait(setting),
    }


def _wait(setting: Setting) -> str:
    return "some" if setting.queue_delay_microseconds else "none"


def _name(setting: Setting) -> str:
    return _name_of(_params(setting))


def _name_of(params: Mapping[str, object]) -> str:
    return f"{params['option']}, {params['batch']}, {params['delay']}"
