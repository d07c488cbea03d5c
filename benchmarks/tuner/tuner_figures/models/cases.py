"""Which models are tuned, for which goal, within which bounds. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from optimizer_figures.builds.cases import Case

from modelservice_harness.errors import HarnessError

PERCENTILE = 99.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Within which every tuner searches. ``concurrency``: requests under way; ours picks its own.

    ``rate``: rates up to this are tried, where rates are: far beyond it every run takes minutes.
    ``window_ms``: of Model Analyzer's load, which may not be shorter than a request; ``stability``:
    percent by which three windows may differ, looser than its default of 10: a busy machine would
    fail every window, and cost it more.
    """

    batch: int
    rate: int
    instances: int = 3
    threads: int = 2
    concurrency: int = 32
    window_ms: int = 1500
    stability: int = 30


#: To see that everything runs.
NARROW = Bounds(
    batch=2, instances=2, threads=2, concurrency=2, rate=128, window_ms=500, stability=999
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedModel:
    """One model. ``goal_ms``: for p99; ``max_batch``: the largest batch that is tried.

    ``build``: how the product's builder makes its artifact; None: made by ``adding``.
    ``most_rate``: see ``Bounds``.
    ``window_seconds``: long enough for a fair p99 at its rates.
    """

    name: str
    goal_ms: float
    max_batch: int
    most_rate: int
    build: Case | None
    window_seconds: float = 4.0

    def bounds(self, *, quick: bool) -> Bounds:
        """What is searched; next to nothing in a quick run."""
        return NARROW if quick else Bounds(batch=self.max_batch, rate=self.most_rate)


ADD = TunedModel(name="add", goal_ms=8.0, max_batch=16, most_rate=16384, build=None)
_PRUNED = """[Fuse, Quantize, Prune, OpenVINO]
    pruning:
      trainingEntrypoint: training:train
"""
#: As it is exported: pruned and in int8 it takes no longer than an addition.
DIGITS = TunedModel(
    name="digits",
    goal_ms=20.0,
    max_batch=16,
    most_rate=8192,
    build=Case(
        name="digits-as-exported",
        example="digits",
        changes=(
            (
                _PRUNED,
                "[]\n",
            ),
        ),
    ),
)
MINILM = TunedModel(
    name="sentence-encoder",
    goal_ms=150.0,
    max_batch=8,
    most_rate=256,
    build=Case(name="sentence-encoder", example="sentence-encoder"),
    window_seconds=10.0,
)
#: The quickest first.
MODELS = (ADD, DIGITS, MINILM)


def chosen(names: Sequence[str], *, quick: bool) -> tuple[TunedModel, ...]:
    """The models named; without a name all, or the quickest one.

    Raises:
        HarnessError: there is no such model.
    """
    known = {model.name: model for model in MODELS}
    if unknown := [name for name in names if name not in known]:
        raise HarnessError(f"no model {', '.join(unknown)}; there are {', '.join(known)}")
    if not names:
        return MODELS[:1] if quick else MODELS
    return tuple(model for model in MODELS if model.name in names)
