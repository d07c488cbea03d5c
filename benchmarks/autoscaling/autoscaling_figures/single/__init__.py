"""A1 to A5: one service, as many GPUs as are asked for.

``peers``: who, with which settings; ``measuring``: the runs; ``findings`` and ``section`` are pure.
"""
