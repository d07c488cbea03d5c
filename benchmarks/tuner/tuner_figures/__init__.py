"""The figures of the tuner: how they are measured, and what is made of them.

``search`` is T1, ``rates`` T2, ``retune`` T3, ``fidelity`` T4, ``memory`` T5, ``capacity`` T6,
``limits`` T7; ``models``, ``serving``, ``loads`` and ``peers`` are what they are measured with.
``page`` and whatever says so are pure. What all benchmarks share is ``bench_figures``, in
``benchmarks/common``, and the models are built by ``optimizer_figures.builds``.
"""
