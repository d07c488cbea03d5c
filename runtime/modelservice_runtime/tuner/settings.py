"""What is searched: instances, threads, batch sizes, queue delays. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from modelservice_runtime.contract.profile import ServedSetting

#: Queue delays that are tried, as shares of the time of a full batch.
DELAY_SHARES = (0.0, 0.25, 0.5, 1.0)
#: Instances that share one GPU, at most; its memory mostly says fewer.
MOST_ON_GPU = 6
#: A queue delay beyond this share of the goal leaves too little for the rest.
DELAY_GOAL_SHARE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What a curve is measured for: its speed depends on all three."""

    variant: str
    instances: int
    threads: int

    def words(self) -> str:
        """``int8, 2 instances, 1 thread each``."""
        many = "instance" if self.instances == 1 else "instances"
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.variant}, {self.instances} {many}, {threads} each"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is served. ``queue_delay_microseconds``: that a batch waits for more requests."""

    option: Option
    max_batch_size: int
    queue_delay_microseconds: int = 0

    def words(self) -> str:
        """``int8, batch 8, 2 instances, 1 thread each, delay 300 µs``."""
        variant, _, rest = self.option.words().partition(", ")
        words = f"{variant}, batch {self.max_batch_size}, {rest}"
        delay = self.queue_delay_microseconds
        return f"{words}, delay {delay} µs" if delay else words

    def served(self) -> ServedSetting:
        """In the contract's words."""
        return ServedSetting(
            variant=self.option.variant,
            max_batch_size=self.max_batch_size,
            instances=self.option.instances,
            threads=self.option.threads,
            queue_delay_microseconds=self.queue_delay_microseconds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``cpu``: cores of a replica. ``instances``, ``threads``: at most, 0 for what the cores say.

    ``fixed_threads``: they cannot be changed, so that many it is (0: they can). ``gpu``: the model
    runs on one, where instances share the device and not the cores.
    """

    cpu: float
    max_batch_size: int
    instances: int = 0
    threads: int = 0
    fixed_threads: int = 0
    gpu: bool = False

    def oversubscribed(self, option: Option) -> bool:
        """Whether its threads are more than the cores; those of a model on a GPU do not count."""
        return not self.gpu and option.instances * option.threads > self.cpu

    def leaves_a_core(self, option: Option) -> bool:
        """Whether its threads spare one for the server; never told of a model on a GPU."""
        return not self.gpu and option.instances * option.threads <= self.cpu - 1


def batch_sizes(maximum: int, least: int = 1) -> tuple[int, ...]:
    """1, 2, 3, 4, 6, 8, 12 … and the maximum itself, from ``least`` on."""
    sizes, power = {1, maximum}, 2
    while power <= maximum:
        sizes |= {power, power * 3 // 2}
        power *= 2
    return tuple(sorted(size for size in sizes if least <= size <= maximum))


def first_options(limits: Limits) -> tuple[tuple[int, int], ...]:
    """(instances, threads) that are always tried.

    One instance with all cores, one with a single one (a core is then left to the server), and
    every way in between that uses all cores: two instances of half of them each, and so on.
    """
    cores = max(1, int(limits.cpu))
    if limits.gpu:
        # One feeds the device while the other one's kernels run.
        pairs = [(1, 1), (2, 1)]
    elif limits.fixed_threads:
        pairs = [(1, limits.fixed_threads), (max(1, cores), limits.fixed_threads)]
    else:
        pairs = [(1, cores), (1, 1)]
        instances = 2
        while instances <= cores:
            pairs.append((instances, max(1, cores // instances)))
            instances *= 2
        pairs.append((cores, 1))
    return tuple(dict.fromkeys(_capped(pair, limits) for pair in pairs))


def next_instances(tried: dict[int, float], limits: Limits, gain: float) -> int | None:
    """One instance more than the best so far with a single thread each, while that gains.

    ``tried``: what each number of instances carries. None: it is not worth it.
    """
    if not tried:
        return None
    best = max(tried, key=lambda count: tried[count])
    most = limits.instances or (MOST_ON_GPU if limits.gpu else max(1, int(limits.cpu)) + 1)
    fewer = [value for count, value in tried.items() if count < best]
    gains = not fewer or tried[best] >= max(fewer) * (1 + gain)
    more = best + 1
    return more if gains and more <= most and more not in tried else None


def _capped(pair: tuple[int, int], limits: Limits) -> tuple[int, int]:
    instances = min(pair[0], limits.instances) if limits.instances else pair[0]
    threads = min(pair[1], limits.threads) if limits.threads else pair[1]
    return instances, threads


def delays_microseconds(full_batch_ms: float, max_batch_size: int, goal_ms: float) -> list[int]:
    """What is tried with a batch size; only 0 where there is nothing to wait for."""
    if max_batch_size == 1:
        return [0]
    most = DELAY_GOAL_SHARE * goal_ms
    waits = (share * full_batch_ms for share in DELAY_SHARES)
    return sorted({round(wait * 1000) for wait in waits if wait <= most})
