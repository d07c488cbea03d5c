"""Load from perf_analyzer that favours nobody: our own arrivals, and every request counted.

``arrivals``, ``traces``, ``executions`` and ``requests`` are pure; ``generator`` runs perf_analyzer.
"""
