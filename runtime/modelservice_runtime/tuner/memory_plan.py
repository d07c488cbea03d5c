"""What a setting needs, predicted from what smaller ones were seen to need. Pure.

A replica's memory is the server's own, what its instances map from files (libraries, weights),
which is there once however many they are, and for each instance a fixed part (interpreter, engine)
and one that grows with the largest batch (activations, the engine's arena, shared memory for inputs
and outputs). Two measured settings of a variant with different batch sizes give both.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from modelservice_runtime.contract.profile import MemoryPlan

from .settings import Setting

MIB = 1 << 20
#: Parts that are seen, not only predicted.
SERVER, FILES = "Triton itself", "libraries and weights, from files"
#: A prediction may not be too low: what one measurement differs from the next.
PREDICTION_MARGIN = 1.06
#: The peak was seen once, on one machine, in minutes.
HEADROOM = 1.2
#: Triton loads no model beyond this share of a GPU, and no setting is planned beyond it.
GPU_SHARE = 0.9
#: Requests are rounded up to this.
STEP = 64 * MIB
#: The least for /dev/shm; it grows by whole regions, so what was seen is doubled.
SHARED_MEMORY_LEAST = 64 * MIB
SHARED_MEMORY_HEADROOM = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A setting that was loaded: bytes of the server, and of all instances together.

    ``shared_bytes``: of them in /dev/shm. ``file_bytes``: of the instances' what is mapped from
    files. ``gpu_bytes``: used of ``gpu_total`` on the device.
    ``leaked_bytes``: that requests left behind, and the setting does not need.
    """

    setting: Setting
    server_bytes: int
    instance_bytes: int
    shared_bytes: int = 0
    file_bytes: int = 0
    gpu_bytes: int = 0
    gpu_total: int = 0
    leaked_bytes: int = 0

    @property
    def total(self) -> int:
        """Of the replica."""
        return self.server_bytes + self.instance_bytes

    @property
    def needed_by_instances(self) -> int:
        """Without what leaked, where instances are processes of their own: there it does."""
        return max(0, self.instance_bytes - self.leaked_bytes)

    @property
    def needed_by_each(self) -> float:
        """Of each instance, beside what all of them map from files."""
        return max(0, self.needed_by_instances - self.file_bytes) / self.setting.option.instances

    @property
    def needed_by_server(self) -> int:
        """Likewise; the server's own where it holds the instances."""
        return self.server_bytes if self.instance_bytes else self.server_bytes - self.leaked_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A replica's memory by part, bytes."""

    server: int
    files: int
    fixed: int
    growing: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.server + self.files + self.fixed + self.growing

    def named(self) -> Mapping[str, int]:
        """For people."""
        return {
            SERVER: self.server,
            FILES: self.files,
            "instances: engine and weights": self.fixed,
            "instances: activations at the largest batch": self.growing,
        }


def predicted(setting: Setting, seen: Sequence[Observation]) -> Parts | None:
    """From the settings of the same variant; None where none of it was seen."""
    known = [item for item in seen if item.setting.option.variant == setting.option.variant]
    if not known:
        return None
    server = max(item.needed_by_server for item in known)
    files = max(item.file_bytes for item in known)
    fixed, slope = _line([(item.setting.max_batch_size, item.needed_by_each) for item in known])
    instances = setting.option.instances
    margin = PREDICTION_MARGIN
    return Parts(
        server=math.ceil(server * margin),
        files=math.ceil(files * margin),
        fixed=math.ceil(instances * fixed * margin),
        growing=math.ceil(instances * slope * setting.max_batch_size * margin),
    )


def _line(points: Iterable[tuple[int, float]]) -> tuple[float, float]:
    """(at batch 0, for each row) so that no point lies above the line; it never falls."""
    largest: dict[int, float] = {}
    for size, value in points:
        largest[size] = max(value, largest.get(size, 0.0))
    sizes = sorted(largest)
    slope = 0.0
    if len(sizes) > 1:
        first, last = sizes[0], sizes[-1]
        slope = max(0.0, (largest[last] - largest[first]) / (last - first))
    fixed = max(value - slope * size for size, value in largest.items())
    return max(0.0, fixed), slope


def misfit(parts: Parts | None, limit_bytes: int) -> str:
    """Why a setting may not be applied; empty where it may, or nothing is known of it."""
    if parts is None or not limit_bytes or parts.total <= limit_bytes:
        return ""
    return f"it would need {parts.total / MIB:.0f} MiB of the {limit_bytes / MIB:.0f} MiB allowed"


def need(setting: Setting, seen: Sequence[Observation], limit_bytes: int) -> tuple[int, str]:
    """Predicted bytes (0: unknown) of a setting, and why it may not be applied (empty: it may)."""
    parts = predicted(setting, seen)
    why = misfit(parts, limit_bytes) or gpu_misfit(setting, seen)
    return (parts.total if parts else 0), why


def observed(seen: Sequence[Observation], setting: Setting, peak_bytes: int) -> Observation:
    """What was seen at the setting; where nothing was, the peak counts as the instances'."""
    own = [item for item in seen if item.setting == setting]
    if own:
        return max(own, key=lambda item: item.total)
    return Observation(setting=setting, server_bytes=0, instance_bytes=peak_bytes)


def gpu_predicted(setting: Setting, seen: Sequence[Observation]) -> int:
    """Bytes on the GPU, from settings of the same variant; 0 where none of it was seen there.

    The server's own context is there once; each instance has one of its own beside its weights and
    what grows with the batch.
    """
    variant = setting.option.variant
    known = [item for item in seen if item.gpu_total and item.setting.option.variant == variant]
    if not known:
        return 0
    server = _gpu_of_server(known)
    fixed, slope = _line(
        (one.setting.max_batch_size, (one.gpu_bytes - server) / one.setting.option.instances)
        for one in known
    )
    each = fixed + slope * setting.max_batch_size
    return math.ceil((server + setting.option.instances * each) * PREDICTION_MARGIN)


def _gpu_of_server(known: Sequence[Observation]) -> float:
    """What is left at no instance, the least that two settings with the same batch say.

    0 where there are no two: it then counts as each instance's, which is too much and never too
    little.
    """
    found: list[float] = []
    for few, many in itertools.permutations(known, 2):
        a, b = few.setting.option.instances, many.setting.option.instances
        if few.setting.max_batch_size == many.setting.max_batch_size and a < b:
            found.append((b * few.gpu_bytes - a * many.gpu_bytes) / (b - a))
    return max(0.0, min(found, default=0.0))


def gpu_misfit(setting: Setting, seen: Sequence[Observation]) -> str:
    """Why a setting would not fit on the GPU; empty where it would, or nothing is known of it."""
    needed = gpu_predicted(setting, seen)
    allowed = GPU_SHARE * max((item.gpu_total for item in seen), default=0)
    if needed <= allowed:
        return ""
    return f"it would need {needed / MIB:.0f} MiB of the GPU's {allowed / MIB:.0f} MiB"


def plan(
    measured: Observation, peak_bytes: int, *, allowed_bytes: int = 0, cache_bytes: int = 0
) -> MemoryPlan:
    """What the pod asks for, from what was measured at the setting that serves.

    ``peak_bytes``: the most that was seen at that setting. ``allowed_bytes``: the limit, 0 for
    none: what was seen to fit is not refused for its head-room. While a changed configuration is
    loaded, the instances are there twice.
    """
    peak = max(peak_bytes, measured.total) + cache_bytes
    request = rounded_up(peak * HEADROOM)
    if allowed_bytes and peak <= allowed_bytes:
        request = min(request, allowed_bytes)
    # Two versions at once, each with regions of its own.
    shared = rounded_up(2 * SHARED_MEMORY_HEADROOM * measured.shared_bytes)
    return MemoryPlan(
        request_bytes=request,
        limit_bytes=rounded_up((peak + measured.instance_bytes) * HEADROOM),
        shared_memory_bytes=max(SHARED_MEMORY_LEAST, shared),
        gpu_bytes=measured.gpu_bytes,
        gpu_load_limit=GPU_SHARE if measured.gpu_total else 0.0,
    )


def rounded_up(value: float) -> int:
    """To whole steps."""
    return math.ceil(value / STEP) * STEP
