"""Load from perf_analyzer that favours nobody: our own arrivals, and every request counted.

``generator`` runs perf_analyzer; all else is pure.
"""
