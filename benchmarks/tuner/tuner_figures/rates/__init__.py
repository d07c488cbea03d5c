"""T2: what each pick carries when requests come at random times.

``bracket``, ``findings`` and ``section`` are pure; ``measuring`` sends them.
"""
