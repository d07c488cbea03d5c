"""A setting, and the configuration by which Triton serves an artifact with it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelservice_runtime.contract.manifest import Manifest
from modelservice_runtime.contract.model_config import (
    PYTHON_BACKEND,
    ModelConfig,
    render_pbtxt,
    warmup_sizes,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What tuners choose: batch and instances, threads of an engine, the batcher's patience."""

    batch: int
    instances: int
    threads: int
    delay_us: int = 0

    def words(self) -> str:
        """``batch 8, 2 instances x 1 threads, delay 2.5 ms``."""
        delay = f", delay {self.delay_us / 1000:g} ms" if self.delay_us else ""
        return f"batch {self.batch}, {self.instances} instances x {self.threads} threads{delay}"


#: What a service has before anything is tuned, but that it batches.
UNTUNED = Setting(batch=1, instances=1, threads=1)


def distinct(settings: Sequence[Setting]) -> tuple[Setting, ...]:
    """Each once, in the order in which they first occur."""
    return tuple(dict.fromkeys(settings))


def turned(settings: Sequence[Setting], number: int) -> list[Setting]:
    """The order of round ``number``: each setting comes first, and last, about as often."""
    shift = number % len(settings) if settings else 0
    forward = [*settings[shift:], *settings[:shift]]
    return forward if number % 2 == 0 else forward[::-1]


def config(
    name: str, manifest: Manifest, setting: Setting, *, warm: bool = True, timeout_us: int = 0
) -> str:
    """``config.pbtxt`` for the artifact's first variant.

    ``warm``: with its warm-up at 1 and at a full batch; Model Analyzer changes the batch and leaves
    the rest, and Triton refuses to warm up with more than a batch.
    ``timeout_us``: of waiting; 0 for none: nothing is refused then, and counts as late.
    """
    variant = manifest.variants[0]
    return render_pbtxt(
        ModelConfig(
            name=name,
            backend=PYTHON_BACKEND,
            variant=variant.name,
            engine=variant.engine,
            precision=variant.precision,
            model_file=variant.model_file,
            max_batch_size=setting.batch,
            interface=manifest.interface,
            instances=setting.instances,
            threads=setting.threads,
            queue_delay_microseconds=setting.delay_us,
            queue_timeout_microseconds=timeout_us,
            warmup_batch_sizes=warmup_sizes(setting.batch) if warm else (1,),
            warmup_inputs=manifest.sample_inputs,
        )
    )
