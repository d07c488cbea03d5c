"""Who tunes: Model Analyzer in its modes, and ours, on the same Triton within the same bounds.

``modes``, ``profile``, ``found`` and ``picks`` are pure; ``analyzer`` and ``ours`` start them.
"""
