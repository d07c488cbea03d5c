"""Traffic that is made up: shapes that services see, from a seed. Pure.

All constants of ours and all grids of peers were chosen on these, none on recorded traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from autoscaling_figures.simulator.arrivals import Trace

BIN_SECONDS = 10.0
#: Of each shape.
DURATION = 3 * 3600.0
#: Services that share GPUs.
MIX = 10
_SEED = 20_261_127


def diurnal(times: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A day in a few hours, with noise that stays for minutes."""
    wave = 1 + 0.7 * np.sin(2 * np.pi * (times / DURATION - 0.25))
    noise = np.zeros(len(times))
    for place in range(1, len(times)):
        noise[place] = 0.97 * noise[place - 1] + 0.03 * generator.standard_normal()
    shape: np.ndarray = wave * np.exp(noise)
    return shape


def flash_crowd(times: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Calm; then within a minute several times as many, who leave slowly. Twice."""
    shape: np.ndarray = np.full(len(times), 0.6)
    for begin, height in ((0.2, 2.4), (0.6, 1.6)):
        at = (begin + 0.1 * generator.random()) * times[-1]
        since = times - at
        rising = np.clip(since / 60.0, 0.0, 1.0)
        shape += height * rising * np.exp(-np.maximum(0.0, since - 60.0) / 900.0)
    return shape


def bursty(times: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A Markov-modulated rate: three states, minutes in each."""
    levels, stay = (0.5, 1.0, 2.2), (400.0, 300.0, 150.0)
    shape = np.zeros(len(times))
    state, left = 1, 0.0
    for place in range(len(times)):
        if left <= 0:
            state = (state + int(generator.integers(1, 3))) % 3
            left = generator.exponential(stay[state])
        shape[place] = levels[state]
        left -= BIN_SECONDS
    return shape


def ramp(times: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Up for half of the time, down for the other half."""
    top = 1.8 + 0.4 * generator.random()
    half: np.ndarray = np.abs(times / times[-1] - 0.5) * 2
    shape: np.ndarray = 0.3 + (top - 0.3) * (1 - half)
    return shape


SHAPES: Mapping[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "diurnal": diurnal,
    "flash crowd": flash_crowd,
    "bursty": bursty,
    "ramp": ramp,
}


def made(name: str, seed: int, duration: float = DURATION) -> Trace:
    """One of ``SHAPES`` with a mean of one request a second."""
    generator = np.random.default_rng([_SEED, seed, list(SHAPES).index(name)])
    times = np.arange(0.0, duration, BIN_SECONDS)
    shape = SHAPES[name](times, generator)
    return Trace(name=name, counts=shape / shape.mean() * BIN_SECONDS, seconds=BIN_SECONDS)


def mix(seed: int, duration: float = DURATION) -> dict[str, Trace]:
    """Traffic of several services: every shape in turn, peaks at different times."""
    names = list(SHAPES)
    generator = np.random.default_rng([_SEED, seed, 99])
    found = {}
    for number in range(MIX):
        trace = made(names[number % len(names)], 100 * seed + number, duration)
        shifted = np.roll(trace.counts, int(generator.integers(0, len(trace.counts))))
        size = 0.5 + generator.random()
        name = f"job{number}"
        found[name] = Trace(name=name, counts=shifted * size, seconds=trace.seconds)
    return found
