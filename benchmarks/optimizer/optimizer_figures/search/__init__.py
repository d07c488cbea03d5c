"""O3: how long the search takes, and what it finds in half of the time.

``findings`` and ``section`` are pure; ``measuring`` has the examples built.
"""
