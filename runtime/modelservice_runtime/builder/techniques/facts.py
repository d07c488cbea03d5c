"""What a plan of candidates follows from, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Words of ``cpu.cpu_class``: 8-bit products are added up in 32 bits, so nothing saturates.
_WIDE_SUMS = frozenset({"vnni", "amx"})
_PRODUCTS = ("MatMul", "Gemm", "Attention", "MultiHeadAttention")
_CONVOLUTIONS = ("Conv", "ConvTranspose")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Of the request, the exported model, the data and the machine.

    ``source_kind``, ``engines``, ``techniques``: of ``contract.requests``' words.
    ``operators``, ``parameters``: of the plain export, from ``inspecting.inspect``.
    ``cpu_class``: ``cpu.cpu_class``. ``gpu``: there is one here.
    ``calibration_rows``, ``selection_rows``: of these parts of the data.
    ``metric``, ``output``: what is scored, empty without evaluation. ``max_drop``: the loss that
    is allowed, in the metric's own unit; None where the goals limit no loss.
    ``training_entrypoint``, ``ratios``: of the pruning request; no ratios: searched.
    """

    source_kind: str
    engines: tuple[str, ...]
    techniques: tuple[str, ...]
    operators: Mapping[str, int] = field(default_factory=dict)
    parameters: int = 0
    cpu_class: str = ""
    gpu: bool = False
    calibration_rows: int = 0
    selection_rows: int = 0
    metric: str = ""
    output: str = ""
    max_drop: float | None = None
    training_entrypoint: str = ""
    ratios: tuple[float, ...] = ()

    def may(self, technique: str) -> bool:
        """The user allows it."""
        return technique in self.techniques

    def runs(self, engine: str) -> bool:
        """The serving runtime has it."""
        return engine in self.engines

    def cpu_has(self, word: str) -> bool:
        """The CPU's class says so (``bf16``, ``fp16`` …)."""
        return word in self.cpu_class.split()

    @property
    def saturates(self) -> bool:
        """u8·s8 products are added up in 16 bits here: weights need 7 bits to be safe."""
        return self.cpu_class.startswith("x86") and not _WIDE_SUMS & set(self.cpu_class.split())

    @property
    def is_arm(self) -> bool:
        """Kernels here are fast with signed activations."""
        return self.cpu_class.startswith("aarch64")

    @property
    def convolutions(self) -> int:
        """How many there are."""
        return self._count(_CONVOLUTIONS)

    @property
    def products(self) -> int:
        """How many matrix products there are, attention as one."""
        return self._count(_PRODUCTS)

    @property
    def is_transformer(self) -> bool:
        """Attention: a softmax between matrix products."""
        return self.operators.get("Softmax", 0) > 0 and self.products > self.convolutions

    def _count(self, words: tuple[str, ...]) -> int:
        return sum(
            count for name, count in self.operators.items() if name.rpartition(":")[2] in words
        )
