"""T4: the tuner's simulation beside the server, and the server beside itself.

``findings`` and ``section`` are pure; ``predicting`` runs in the serving environment with the
tuner's own modules; ``measuring`` measures and has it predict.
"""
