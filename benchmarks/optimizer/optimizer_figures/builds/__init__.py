"""Builds of the examples, made once and kept: what O1, O3 and O4 look at.

``cases`` and ``reports`` are pure; ``launch`` runs in the builder's environment; ``building``
starts it, watches it and keeps what came of it.
"""
