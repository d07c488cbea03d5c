"""Every knob of Triton that could pay, what it is set to, and why. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modelservice_runtime.contract.model_config import TENSORRT_BACKEND, warmup_sizes

from .figures import figure
from .memory_plan import MIB
from .outcome import Tuned
from .search import NOISE_SHARE, OVERSUBSCRIBED_SHARE, Candidate, batching_of
from .settings import Setting
from .simulation.capacity import longest_wait

#: A hit is worth less than what looking for it costs below this time of a lone row.
LEAST_CACHED_MS = 0.5
#: Repeated requests below this share do not pay for the memory.
LEAST_REPEATED_PERCENT = 5.0
#: Of the requests that Triton overlooks, a share below this is not told.
LEAST_TOLD = 0.001
#: So many answers are kept.
CACHED_ANSWERS = 10_000
#: What the cache adds to each answer, and its least size (Triton refuses less).
CACHE_EXTRA_BYTES = 256
CACHE_LEAST_BYTES, CACHE_MOST_BYTES = 16 * MIB, 256 * MIB
#: Staging memory for a GPU's inputs and outputs: Triton's own default.
PINNED_BYTES = 256 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where it will serve. ``answer_bytes``: of the outputs of a row."""

    gpu: bool
    backend: str
    answer_bytes: int
    shares_gpu: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """``value`` for people; ``why``: a sentence."""

    name: str
    value: str
    why: str

    def words(self) -> str:
        """For the object's status."""
        return f"{self.name} {self.value}: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The knobs that are no part of the search. Microseconds and bytes, 0 for none."""

    queue_timeout_microseconds: int
    response_cache_bytes: int
    cuda_graphs: bool
    pinned_memory_bytes: int


def decide(tuned: Tuned, place: Place) -> Decided:
    """From the measured setting and the declared traffic."""
    goal = tuned.question.goal.seconds
    timeout = longest_wait(goal, tuned.chosen.service, batching_of(tuned.chosen.setting))
    return Decided(
        queue_timeout_microseconds=max(1, int(timeout * 1e6)) if tuned.met else 0,
        response_cache_bytes=_cache_bytes(tuned, place),
        cuda_graphs=place.backend == TENSORRT_BACKEND,
        pinned_memory_bytes=PINNED_BYTES if place.gpu else 0,
    )


def _cache_bytes(tuned: Tuned, place: Place) -> int:
    repeated = tuned.question.traffic.repeated_percent
    alone = tuned.alone_ms[tuned.chosen.setting.option.variant]
    if repeated < LEAST_REPEATED_PERCENT or alone < LEAST_CACHED_MS or place.gpu:
        return 0
    wanted = CACHED_ANSWERS * (place.answer_bytes + CACHE_EXTRA_BYTES)
    return min(CACHE_MOST_BYTES, max(CACHE_LEAST_BYTES, wanted))


def knobs(tuned: Tuned, decided: Decided, place: Place) -> tuple[Knob, ...]:
    """All of them, those that were searched first."""
    return (
        *_searched(tuned),
        *_lengths(tuned),
        *_queue(tuned, decided),
        _warm_up(tuned.chosen.setting),
        _cache(tuned, decided, place),
        *_shared(place),
        _graphs(decided),
        _pinned(decided, place),
        Knob(
            name="preferred batch sizes",
            value="none",
            why="they make Triton send larger batches than wanted under load",
        ),
    )


def _searched(tuned: Tuned) -> tuple[Knob, ...]:
    setting = tuned.chosen.setting
    option = setting.option
    return (
        Knob(
            name="variant",
            value=option.variant,
            why=_beside(tuned, lambda other: other.option.variant, "variant"),
        ),
        Knob(
            name="instances",
            value=str(option.instances),
            why=_beside(tuned, lambda other: str(other.option.instances), "instances")
            + _beyond_cores(tuned),
        ),
        Knob(
            name="threads",
            value=str(option.threads),
            why=_beside(tuned, lambda other: str(other.option.threads), "threads"),
        ),
        Knob(
            name="largest batch",
            value=str(setting.max_batch_size),
            why=_beside(tuned, lambda other: str(other.max_batch_size), "batch"),
        ),
        Knob(
            name="queue delay",
            value=f"{setting.queue_delay_microseconds} µs",
            why=_delay(tuned.order, setting),
        ),
    )


def _beside(tuned: Tuned, of: Callable[[Setting], str], name: str) -> str:
    own = of(tuned.chosen.setting)
    best: dict[str, float] = {}
    for item in tuned.order:
        value = of(item.setting)
        if not item.misfit:
            best[value] = max(best.get(value, 0.0), item.rows_per_second)
    others = {value: rows for value, rows in best.items() if value != own}
    if not others:
        return f"no other {name} could be measured" if name == "variant" else "nothing else fits"
    second = max(others, key=lambda value: others[value])
    carries, other = best.get(own, 0.0), others[second]
    words = f"carries {figure(carries)} rows/s simulated, {name} {second} {figure(other)}"
    seems_less = carries < (1 - NOISE_SHARE) * other and not tuned.question.traffic.rows_per_second
    compared = {own, second} <= {of(trial.setting) for trial in tuned.trials}
    return f"{words}; runs under load decided" if seems_less and compared else words


def _beyond_cores(tuned: Tuned) -> str:
    """Why not more threads than cores, where those seem to carry more; after a semicolon."""
    limits, chosen = tuned.question.limits, tuned.chosen
    seems_more = any(
        limits.oversubscribed(item.setting.option)
        and not item.misfit
        and item.rows_per_second > chosen.rows_per_second
        for item in tuned.order
    )
    if not seems_more or limits.oversubscribed(chosen.setting.option):
        return ""
    return f"; more threads than cores have to carry {OVERSUBSCRIBED_SHARE:.0%} more to count"


def _delay(order: tuple[Candidate, ...], setting: Setting) -> str:
    same = [
        item
        for item in order
        if item.setting.option == setting.option
        and item.setting.max_batch_size == setting.max_batch_size
    ]
    if setting.max_batch_size == 1 or len(same) < 2:  # noqa: PLR2004 - nothing beside it
        return "there is no batch to wait for"
    with_delay = [item for item in same if item.setting.queue_delay_microseconds]
    without = next(item for item in same if not item.setting.queue_delay_microseconds)
    best = max(with_delay, key=lambda item: item.rows_per_second)
    return (
        f"{figure(without.rows_per_second)} rows/s without one,"
        f" {figure(best.rows_per_second)} with {best.setting.queue_delay_microseconds} µs"
    )


def _lengths(tuned: Tuned) -> tuple[Knob, ...]:
    found = tuned.padding.get(tuned.chosen.setting.option.variant)
    if found is None:
        return ()
    value = "padded into one batch" if found.allowed else "equal lengths alone"
    return (Knob(name="requests of different lengths", value=value, why=found.why),)


def _queue(tuned: Tuned, decided: Decided) -> tuple[Knob, ...]:
    if not tuned.met:
        why = "no request can be answered in time, so none is refused for coming late"
        if tuned.capacity.missed:
            why = "with all clients some wait too long: they are answered late, and none is refused"
        return (Knob(name="queue time-out", value="none", why=why),)
    why = "whoever has waited longer would be answered too late: the goal less a full batch"
    if (share := tuned.chosen.overlooked) >= LEAST_TOLD:
        why += f"; with a limit Triton now and then overlooks who waits: at light load {share:.1%}"
        why += " are refused or late"
    value = f"{decided.queue_timeout_microseconds / 1000:g} ms, REJECT"
    return (Knob(name="queue time-out", value=value, why=why),)


def _warm_up(setting: Setting) -> Knob:
    sizes = " and ".join(str(size) for size in warmup_sizes(setting.max_batch_size))
    return Knob(
        name="warm-up",
        value=f"batch {sizes}",
        why="real samples at the tuned sizes, so that the first requests are as fast as the rest",
    )


def _cache(tuned: Tuned, decided: Decided, place: Place) -> Knob:
    repeated = tuned.question.traffic.repeated_percent
    size = decided.response_cache_bytes
    if size:
        value = f"{size / MIB:.0f} MiB"
        why = f"{repeated:g} % of the requests are repeated, and an answer takes longer than a look"
    elif repeated < LEAST_REPEATED_PERCENT:
        value, why = "off", "the declared traffic does not repeat"
    elif place.gpu:
        value, why = "off", "Triton caches tensors in the CPU's memory only"
    else:
        value, why = "off", f"a row takes less than {LEAST_CACHED_MS} ms: a look costs as much"
    return Knob(name="response cache", value=value, why=why)


def _shared(place: Place) -> tuple[Knob, ...]:
    if place.shares_gpu:
        why = "other models of this server use the same GPU: they take turns"
        return (Knob(name="rate limiter", value="on", why=why),)
    why = "one model on a server of its own: there is nothing to take turns with"
    return (
        Knob(name="rate limiter", value="off", why=why),
        Knob(name="priorities", value="one level", why="the traffic names no others"),
    )


def _graphs(decided: Decided) -> Knob:
    if decided.cuda_graphs:
        why = "a TensorRT engine launches a whole graph at once instead of kernel by kernel"
        return Knob(name="CUDA graphs", value="on", why=why)
    return Knob(name="CUDA graphs", value="off", why="only Triton's TensorRT backend has them")


def _pinned(decided: Decided, place: Place) -> Knob:
    if place.gpu:
        value = f"{decided.pinned_memory_bytes / MIB:.0f} MiB"
        why = "inputs and outputs go to and from the GPU through it"
        return Knob(name="pinned memory", value=value, why=why)
    return Knob(name="pinned memory", value="none", why="there is no GPU to copy to")
