"""T3.operator: the goal changes several times under requests that do not end."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench_figures.rows import Figures

from modelservice_harness.errors import CommandFailed
from tuner_figures.bench import Bench
from tuner_figures.ground.asking import AskingPod, Question

from .findings import Change, figures, met
from .manifests import CHANGED_MS, INPUTS, NAME, NAMESPACE
from .service import Pods, Service

RATE = 30.0
#: Before each change.
CALM_SECONDS, QUICK_CALM_SECONDS = 40.0, 10.0
_MOST_SECONDS, _TUNING_SECONDS, _LOADING_SECONDS = 3600.0, 300.0, 300.0
_AFTER_SECONDS = 3.0


def measure(bench: Bench) -> Iterator[Figures]:
    """All of it; as many changes as there are repeats.

    Raises:
        HarnessError: the service does not come to serve, or its pods were replaced.
    """
    with bench.ground.namespace(NAMESPACE) as access:
        service = Service(ground=bench.ground, access=access)
        asking = AskingPod(access=access, namespace=NAMESPACE, folder=bench.work / "operated")
        bench.say(f"  {NAME}: built, tuned and rolled out, which takes minutes")
        service.start()
        asking.start(bench.ground.images.client, INPUTS)
        question = Question(address=service.address(), model=NAME, rate=RATE)
        pods, changes = service.pods(), []
        with asking.asks(question, _MOST_SECONDS) as asked:
            for number in range(bench.repeats):
                goal = CHANGED_MS[number % len(CHANGED_MS)]
                changes.append(_changed(bench, service, goal, pods))
        found = met(changes, asked.found())
    for name, runs in found.items():
        for run in runs:
            bench.say(f"  {name}: {run.words()}")
    for why, count in asked.found().failures.items():
        bench.say(f"  failed {count} times: {why}")
    yield figures(found)


def _changed(bench: Bench, service: Service, goal_ms: int, pods: Pods) -> Change:
    began, before = time.time(), service.held()
    time.sleep(QUICK_CALM_SECONDS if bench.quick else CALM_SECONDS)
    changed = time.time()
    service.set_goal(goal_ms)
    service.wait(
        lambda: service.is_tuned() or service.held() != before, _TUNING_SECONDS, "a tuning"
    )
    tuned = changed  # where an earlier tuning for this goal is still known
    if service.is_tuned():
        service.wait(lambda: not service.is_tuned(), _TUNING_SECONDS, "the end of the tuning")
        tuned = time.time()
    service.wait(
        lambda: (held := service.held()) != before and service.served() == {held},
        _LOADING_SECONDS,
        "the new setting in every pod",
    )
    service.wait(service.serves, _LOADING_SECONDS, "at rest")
    time.sleep(_AFTER_SECONDS)
    if service.pods() != pods:
        raise CommandFailed(f"{NAME}: pods were replaced or restarted, nothing was loaded in place")
    bench.say(f"  {NAME}: goal {goal_ms} ms, tuned in {tuned - changed:.0f} s,"
              f" served {time.time() - tuned:.0f} s later")  # fmt: skip
    return Change(began=began, changed=changed, tuned=tuned, served=time.time())
