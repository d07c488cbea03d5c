"""What a search came to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tuner_figures.serving.settings import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """``setting``: None where it found nothing, ``failure`` says why then.

    ``throughput``: of it, as the searcher itself measured it, 0 where it does not say so.
    ``runs``: of the load generator; ``load_seconds``: in which it ran; ``seconds``: from the start
    of the search to its end.
    """

    setting: Setting | None
    runs: int
    load_seconds: float
    seconds: float
    failure: str = ""
    throughput: float = 0.0

    def words(self) -> str:
        """``batch 8, 2 instances x 1 threads, 12 runs, 80 s of load, 165 s in all``."""
        found = self.setting.words() if self.setting is not None else f"nothing: {self.failure}"
        cost = f"{self.load_seconds:.0f} s of load, {self.seconds:.0f} s in all"
        return f"{found}; {self.runs} runs, {cost}"

    def dump(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def load(cls, found: dict[str, Any]) -> Pick:
        """From JSON."""
        setting = found["setting"]
        return cls(**{**found, "setting": None if setting is None else Setting(**setting)})


def together(picks: Sequence[Pick]) -> Pick:
    """Several searches as one: the most throughput by their own figures, at the cost of all."""
    best = max(picks, key=lambda pick: (pick.setting is not None, pick.throughput))
    return Pick(
        setting=best.setting,
        throughput=best.throughput,
        failure=best.failure,
        runs=sum(pick.runs for pick in picks),
        load_seconds=sum(pick.load_seconds for pick in picks),
        seconds=sum(pick.seconds for pick in picks),
    )
