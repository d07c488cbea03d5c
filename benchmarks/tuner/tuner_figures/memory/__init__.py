"""T5: what the tuner says that a setting needs, beside what it needs.

``findings`` and ``section`` are pure; ``family`` reads /proc; ``predicting`` runs in the serving
environment; ``measuring`` starts a Triton for each setting.
"""
