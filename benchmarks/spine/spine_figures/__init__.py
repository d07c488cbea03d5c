"""The figures of the first issue: how they are measured, and what is made of them.

``procfs``, ``waiting``, ``settings`` and ``page`` are pure; ``inside`` runs in the serving
environment, beside Triton; the others start things and look at them. What all benchmarks share
is ``bench_figures``, in ``benchmarks/common``.
"""
