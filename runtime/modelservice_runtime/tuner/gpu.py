"""Is there a GPU in this pod? The tune Job's gets one exactly if the serving pods do."""

from __future__ import annotations

from pathlib import Path

from .knobs import PINNED_BYTES

#: NVIDIA's driver puts its control device into a container beside the GPU that was asked for.
CONTROL_DEVICE = Path("/dev/nvidiactl")
#: How often Triton looks at its GPUs; by itself every two seconds, and a run may be shorter.
INTERVAL_MS = 100


def has_gpu(device: Path = CONTROL_DEVICE) -> bool:
    """Whether models are to run on a GPU here."""
    return device.exists()


def processes_of(instances: int, *, gpu: bool, devices: Path = CONTROL_DEVICE.parent) -> int:
    """How many processes Triton has for so many ``instances``: on GPUs, so many on each."""
    gpus = sum(device.name.removeprefix("nvidia").isdigit() for device in devices.glob("nvidia*"))
    return instances * max(1, gpus) if gpu else instances


def triton_flags(*, gpu: bool) -> tuple[str, ...]:
    """What the tuner's Triton is started with beside the rest.

    The pinned memory is what the serving pods get: it counts as the server's own.
    """
    if not gpu:
        return ()
    pinned = f"--pinned-memory-pool-byte-size={PINNED_BYTES}"
    return (pinned, f"--metrics-interval-ms={INTERVAL_MS}")
