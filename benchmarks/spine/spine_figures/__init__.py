"""The figures of the first issue: how they are measured, and what is made of them.

``rows``, ``procfs``, ``waiting``, ``settings`` and ``page`` are pure; ``inside`` runs in the
serving environment, beside Triton; the others start things and look at them.
"""
