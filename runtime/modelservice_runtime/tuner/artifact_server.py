"""The Triton that the tuner started, asked in terms of settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from modelservice_runtime.contract.model_config import ModelConfig

from . import statistics
from .deadline import Deadline
from .memory_use import MemoryUse, family_use
from .ports import LOOPBACK
from .server import Triton
from .settings import Setting
from .statistics import Counters


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactServer:
    """``config``: of a setting, for Triton. ``model``: its name there. ``gpu``: it runs on one."""

    triton: Triton
    model: str
    config: Callable[[Setting], ModelConfig]
    gpu: bool = False

    def serve(self, setting: Setting, deadline: Deadline) -> None:
        """See ``bench.Server``."""
        self.triton.serve(self.config(setting), deadline)

    def check_alive(self) -> None:
        """See ``bench.Server``."""
        self.triton.check_alive()

    def counters(self) -> Counters:
        """See ``bench.Server``."""
        return statistics.read(f"{LOOPBACK}:{self.triton.ports.http}", self.model)

    def memory(self) -> MemoryUse | None:
        """See ``bench.Server``."""
        pid = self.triton.pid
        use = None if pid is None else family_use(pid, self.triton.shared_bytes)
        if use is None or not self.gpu:
            return use
        used, total = statistics.read_gpu_memory(f"{LOOPBACK}:{self.triton.ports.metrics}")
        return replace(use, gpu=used, gpu_total=total)
