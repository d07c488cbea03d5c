"""Is there a GPU in this pod? The tune Job's gets one exactly if the serving pods do."""

from __future__ import annotations

from pathlib import Path

#: NVIDIA's driver puts its control device into a container beside the GPU that was asked for.
CONTROL_DEVICE = Path("/dev/nvidiactl")


def has_gpu(device: Path = CONTROL_DEVICE) -> bool:
    """Whether models are to run on a GPU here."""
    return device.exists()
