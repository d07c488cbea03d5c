"""C1 and C2: metrics that fail, and steps of the load.

``measuring``: the runs; ``findings`` and ``section`` are pure.
"""
