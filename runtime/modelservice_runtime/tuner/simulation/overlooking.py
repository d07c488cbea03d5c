"""What Triton's batcher overlooks where a limit is set on waiting. Facts; no imports.

Where a model has any queue policy, Triton (since 23.12) sends a batch only while it knows of an
instance that waits. Its batcher hears of an execution's end just before the instance says so: where
it looks too early it sleeps on, until the next request or for half a second.
"""

from __future__ import annotations

#: So often on a quiet machine, measured on 2.51 (benchmarks/tuner, T7); more often where threads
#: fight for cores.
OVERLOOKS = 0.1
#: Seconds after which a batcher that nobody wakes looks by itself.
LOOKS_ITSELF = 0.5
