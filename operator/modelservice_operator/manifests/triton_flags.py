"""Flags of Triton that follow from a tuning; the others are the start wrapper's own."""

from __future__ import annotations

from modelservice_runtime.contract.profile import Profile


def tuned_flags(profile: Profile | None, gpus: int) -> list[str]:
    """``gpus``: GPUs, or slices of them, that the pod gets; Triton numbers them from 0."""
    if profile is None:
        return []
    flags = _gpu_flags(profile, gpus) if gpus else []
    if profile.response_cache_bytes > 0:
        flags.append(f"--cache-config=local,size={profile.response_cache_bytes}")
    return flags


def _gpu_flags(profile: Profile, gpus: int) -> list[str]:
    flags, share = [], profile.memory.gpu_load_limit
    if share > 0:
        flags += [f"--model-load-gpu-limit={number}:{share:g}" for number in range(gpus)]
    if profile.pinned_memory_bytes > 0:
        flags.append(f"--pinned-memory-pool-byte-size={profile.pinned_memory_bytes}")
    return flags
