"""What Triton's dynamic batcher would do: a discrete-event simulation, and what follows from it.

Room: arrivals of a traffic, the batcher's rules, latencies, the rate that a setting carries and
the capacity table. Pure: randomness comes from seeds, so the same question has the same answer.
Imports numpy and numba; the operator needs none of this.

The rules are those of Triton's ``dynamic_batch_scheduler.cc`` (read in core of 2026-06 and seen to
hold in 2.51): when an instance is free, requests are taken from the front of the queue until the
batch is full, or the next one does not fit, or none is left; a batch that is not full waits until
its oldest request has waited for the queue delay. Without a delay it goes at once. A request that
has waited longer than the queue's time-out is rejected when a batch is put together. Higher
priority levels are taken first. Payloads that Triton prepares ahead of time go on growing until
an instance takes them, so they change nothing.
"""
