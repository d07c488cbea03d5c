"""May a variant run on this CPU? Pure; what it was judged on is in the manifest.

The kernels of int8, bf16 and fp16 differ between CPUs: without VNNI sums of 8-bit products
saturate, and an accuracy that was proven on one node is none on another.
"""

from __future__ import annotations

from modelservice_runtime.contract.manifest import Variant


def misfit(variant: Variant, here: str) -> str:
    """Why ``variant`` may not run on a CPU of class ``here``, in words; empty if it may.

    A variant without a class computes what the source model does, anywhere.
    """
    if variant.cpu_class in {"", here}:
        return ""
    return (
        f"variant {variant.name!r} was judged on CPU class {variant.cpu_class!r}, and this node's"
        f" is {here!r}: its answers may be others here"
    )
