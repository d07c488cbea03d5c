"""The figures of the artifact builder: how they are measured, and what is made of them.

One package or module for each figure; ``gate`` is O2. ``page`` and whatever says so are
pure and run in any Python; what says that it runs in the builder's environment needs its packages.
What all benchmarks share is ``bench_figures``, in ``benchmarks/common``.
"""
