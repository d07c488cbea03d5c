"""B1 to B5: ten services, and fewer GPUs than they would have.

``measuring``: the runs; ``bound``: what nobody beats; ``findings`` and ``section`` are pure.
"""
