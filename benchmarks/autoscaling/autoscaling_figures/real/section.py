"""R and V on the page. Pure."""

from __future__ import annotations

from bench_figures.document import Document

from autoscaling_figures.sections import section

_WORDS = """
## R: on a real Kubernetes, beside its own HPA

Real API server, scheduler, controllers and kubelets, real Prometheus, real Tritons; three services
and six GPUs for each side. Three windows of 15 minutes at their own pace: the busiest part of
recorded series (else of made-up ones) whose busiest minute is at most three times the mean, so
large that four replicas carry the mean of all three together. Before each both sides go back to one
replica a service and have two minutes, not counted, at its first rates. Both run at the same time,
get the same requests at the same times, and have the same pods: *ours* are ModelServices that the
operator built, tuned and runs at its defaults; the other's are copies of their Deployments under
HPAs at default behaviour, whose target is 70 % of the same measured capacity of a replica, on the
same offered load (an external metric over one minute of the same Prometheus, scraped every 15 s).
Who finds no free GPU waits for the scheduler, on both sides. At this load both hold all GPUs nearly
all the time: what differs is who has them.

Emulated: an execution *sleeps* 120 + 40 ms x rows (batches up to 8, goal 1 s for 99 of 100
requests), since six replicas that compute would fight for two cores, and a start sleeps 20 s more,
as weights would take; GPUs are counted and not there. Requests go out on a connection each, so that
the Service splits them at random. *Too late*: answered beyond the goal; *refused*: by the queue's
policy; *sent late*: by the client, by 20 ms or more. GPU-seconds: from a pod's place on a node
until it is gone. `make bench-autoscaling ARGS='R --traces DIR'` takes an hour and a half of a
machine that does nothing else, and leaves pictures of every window beside its records, in
`benchmarks/autoscaling/real/windows.html` of the project's cache.
"""
_REPLAYED = """\
The same requests in the simulator, with the measured profile, starts and drains; five seeds. Real
Tritons refuse a request now and then at any load, on both sides: with a limit on waiting a batcher
may sleep on though an instance got free, until the next request comes
([the tuner's figures](tuner.md), T7). The simulator's does so as often as one Triton on a quiet
machine; where twelve share two cores it may be more often:"""
_FAULTS = """\
What was broken for real, on our side alone; the load has fallen to a quarter shortly before the
first. *Given up*: replicas, while it holds; *jump*: replicas that come or go within 40 s after it;
*failed*: requests, refusals left out:"""
_TABLES = {
    "R": ("", "window: side"),
    "V": (_REPLAYED, "window: side"),
    "R.faults": (_FAULTS, "fault"),
}


def lines(document: Document) -> list[str]:
    """The lines of this section; none while nothing of it was measured."""
    return section(document, _WORDS, _TABLES, "window: side")
