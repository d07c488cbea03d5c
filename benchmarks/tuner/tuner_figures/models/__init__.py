"""The models that are tuned: what they are, and how their artifacts and inputs come about.

``cases`` is pure; ``artifacts`` has them made; ``adding`` and ``inputs`` run in the serving
environment.
"""
