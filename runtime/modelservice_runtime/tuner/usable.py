"""Which variants of an artifact can be measured here, and why others cannot. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelservice_runtime.contract.manifest import Variant
from modelservice_runtime.contract.model_config import BackendError, backend_for
from modelservice_runtime.serve.cpu_fit import misfit

from .errors import NO_USABLE_VARIANT, UserError

#: The builder publishes no more; each costs time.
MOST_VARIANTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Usable:
    """``variants`` in the builder's order, at least one; ``notes``: the others, in words."""

    variants: tuple[Variant, ...]
    notes: tuple[str, ...] = ()


def usable(variants: Sequence[Variant], runtime_backend: str, cpu_class: str) -> Usable:
    """What a runtime with ``runtime_backend`` can serve on a CPU of class ``cpu_class``.

    Raises:
        UserError: nothing; says of each variant why.
    """
    reasons = {v.name: _reason(v, runtime_backend, cpu_class) for v in variants}
    left = [variant for variant in variants if not reasons[variant.name]]
    notes = [f"{name} was left out: {why}" for name, why in reasons.items() if why]
    if not left:
        words = "; ".join(notes) or "it has none"
        raise UserError(
            NO_USABLE_VARIANT,
            f"no variant of the artifact can be served here: {words}; give the runtime nodes and"
            " an image that fit, or build again for them",
        )
    notes += [f"{v.name} was left out: there are enough" for v in left[MOST_VARIANTS:]]
    return Usable(variants=tuple(left[:MOST_VARIANTS]), notes=tuple(notes))


def _reason(variant: Variant, runtime_backend: str, cpu_class: str) -> str:
    try:
        backend_for(runtime_backend, variant.engine)
    except BackendError as error:
        return str(error)
    return misfit(variant, cpu_class)
