"""Recipes → files: steps side by side, each in a process of its own, nothing made twice.

A step waits for the step that it builds on. What the store has already is taken from there.
With several pods each begins elsewhere and leaves alone what another pod said it is at; what is
still missing in the end is made here too, until the other one has it: a pod that dies costs
time and nothing else.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from .candidate_cache import CandidateCache
from .recipes import Ingredients, Recipe, Step, candidate_key
from .techniques.base import Made
from .worker import Stopped

Steps: TypeAlias = tuple[Step, ...]

#: How often the store is asked whether another pod has what is being made here.
_LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What one chain of steps came to. ``error``: why there are no files, empty if there are.

    ``seconds``: that its last step took, here or in the build that made it (``cached``).
    """

    folder: Path
    made: Made | None = None
    seconds: float = 0.0
    cached: bool = False
    error: str = ""
    no_time: bool = False

    @property
    def model(self) -> Path:
        """The model file."""
        return self.folder / (self.made.model_file if self.made else "")


#: Makes the last of the steps: (steps, parent's model file, folder to fill, stop) → Made.
Maker: TypeAlias = Callable[[Steps, Path, Path, Callable[[], bool]], Made]


class CannotMakeError(Exception):
    """A step failed, in one sentence; ``no_time``: because time was up."""

    def __init__(self, message: str, *, no_time: bool = False) -> None:
        super().__init__(message)
        self.no_time = no_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Which pod this is of how many. ``build``: the same words in all of them."""

    build: str = ""
    index: int = 0
    count: int = 1


@dataclass(slots=True, kw_only=True)
class Production:
    """All candidates of one build. ``done``: every chain of steps that was tried."""

    folder: Path
    cache: CandidateCache
    ingredients: Ingredients
    make: Maker
    workers: int
    ends: float
    clock: Callable[[], float]
    said: Callable[[int, int], None]
    share: Share = field(default_factory=Share)
    done: dict[Steps, Product] = field(default_factory=dict)
    measured_seconds: float = 0.0
    stopping: bool = False

    def produce(self, recipes: Sequence[Recipe]) -> Mapping[str, Product]:
        """Make what the recipes need; the product of each recipe by its name."""
        began = self.clock()
        chains = [chain for chain in self._ordered(recipes) if chain not in self.done]
        # With the first chain done by another pod, one that waits for it is not held up here.
        if self.share.count > 1:
            own = [chain for chain in chains if self._is_ours(chain)]
            self._run(own, take_over=False)
        if self.share.index == 0:
            self._run([chain for chain in chains if chain not in self.done], take_over=True)
        if chains:
            self.measured_seconds += self.clock() - began
        return {
            recipe.name: self.done[recipe.steps] for recipe in recipes if recipe.steps in self.done
        }

    def _ordered(self, recipes: Sequence[Recipe]) -> list[Steps]:
        """Every chain and those that it builds on, parents first, each once."""
        prefixes = [
            recipe.steps[: length + 1] for recipe in recipes for length in range(len(recipe.steps))
        ]
        return sorted(dict.fromkeys(prefixes), key=len)

    def _is_ours(self, chain: Steps) -> bool:
        key = candidate_key(chain, self.ingredients)
        return self.cache.has(key) or self.cache.claim(key, self.share.build, self.share.index)

    def _run(self, chains: Sequence[Steps], *, take_over: bool) -> None:
        waiting, running = list(chains), dict[Future[Product], Steps]()
        total = len(waiting)
        with ThreadPoolExecutor(self.workers) as pool:
            try:
                while waiting or running:
                    for chain in self._startable(waiting, running):
                        waiting.remove(chain)
                        running[pool.submit(self._one, chain, take_over)] = chain
                    ended, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in ended:
                        self.done[running.pop(future)] = future.result()
                    self.said(total - len(waiting) - len(running), total)
            finally:
                # Told to stop, or the disk is full: what is still running is not waited for.
                self.stopping = bool(waiting or running)

    def _startable(
        self, waiting: Sequence[Steps], running: Mapping[Future[Product], Steps]
    ) -> list[Steps]:
        """What nothing is missing for; all of it with nothing under way: it fails in words."""
        unfinished = {*waiting, *running.values()}
        ready = [chain for chain in waiting if chain[:-1] not in unfinished]
        return ready if ready or running else list(waiting)

    def _one(self, chain: Steps, take_over: bool) -> Product:  # noqa: FBT001 - submitted positionally
        key = candidate_key(chain, self.ingredients)
        folder = self.folder / key
        folder.mkdir(parents=True, exist_ok=True)
        product = self._from_store(key, folder)
        if product is not None:
            return product
        parent = self._parent(chain)
        if parent.error:
            return Product(folder=folder, error=f"it builds on {_name(chain[:-1])}: {parent.error}")
        if self.clock() >= self.ends:
            return Product(folder=folder, error="there was no time left to make it", no_time=True)
        return self._made(chain, key, parent=parent, folder=folder, take_over=take_over)

    def _made(
        self, chain: Steps, key: str, *, parent: Product, folder: Path, take_over: bool
    ) -> Product:
        began = self.clock()
        elsewhere = self._looker(key) if take_over and self.share.count > 1 else _never
        try:
            made = self.make(chain, parent.model, folder, lambda: self.stopping or elsewhere())
        except Stopped:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            found = self._from_store(key, folder)
            return found or Product(folder=folder, error="another pod made it, and it is gone")
        except CannotMakeError as error:
            seconds = self.clock() - began
            return Product(folder=folder, error=str(error), seconds=seconds, no_time=error.no_time)
        seconds = self.clock() - began
        self.cache.put(key, folder, made, seconds)
        return Product(folder=folder, made=made, seconds=seconds)

    def _from_store(self, key: str, folder: Path) -> Product | None:
        entry = self.cache.get(key, folder)
        if entry is None:
            return None
        return Product(folder=folder, made=entry.made, seconds=entry.seconds, cached=True)

    def _parent(self, chain: Steps) -> Product:
        known = self.done.get(chain[:-1])
        if known is not None:
            return known
        # Another pod was at it: by now it is in the store, or it is not to be had yet.
        product = self._one(chain[:-1], take_over=False)
        self.done[chain[:-1]] = product
        return product

    def _looker(self, key: str) -> Callable[[], bool]:
        last = time.monotonic()

        def look() -> bool:
            nonlocal last
            if time.monotonic() - last < _LOOK_SECONDS:
                return False
            last = time.monotonic()
            return self.cache.has(key)

        return look


def figures_of(chain: Steps, done: Mapping[Steps, Product]) -> dict[str, float]:
    """What the steps of a chain counted; a later step's word counts."""
    figures: dict[str, float] = {}
    for length in range(1, len(chain) + 1):
        product = done.get(chain[:length])
        figures |= product.made.figures if product and product.made else {}
    return figures


def longest_chain_seconds(done: Mapping[Steps, Product]) -> float:
    """max(t_i): what the slowest chain takes alone, with any number of workers."""
    return max((_chain_seconds(chain, done) for chain in done), default=0.0)


def serial_seconds(done: Mapping[Steps, Product]) -> float:
    """All steps one after another; the export comes before any of them."""
    return sum(product.seconds for chain, product in done.items() if chain)


def _chain_seconds(chain: Steps, done: Mapping[Steps, Product]) -> float:
    parts = (chain[: length + 1] for length in range(len(chain)))
    return sum(done[part].seconds for part in parts if part in done)


def _name(chain: Steps) -> str:
    return "+".join(step.label for step in chain) or "the export"


def _never() -> bool:
    return False
