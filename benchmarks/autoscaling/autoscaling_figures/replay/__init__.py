"""A user's own trace: what it would have cost with ours, and with others.

``measuring`` has the runs and writes; ``picture`` and ``words`` are pure.
"""
