"""P: the simulated peers do what the real ones are known to do.

``measuring``: the runs; ``findings`` and ``section`` are pure.
"""
