"""T3: a tuning changed while requests come, in place and by the ways that everybody knows.

``findings`` and ``section`` are pure; ``clients`` runs in the serving environment; ``measuring``
starts them and changes the tuning meanwhile.
"""
